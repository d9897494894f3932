"""Seams that are there are seen; corrections without any are not suspected."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from painted_scenes import in_color

from models.evaluation.seams import seam_ratio

STRIDE = 56
BEFORE = in_color(200, 420)


def corrected(seam: float, offset: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A smooth, noisy correction, with a step at every tile's border."""
    random = np.random.default_rng(0)
    change = cv2.GaussianBlur(random.normal(0, 1, BEFORE.shape), (0, 0), 1.5) * 40
    tile = (np.arange(BEFORE.shape[1]) - offset) // STRIDE
    change += seam * (tile % 2)[None, :, None]
    return np.clip(np.rint(BEFORE * 0.8 + 20 + change), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("offset", [0, 17])
def test_a_seam_of_three_levels_is_seen_wherever_in_the_tile_it_lies(offset: int) -> None:
    assert seam_ratio(BEFORE, corrected(0), STRIDE) == pytest.approx(1.0, abs=0.2)
    assert seam_ratio(BEFORE, corrected(3, offset), STRIDE) > 1.5


def test_seams_along_the_other_axis_are_seen_too() -> None:
    turned = np.ascontiguousarray(np.swapaxes(BEFORE, 0, 1))
    seams = np.ascontiguousarray(np.swapaxes(corrected(3), 0, 1))
    assert seam_ratio(turned, seams, STRIDE) == pytest.approx(
        seam_ratio(BEFORE, corrected(3), STRIDE)
    )


def test_what_is_unchanged_has_none_and_what_is_small_says_nothing() -> None:
    assert seam_ratio(BEFORE, BEFORE, STRIDE) == 1.0
    assert math.isnan(seam_ratio(BEFORE[:60, :60], BEFORE[:60, :60], STRIDE))
