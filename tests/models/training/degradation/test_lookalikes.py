"""What only looks like damage: every kind paints, seeded, in the dtype it was given."""

from __future__ import annotations

import numpy as np
import pytest
from painted_photograph import painted_photograph

from models.training.degradation import lookalikes
from models.training.degradation.lookalikes import KINDS

PHOTOGRAPH = painted_photograph(96, 128)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_paints_and_spares_most(kind: str) -> None:
    changed = []
    for seed in range(16):
        picture = PHOTOGRAPH.astype(np.float32) / 255
        KINDS[kind](picture, np.random.default_rng(seed))
        assert np.isfinite(picture).all()
        changed.append(np.abs(picture - PHOTOGRAPH / 255).max(axis=2) > 0.1)
    assert max(one.mean() for one in changed) > 0.004
    if kind != "halftone":  # a printing screen covers the whole print
        assert np.mean(changed) < 0.45


def test_seeded_and_the_photograph_itself_is_left_alone() -> None:
    before = PHOTOGRAPH.copy()
    first, again = (lookalikes(PHOTOGRAPH, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(PHOTOGRAPH, before)
    assert (first != lookalikes(PHOTOGRAPH, np.random.default_rng(5))).any()


def test_bytes_stay_bytes_and_floats_floats() -> None:
    floats = PHOTOGRAPH.astype(np.float32) / 255
    for seed in range(20):
        whole = lookalikes(PHOTOGRAPH, np.random.default_rng(seed))
        real = lookalikes(floats, np.random.default_rng(seed))
        assert whole.dtype == np.uint8
        assert real.dtype == np.float32
        assert 0 <= real.min() <= real.max() <= 1
        np.testing.assert_allclose(whole / 255, real, atol=0.51 / 255)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (200, 9)])
def test_the_smallest_pictures_are_no_trouble(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 128, np.uint8)
    for seed in range(40):
        assert lookalikes(picture, np.random.default_rng(seed)).shape == picture.shape
