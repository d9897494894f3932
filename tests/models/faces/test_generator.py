"""The face generator: published layout and vectors, narrow variants, the direct network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from published_fill import published_keys, published_meta, published_vectors
from spectral_fill import spectral_weights
from torch import Tensor, nn

from models.faces.direct import DirectFaceNet
from models.faces.generator import SpadeGenerator
from models.layers import BadNetworkInput
from models.spectral import SpectralConv

PUBLISHED = "bopbl_face_256"  # that of 512 pixels has the same keys and shapes


@pytest.fixture(scope="module")
def published() -> SpadeGenerator:
    with torch.device("meta"):
        network = SpadeGenerator()
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert list(shapes.items()) == list(published_keys(PUBLISHED).items())
    weights = spectral_weights(shapes, published_meta(PUBLISHED)["fill_gain"])
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval()


class _Reached(Exception):
    pass


def taps(network: nn.Module, face: Tensor, last: str) -> dict[str, Tensor]:
    """Outputs of the children up to `last`; the rest is not run."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _given: Any, made: Tensor) -> None:
            found[name] = made
            if name == last:
                raise _Reached

        return hook

    hooks = [child.register_forward_hook(keep(name)) for name, child in network.named_children()]
    with torch.inference_mode(), pytest.raises(_Reached):
        network(face)
    for hook in hooks:
        hook.remove()
    return found


def check_taps(found: dict[str, Tensor], vectors: dict[str, Tensor]) -> int:
    """Fail unless every stored tap is met within 1e-4; how many there were."""
    checked = 0
    for name, wanted in vectors.items():
        if not name.startswith("tap_"):
            continue
        child, _, steps = name.removeprefix("tap_").partition("_ch::")
        channels, _, pixels = steps.partition("_hw::")
        if child in found:
            made = found[child][:, :: int(channels), :: int(pixels), :: int(pixels)]
            assert torch.allclose(made, wanted, rtol=0, atol=1e-4), child
            checked += 1
    return checked


def test_faces_of_256_pixels_are_the_published_ones(published: SpadeGenerator) -> None:
    vectors = published_vectors("bopbl_face_256")
    with torch.inference_mode():
        made = published(vectors["x"])
    assert torch.allclose(made[:, :, ::2, ::2], vectors["out_::2_::2"], rtol=0, atol=1e-4)
    inner = vectors["out_crop_96:160_96:160"]
    assert torch.allclose(made[:, :, 96:160, 96:160], inner, rtol=0, atol=1e-4)


def test_at_512_pixels_the_first_layers_are_the_published_ones(published: SpadeGenerator) -> None:
    # The rest of the 600 billion multiplications is the same code; it was run once (5e-6).
    vectors = published_vectors("bopbl_face_512")
    face = vectors["x_low"].repeat_interleave(8, 2).repeat_interleave(8, 3)
    found = taps(published, face, last="G_middle_0")
    assert found["G_middle_0"].shape == (1, 1024, 32, 32)
    assert check_taps(found, vectors) == 3


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("residual", [False, True])
def test_a_narrow_generator_is_the_same_class_and_learns(norm: Any, residual: bool) -> None:
    torch.manual_seed(0)
    small = SpadeGenerator(width=2, hidden=4, norm=norm, residual=residual, side=64)
    face = torch.rand(2, 3, 64, 96) * 2 - 1
    made = small(face)
    assert made.shape == face.shape
    assert torch.equal(made, face) == residual  # adds nothing yet
    with torch.no_grad():
        small.conv_img.weight.normal_(0, 0.1)
    small(face).square().mean().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())
    assert small.side == 64
    with pytest.raises(ValueError, match="say batch or instance"):
        SpadeGenerator(width=2, norm="position")  # type: ignore[arg-type]


def test_five_million_parameters_fit_ten_megabytes() -> None:
    with torch.device("meta"):
        narrow = (
            SpadeGenerator(width=14, hidden=28, norm="instance", residual=True),
            DirectFaceNet(),
        )
    for network in narrow:
        entries = sum(tensor.numel() for tensor in network.state_dict().values())
        assert 4_000_000 < entries < 5_200_000


def test_the_spectral_norm_follows_its_weight_in_training_and_rests_in_use() -> None:
    torch.manual_seed(0)
    layer = SpectralConv(6, 5, 3)
    with torch.no_grad():
        layer.weight_orig.mul_(3).add_(0.2 * torch.randn_like(layer.weight_orig))
    x = torch.randn(1, 6, 4, 4)
    layer.train()
    for _ in range(60):
        layer(x)
    layer.eval()
    u, before = layer.weight_u.clone(), layer(x)
    assert torch.equal(layer(x), before) and torch.equal(layer.weight_u, u)
    largest = torch.linalg.matrix_norm(layer.weight_orig.flatten(1), ord=2)
    plain = torch.nn.functional.conv2d(x, layer.weight_orig / largest, layer.bias, padding=1)
    assert torch.allclose(before, plain, atol=1e-4)


def test_the_direct_network_changes_nothing_untrained_and_knows_where_it_looks() -> None:
    torch.manual_seed(0)
    network = DirectFaceNet(width=4, blocks=1, side=64)
    flat = torch.zeros(1, 3, 64, 64)
    assert torch.equal(network(flat), flat)
    torch.nn.init.normal_(network.last.weight, 0, 0.1)
    made = network(flat)
    # Of a flat picture alone every inner pixel of a 2x2 block would be the same.
    inner = made[0, 0, 24:40:2, 24:40:2]
    assert float(inner.detach().std()) > 1e-3


@pytest.mark.parametrize("shape", [(1, 3, 96, 80), (1, 3, 32, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_bad_faces_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadNetworkInput, match="face for the generator"):
        SpadeGenerator(width=2, hidden=4)(torch.zeros(shape))
    if shape[-1] != 80:  # a multiple of 8, not of 32
        with pytest.raises(BadNetworkInput, match="face for the direct network"):
            DirectFaceNet(width=4, blocks=1)(torch.zeros(shape))
