"""The scratch detector: published layout and vectors, other widths, refusal of bad sizes."""

from __future__ import annotations

import pytest
import torch
from published_fill import fill, published_network, published_vectors
from torch import Tensor

from models.damage.scratch import Blur, ScratchUNet
from models.layers import BadNetworkInput

NAME = "bopbl_scratch_detection"


@pytest.fixture(scope="module")
def network() -> ScratchUNet:
    built = published_network(ScratchUNet, NAME)
    assert isinstance(built, ScratchUNet)
    return built


@pytest.fixture(scope="module")
def vectors() -> dict[str, Tensor]:
    return published_vectors(NAME)


@pytest.mark.parametrize("case", ["a", "b"])
def test_logits_are_the_published_ones(
    network: ScratchUNet, vectors: dict[str, Tensor], case: str
) -> None:
    with torch.inference_mode():
        logits = network(vectors[f"x_{case}"])
    assert torch.allclose(logits, vectors[f"logits_{case}"], rtol=0, atol=1e-4)


def test_logits_with_the_binomial_blur(network: ScratchUNet, vectors: dict[str, Tensor]) -> None:
    blurs = [layer for layer in network.modules() if isinstance(layer, Blur)]
    filled = [blur.filt.clone() for blur in blurs]
    try:
        for blur in blurs:
            blur.filt.copy_(Blur(len(blur.filt)).filt)
        with torch.inference_mode():
            logits = network(vectors["x_a"])
    finally:
        for blur, filt in zip(blurs, filled, strict=True):
            blur.filt.copy_(filt)
    assert torch.allclose(logits, vectors["logits_binomfilt_a"], rtol=0, atol=1e-4)


def test_blur_keeps_flat_pictures_and_removes_the_finest_stripes() -> None:
    stripes = torch.zeros(1, 3, 8, 8)
    stripes[..., ::2] = 1
    assert torch.allclose(Blur(3)(torch.full((1, 3, 8, 8), 0.3)), torch.tensor(0.3))
    assert torch.allclose(Blur(3)(stripes), torch.tensor(0.5))


def test_a_narrow_net_is_the_same_class_and_learns() -> None:
    torch.manual_seed(0)
    small = ScratchUNet(width=4, depth=2)
    assert small.multiple == 4
    assert [key for key in small.state_dict() if key.startswith("down_sample.1")][-1] == (
        "down_sample.1.4.filt"
    )
    x = torch.rand(2, 1, 16, 24) * 2 - 1
    logits = small(x)
    assert logits.shape == x.shape
    logits.mean().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())
    # The blur is no parameter: training leaves it as it is.
    assert not any(name.endswith("filt") for name, _ in small.named_parameters())


def test_images_of_a_batch_do_not_see_each_other() -> None:
    small = fill(ScratchUNet(width=4, depth=2))
    x = torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(3)) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(small(x)[1:], small(x[1:]), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 40, 64), (1, 1, 16, 64), (1, 3, 64, 64)])
def test_bad_sizes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadNetworkInput, match="scratch detector"):
        ScratchUNet(width=2)(torch.zeros(shape))
