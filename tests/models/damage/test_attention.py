"""The attention blocks: equal to their plain forms, memory that grows with N, all-hole images."""

from __future__ import annotations

import pytest
import torch
from dense_attention import dense_partial_attention, dense_twin
from live_memory import LiveBytes
from published_fill import fill
from torch import Tensor
from torch.nn import functional

from models.damage import attention
from models.damage.attention import (
    AllDamaged,
    PartialNonLocal,
    PatchAttention,
    most_similar,
    partial_attention,
    validity,
)


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _mask(batch: int, side: int) -> Tensor:
    """A thick line, and a block that differs from image to image."""
    mask = torch.zeros(batch, 1, side, side)
    mask[:, :, side // 3 : side // 3 + 5] = 1
    for image in range(batch):
        mask[image, :, : side // 4, 4 * image : 4 * image + side // 4] = 1
    return mask


@pytest.fixture
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 2048 similarities, so that small images need many."""
    monkeypatch.setitem(attention._ENTRIES, "cpu", 2048)


@pytest.mark.usefixtures("_small_pieces")
def test_partial_attention_is_its_dense_form() -> None:
    query, key, value = (_noise(2, 300, 8, seed=seed) for seed in range(3))
    valid = (_noise(2, 300, seed=3) > 0).float()
    ours = partial_attention(query, key, value, valid)
    assert torch.allclose(ours, dense_partial_attention(query, key, value, valid), atol=1e-5)
    # Invalid keys do not count: it is the softmax over the valid ones alone.
    keep = valid[0] == 1
    alone = torch.softmax(query[0] @ key[0, keep].T, dim=1) @ value[0, keep]
    assert torch.allclose(ours[0], alone, atol=1e-5)


@pytest.mark.usefixtures("_small_pieces")
def test_where_nothing_valid_is_similar_the_dense_form_is_followed_to_zero() -> None:
    query, key, value = torch.full((1, 60, 2), 8.0), _noise(1, 60, 2), _noise(1, 60, 2, seed=1)
    key[:, :10], key[:, 10:] = 4.0, -4.0
    valid = torch.ones(1, 60)
    valid[:, :10] = 0  # The only similar ones are holes: e^-128 of the weight is left.
    ours = partial_attention(query, key, value, valid)
    assert torch.allclose(ours, dense_partial_attention(query, key, value, valid), atol=1e-5)
    assert ours.abs().max() < 1e-6


@pytest.mark.usefixtures("_small_pieces")
def test_gradients_are_those_of_the_dense_form() -> None:
    def gradients(dense: bool) -> list[Tensor]:
        given = [_noise(2, 150, 4, seed=seed).requires_grad_() for seed in range(3)]
        valid = (_noise(2, 150, seed=3) > 0).float()
        result = (dense_partial_attention if dense else partial_attention)(*given, valid)
        result.square().sum().backward()
        return [one.grad for one in given if one.grad is not None]

    ours, theirs = gradients(False), gradients(True)
    assert len(ours) == 3
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.usefixtures("_small_pieces")
def test_partial_block_is_its_dense_twin() -> None:
    block = fill(PartialNonLocal(8), gain=0.7)
    assert isinstance(block, PartialNonLocal)
    x, mask = _noise(2, 8, 16, 16), _mask(2, 64)
    with torch.inference_mode():
        ours, dense = block(x, mask), dense_twin(block)(x, mask)
    assert torch.allclose(ours, dense, atol=1e-4)
    valid = validity(mask, 16, 16).bool().expand_as(x)
    assert torch.equal(ours[valid], x[valid])
    assert not torch.allclose(ours[~valid], x[~valid], atol=0.1)


def test_validity_looks_at_the_pixels_the_published_code_looks_at() -> None:
    for row in range(4):
        for column in range(4):
            mask = torch.zeros(1, 1, 8, 8)
            mask[0, 0, 4 + row, column] = 1
            seen = (row in (1, 2) and column in (1, 2)) or (row == 0 and column == 0)
            expected = torch.ones(2, 2)
            expected[1, 0] = 0 if seen else 1
            assert torch.equal(validity(mask, 2, 2)[0, 0], expected), (row, column)


def test_nothing_damaged_changes_nothing() -> None:
    block, x = fill(PartialNonLocal(4)), _noise(1, 4, 8, 8)
    with torch.inference_mode():
        assert torch.equal(block(x, torch.zeros(1, 1, 32, 32)), x)


@pytest.mark.parametrize("block", [PartialNonLocal(4), PatchAttention(4, 2)])
def test_nothing_left_to_fill_from_is_named(block: torch.nn.Module) -> None:
    mask = torch.zeros(2, 1, 32, 32)
    mask[1] = 1
    with torch.inference_mode(), pytest.raises(AllDamaged, match=r"image 1 .* larger tile"):
        block(_noise(2, 4, 8, 8), mask)


def _dense_patches(block: PatchAttention, z: Tensor, mask: Tensor) -> Tensor:
    """Patch attention of one image, patch by patch, after the published description."""
    x, p = block.res_block(z), block.patch
    down, across = x.shape[2] // p, x.shape[3] // p
    holes = (functional.interpolate(mask, x.shape[2:], mode="bilinear") > 0).float()
    places = [(r * p, c * p) for r in range(down) for c in range(across)]
    is_hole = {at: holes[0, 0, at[0] :, at[1] :][:p, :p].mean() > 0.6 for at in places}
    whole = torch.zeros_like(x)
    for at in places:
        best = at
        if is_hole[at]:
            patch = x[:, :, at[0] : at[0] + p, at[1] : at[1] + p].flatten()
            best = max(
                (place for place in places if not is_hole[place]),
                key=lambda place, patch=patch: float(
                    functional.cosine_similarity(
                        patch, x[:, :, place[0] :, place[1] :][:, :, :p, :p].flatten(), dim=0
                    )
                ),
            )
        whole[:, :, at[0] : at[0] + p, at[1] : at[1] + p] = x[:, :, best[0] :, best[1] :][
            :, :, :p, :p
        ]
    combined: Tensor = block.F_Combine(torch.cat([z, whole, holes], dim=1))
    return combined


@pytest.mark.usefixtures("_small_pieces")
@pytest.mark.parametrize("patch", [2, 4, 8])
def test_patch_attention_is_its_plain_form(patch: int) -> None:
    block = fill(PatchAttention(6, patch))
    assert isinstance(block, PatchAttention)
    z, mask = _noise(2, 6, 20, 24), torch.zeros(2, 1, 80, 96)
    mask[0, :, 30:66] = 1
    mask[1, :, :, 24:60] = 1
    with torch.inference_mode():
        ours = block(z, mask)
        for image in (0, 1):
            one = slice(image, image + 1)
            assert torch.allclose(ours[one], _dense_patches(block, z[one], mask[one]), atol=1e-4)


@pytest.mark.usefixtures("_small_pieces")
def test_most_similar_is_by_direction_not_by_length() -> None:
    offered = torch.cat([_noise(4000, 5) * 50, torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]])])
    wanted = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]).expand(3, 5)
    assert most_similar(wanted, offered).tolist() == [4000] * 3
    cosine = functional.normalize(_noise(40, 5, seed=1)) @ functional.normalize(offered).T
    assert torch.equal(most_similar(_noise(40, 5, seed=1), offered), cosine.argmax(dim=1))


def test_patches_are_copied_with_gradients() -> None:
    torch.manual_seed(0)
    block, z = PatchAttention(4, 2), _noise(1, 4, 8, 8).requires_grad_()
    block(z, _mask(1, 32)).square().sum().backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def _peak(block: torch.nn.Module, side: int, train: bool = False) -> LiveBytes:
    x, mask = _noise(1, 4, side, side).requires_grad_(train), _mask(1, 4 * side)
    with LiveBytes() as live, torch.set_grad_enabled(train):
        result = block(x, mask)
        if train:
            result.sum().backward()
    return live


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("make", [PartialNonLocal, lambda channels: PatchAttention(channels, 2)])
def test_memory_grows_with_the_image_not_with_its_square(
    make: object, train: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted while the block runs: twice the side, four times the bytes, never sixteen."""
    monkeypatch.setitem(attention._ENTRIES, "cpu", 2**13)
    block = make(4)  # type: ignore[operator]
    small, large = _peak(block, 16, train), _peak(block, 32, train)
    assert large.peak < 4.5 * small.peak
    # 1024 positions squared, or 256 patches squared, would be 65,536 at least.
    assert large.largest <= 40_000


def test_memory_of_the_plain_form_is_seen_to_grow_with_the_square() -> None:
    dense = dense_twin(fill(PartialNonLocal(4)))  # type: ignore[arg-type]
    assert _peak(dense, 32).peak > 12 * _peak(dense, 16).peak


def test_scores_stay_float32_under_autocast() -> None:
    block, x, mask = fill(PartialNonLocal(16), gain=0.7), _noise(1, 16, 16, 16) * 2, _mask(1, 64)
    hole = validity(mask, 16, 16) == 0
    with torch.inference_mode():
        exact = block(x, mask)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = block(x, mask).float()
    change = (rough - exact).masked_select(hole)
    assert 0 < change.pow(2).mean().sqrt() < 0.05 * exact.masked_select(hole).std()
