"""Norms (and how tiles of one scan share theirs), residual block, refusal of wrong shapes."""

from __future__ import annotations

import pytest
import torch
from published_fill import fill
from torch import Tensor, nn

from models.layers import (
    BadNetworkInput,
    Norm,
    PooledInstanceNorm,
    PositionNorm,
    ResidualBlock,
    check_shape,
    normalization,
    pooled,
    pooled_statistics,
)


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _uneven(height: int = 32, width: int = 48) -> Tensor:
    """Noise over a ramp: its tiles differ in mean and spread."""
    ramp = torch.linspace(-2, 3, width) + torch.linspace(0, 2, height)[:, None]
    return _noise(1, 4, height, width) * (1 + ramp.abs()) + ramp * torch.arange(1, 5)[:, None, None]


def test_instance_norm_by_its_definition() -> None:
    x = _noise(2, 5, 12, 9) * 3 + 7
    mean = x.mean(dim=(2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(PooledInstanceNorm()(x), (x - mean) / (variance + 1e-5).sqrt(), atol=1e-5)
    assert PooledInstanceNorm().state_dict() == {}


def test_position_norm_by_its_definition_and_alike_in_every_tile() -> None:
    norm = fill(PositionNorm(5))
    x = _noise(2, 5, 12, 9) * 3 + 7
    mean = x.mean(dim=1, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=1, keepdim=True)
    expected = (x - mean) / (variance + 1e-5).sqrt() * norm.weight[:, None, None]
    assert torch.allclose(norm(x), expected + norm.bias[:, None, None], atol=1e-5)
    assert torch.equal(norm(x[:, :, 3:8, 2:9]), norm(x)[:, :, 3:8, 2:9])
    assert list(norm.state_dict()) == ["weight", "bias"]


def test_kinds_of_norm() -> None:
    assert isinstance(normalization("instance", 4), PooledInstanceNorm)
    assert isinstance(normalization("position", 4), PositionNorm)
    assert isinstance(normalization("none", 4), nn.Identity)
    with pytest.raises(ValueError, match="'batch': say instance"):
        normalization("batch", 4)  # type: ignore[arg-type]


def test_pooled_over_tiles_that_partition_an_image_are_the_statistics_of_the_image() -> None:
    whole, norm = _uneven(), PooledInstanceNorm()
    tiles = torch.cat([tile for row in whole.chunk(2, dim=2) for tile in row.chunk(3, dim=3)])
    with pooled(norm):
        left, middle, right, *_ = norm(tiles).split(1)
    expected = norm(whole)
    assert torch.allclose(torch.cat([left, middle, right], dim=3), expected[:, :, :16], atol=1e-5)
    assert not torch.allclose(norm(tiles[:1]), expected[:, :, :16, :16], atol=0.5)


def test_pooled_statistics_come_from_the_first_batch_and_are_forgotten() -> None:
    norm = nn.Sequential(nn.ReLU(), PooledInstanceNorm())
    first, second = _uneven(), _noise(3, 4, 8, 8, seed=2) * 9
    with pooled(norm):
        assert pooled_statistics(norm) == {}
        norm(first)
        mean, variance = pooled_statistics(norm)["1"]
        later = norm(second)
        assert torch.equal(pooled_statistics(norm)["1"][0], mean)
    assert torch.allclose(mean, first.relu().mean(dim=(0, 2, 3)), atol=1e-5)
    by_hand = (second.relu() - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    assert torch.allclose(later, by_hand, atol=1e-5)
    assert pooled_statistics(norm) == {}
    assert not torch.allclose(norm(second), later, atol=0.1)


def test_statistics_are_forgotten_after_an_error_too() -> None:
    norm = PooledInstanceNorm()
    with pytest.raises(RuntimeError, match="out of memory"), pooled(norm):
        norm(_uneven())
        raise RuntimeError("out of memory")
    assert not norm.pooling
    assert norm.statistics is None


def test_two_tilings_agree_much_better_when_statistics_are_pooled() -> None:
    """A block whose tiles are cut at two places, compared where both have seen the same."""
    block, whole = fill(ResidualBlock(4)), _uneven(32, 96)
    one = torch.cat([whole[..., left : left + 32] for left in (0, 32, 64)])
    other = torch.cat([whole[..., left : left + 32] for left in (16, 48)])

    def disagreement() -> float:
        with torch.inference_mode():
            a, b = block(one.clone()), block(other.clone())
        # Columns 36 to 44 lie well inside the second tile of one and the first of the other.
        return float((a[1, :, 4:-4, 4:12] - b[0, :, 4:-4, 20:28]).abs().max())

    alone = disagreement()
    with pooled(block):
        together = disagreement()
    assert together < 1e-5 < alone / 1000


def test_residual_block_has_the_published_keys_and_adds_its_input() -> None:
    keys = [f"conv_block.{place}.{part}" for place in (1, 5) for part in ("weight", "bias")]
    assert list(ResidualBlock(6).state_dict()) == keys
    assert "conv_block.2.weight" in ResidualBlock(6, "position").state_dict()
    block = fill(ResidualBlock(6, "none"), gain=0.0)
    block.conv_block[5].bias.data.zero_()
    x = _noise(1, 6, 8, 8)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("norm", ["instance", "position", "none"])
def test_residual_block_gives_the_same_with_and_without_gradients(norm: Norm) -> None:
    block, x = fill(ResidualBlock(6, norm)), _noise(2, 6, 10, 7)
    given = x.clone()
    with torch.inference_mode():
        quiet = block(x)
    traced = block(x.requires_grad_())
    assert torch.allclose(quiet, traced, atol=1e-6)
    assert torch.equal(x, given)
    traced.sum().backward()
    assert block.conv_block[1].weight.grad is not None


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((1, 3, 30, 32), "multiples of 16"),
        ((1, 3, 16, 32), "at least 32"),
        ((1, 1, 32, 32), "takes B x 3"),
        ((3, 32, 32), "takes B x 3"),
        ((0, 3, 32, 32), "takes B x 3"),
        ((1, 3, 0, 32), "pad it first"),
    ],
)
def test_wrong_shapes_are_named(shape: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(BadNetworkInput, match=complaint):
        check_shape(torch.zeros(shape), 3, 16, what="tile", least=32)


def test_right_shapes_pass() -> None:
    check_shape(torch.zeros(1, 3, 32, 48), 3, 16, what="tile", least=32)
