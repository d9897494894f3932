"""The colour generator: published layouts and vectors, strips, and small networks of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from published_colors import artistic, filled, head_of, outlined, vectors
from torch import Tensor, nn

from models.color import generator as module
from models.color.efficientnet import EfficientNetLite0
from models.color.generator import ColorUNet
from models.color.resnet import ResNetEncoder
from models.color.unet_blocks import PixelShuffle
from models.layers import BadNetworkInput
from models.spectral import SpectralConv
from models.weights.store import export, fitted, read_safetensors

OURS: dict[str, Any] = {
    "encoder": "efficientnet-lite0",
    "decoder": "wide",
    "width": 192,
    "bridge": 192,
    "planes": "ab",
    "reach": 110.0,
    "spectral": False,
}
SMALL: dict[str, Any] = {
    "encoder": "resnet10",
    "encoder_width": 4,
    "decoder": "wide",
    "width": 8,
    "bridge": 4,
    "planes": "ab",
    "reach": 110.0,
}


def check_taps(found: dict[str, Tensor], stored: dict[str, Tensor], case: str) -> int:
    """Fail unless every stored tap of `case` is met within 1e-4; how many there were."""
    checked = 0
    for name, wanted in stored.items():
        layer, _, step = name.removeprefix("tap_").partition(f"_{case}_ch::")
        if name.startswith("tap_") and step:
            assert torch.allclose(found[layer][:, :: int(step)], wanted, rtol=0, atol=1e-4), name
            checked += 1
    return checked


def tapped(network: ColorUNet, given: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Copies of what each layer puts out, and the result."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        return lambda _module, _given, made: found.__setitem__(name, made.clone())

    layers = [(f"L{number}", layer) for number, layer in enumerate(network.layers)]
    layers += [(f"E{number}", layer) for number, layer in enumerate(network.encoder.children())]
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in layers]
    with torch.inference_mode():
        made = network(given)
    for hook in hooks:
        hook.remove()
    found["L0"] = found["E7"]
    return found, made


def test_the_artistic_network_is_the_published_one_layer_by_layer() -> None:
    stored = vectors("deoldify_artistic")
    found, made = tapped(artistic(), stored["x_a"])
    assert check_taps(found, stored, "a") == 6
    assert torch.allclose(made, stored["out_a"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", ["b", "c"])
def test_sides_that_halve_to_odd_ones_and_oblongs_are_the_published_ones(case: str) -> None:
    stored = vectors("deoldify_artistic")
    found, made = tapped(artistic(), stored[f"x_{case}"])
    assert check_taps(found, stored, case) == (3 if case == "b" else 0)
    assert torch.allclose(made[:, :, ::2, ::2], stored[f"out_{case}_hw::2"], rtol=0, atol=1e-4)


def test_the_stable_network_has_the_published_keys_and_the_published_encoder() -> None:
    # The decoder's 176 million weights take too long to fill: run once in full, 2e-6 apart.
    network = outlined("deoldify_stable")
    encoder = network.encoder
    weights = filled("deoldify_stable", "layers.0.")
    encoder.load_state_dict(
        {key.removeprefix("layers.0."): tensor for key, tensor in weights.items()}, assign=True
    )
    stored = vectors("deoldify_stable")
    with torch.inference_mode():
        maps = encoder.eval().maps(stored["x_a"])
    found = dict(zip(("E2", "E4", "E5", "E6", "L0"), maps, strict=True))
    norm = nn.BatchNorm2d(2048).eval()
    norm.load_state_dict(
        {
            key.removeprefix("layers.1."): tensor
            for key, tensor in filled("deoldify_stable", "layers.1.").items()
        }
    )
    with torch.inference_mode():
        found["L1"] = norm(maps[-1])
    assert check_taps(found, stored, "a") == 5


@pytest.mark.parametrize("spectral", [True, False])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("decoder", ["deep", "wide"])
def test_a_small_network_is_the_same_class_and_learns(
    spectral: bool, full: bool, decoder: Any
) -> None:
    torch.manual_seed(0)
    network = ColorUNet(**{**SMALL, "decoder": decoder}, spectral=spectral, full=full)
    # Smooth, since half of these networks draw at half size.
    grey = nn.functional.interpolate(torch.rand(2, 1, 2, 3), (64, 96), mode="bilinear")
    made = network(grey)
    assert made.shape == (2, 2, 64, 96)
    assert torch.equal(made, torch.zeros_like(made))  # untrained it leaves everything grey
    wanted = torch.stack([20 * grey[:, 0] - 10, 30 - 60 * grey[:, 0]], dim=1)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    losses = []
    for _ in range(15):
        loss = (network(grey) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(part.grad is not None for part in network.parameters())
    assert losses[-1] < 0.75 * losses[0], losses
    with torch.inference_mode():
        assert float(network.eval()(grey).abs().max()) <= 110


def test_our_network_fits_fourteen_megabytes() -> None:
    with torch.device("meta"):
        network = ColorUNet(**OURS)
    assert isinstance(network.encoder, EfficientNetLite0)
    assert sum(part.numel() for part in network.parameters()) < 7_000_000
    entries = network.state_dict().values()
    assert sum(2 * entry.numel() if entry.is_floating_point() else 8 for entry in entries) < 14e6


def test_weights_go_through_a_float16_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ColorUNet(**SMALL)
    network(torch.rand(2, 1, 64, 64))  # running statistics
    nn.init.normal_(head_of(network).weight, 0, 0.1)
    network.prepare()
    export("color_small", network, tmp_path / "small.safetensors", {"settings": SMALL})
    again = ColorUNet(**SMALL)
    layout = {key: (tuple(t.shape), t.is_floating_point()) for key, t in again.state_dict().items()}
    again.load_state_dict(fitted(read_safetensors(tmp_path / "small.safetensors"), layout, "it"))
    grey = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        first, second = network(grey), again.prepare()(grey)
    assert float(first.std()) > 0.5
    assert torch.allclose(first, second, rtol=0, atol=0.05 * float(first.abs().max()))


@pytest.mark.parametrize("planes", ["rgb", "ab"])
@pytest.mark.parametrize("size", [(64, 96), (66, 34)])
def test_strips_give_what_the_whole_gives(
    planes: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = ColorUNet(**{**SMALL, "planes": planes, "reach": 3.0})
    nn.init.normal_(head_of(network).bias, 0, 1)
    if planes == "ab":
        nn.init.normal_(head_of(network).weight, 0, 1)
    network.eval()
    given = torch.rand(2, network.inputs, *size)
    whole = network(given).detach()  # with gradients everything is drawn at once
    runs: list[int] = []
    network.layers[10].register_forward_hook(lambda _m, given, _out: runs.append(given[0].shape[2]))
    for entries in (1, 3000, 12_000, 10**9):
        monkeypatch.setitem(module._STRIP_ENTRIES, "cpu", entries)
        runs.clear()
        with torch.inference_mode():
            assert torch.allclose(network(given), whole, rtol=0, atol=1e-5)
        assert (len(runs) == 1) == (entries == 10**9)
        if entries == 1:
            assert max(runs) <= 2 + 2 * 2  # two rows of the result and those that they see
    assert float(whole.std()) > 0.01


def test_folding_spectral_norms_changes_keys_and_values_in_nothing() -> None:
    torch.manual_seed(0)
    network = ColorUNet(**{**SMALL, "planes": "rgb", "reach": 3.0}).eval()
    given = torch.randn(1, 3, 64, 64)
    keys = list(network.state_dict())
    with torch.inference_mode():
        before = network(given)
        after = network.prepare()(given)
    assert list(network.state_dict()) == keys
    assert all(part.folded for part in network.modules() if isinstance(part, SpectralConv))
    assert torch.allclose(before, after, rtol=0, atol=1e-5)


def test_an_untrained_pixel_shuffle_draws_no_checkerboard() -> None:
    torch.manual_seed(0)
    for last in (False, True):
        layer = PixelShuffle(6, 4, spectral=True, last=last).eval()
        made = layer(torch.randn(1, 6, 1, 1).expand(-1, -1, 5, 5))
        assert float(made.detach().std(dim=(2, 3)).max()) < 1e-5
        assert float(made.detach().abs().max()) > 1e-3


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 1, 30, 64), (1, 1, 65, 64), (64, 64)])
def test_bad_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadNetworkInput, match="picture for the colour generator"):
        ColorUNet(**SMALL)(torch.zeros(shape))


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="resnet34"):
        ColorUNet(encoder="vgg16")
    with pytest.raises(ValueError, match="deep or wide"):
        ColorUNet(decoder="narrow")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rgb or ab"):
        ColorUNet(planes="lab")  # type: ignore[arg-type]
    assert ResNetEncoder("resnet10", 4).channels == (4, 4, 8, 16, 32)
