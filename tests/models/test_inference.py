import copy

import pytest
import torch
from torch import nn

from models.damage.scratch import ScratchUNet
from models.damage.vae import Autoencoder
from models.inference import MirroredBorder, ready

CPU = torch.device("cpu")


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_border_is_torchs_own(width: int, dtype: torch.dtype) -> None:
    x = torch.rand(2, 3, 5, 4).to(dtype)
    assert torch.equal(MirroredBorder(width)(x), nn.ReflectionPad2d(width)(x))


@pytest.mark.parametrize(
    ("network", "channels"),
    [(ScratchUNet(4, 2), 1), (Autoencoder(8, "position"), 3), (Autoencoder(8, "instance"), 3)],
)
def test_a_network_made_ready_gives_the_same_values(network: nn.Module, channels: int) -> None:
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # as if it had been trained
            layer.running_mean = torch.randn(layer.num_features)
            layer.running_var = 0.5 + torch.rand(layer.num_features)
            nn.init.normal_(layer.weight, 1, 0.3)
            nn.init.normal_(layer.bias, 0, 0.3)
    network.eval()
    made = ready(copy.deepcopy(network), CPU)
    kinds = {type(layer) for layer in made.modules()}
    assert MirroredBorder in kinds and not {nn.ReflectionPad2d, nn.BatchNorm2d} & kinds
    x = torch.rand(2, channels, 32, 48) * 2 - 1
    with torch.inference_mode():
        before, after = network(x), made(x)
    assert float((before - after).abs().max()) < 1e-5 * max(1.0, float(before.abs().max()))
    assert not any(parameter.requires_grad for parameter in made.parameters())
