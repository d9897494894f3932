"""Chroma at the scan's size: sharp where the scan is, seamless in strips, never wild."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.color.upsample import fitted
from models.contract import BadStageInput
from models.tiling import BadNetworkOutput

Floats = NDArray[np.float32]
_REDUCED = 8


def _two_halves() -> tuple[Floats, Floats]:
    """A dark red half beside a light blue one, edge in the midst of a working pixel."""
    luma = np.full((128, 256), 0.3, np.float32)
    luma[:, 132:] = 0.8
    chroma = np.zeros((128, 256, 2), np.float32)
    chroma[:, :132] = (-0.1, 0.2)
    chroma[:, 132:] = (0.2, -0.1)
    return luma, chroma


def _small(plane: Floats) -> Floats:
    size = (plane.shape[1] // _REDUCED, plane.shape[0] // _REDUCED)
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def test_chroma_does_not_bleed_over_an_edge() -> None:
    luma, chroma = _two_halves()
    led = fitted(_small(luma), _small(chroma)).rows(0, luma, 128)
    plain = cv2.resize(_small(chroma), (256, 128), interpolation=cv2.INTER_LINEAR)
    near = slice(132 - 10, 132 + 10)
    bled = [float(np.abs(made - chroma)[:, near].mean()) for made in (led, plain)]
    assert bled[0] < 0.25 * bled[1]
    assert np.abs(led - chroma)[:, :100].max() < 1e-3


def test_grain_is_not_given_colours() -> None:
    random = np.random.default_rng(0)
    luma = (0.5 + random.normal(0, 0.03, (128, 256))).astype(np.float32)
    chroma = np.zeros((128, 256, 2), np.float32)
    chroma += np.linspace(-0.1, 0.1, 256, dtype=np.float32)[:, None]
    made = fitted(_small(luma), _small(chroma)).rows(0, luma, 128)
    assert np.abs(made - chroma).max() < 0.01


def test_strips_give_what_the_whole_gives() -> None:
    random = np.random.default_rng(1)
    field = fitted(
        random.uniform(0, 1, (30, 41)).astype(np.float32),
        random.uniform(-0.3, 0.3, (30, 41, 2)).astype(np.float32),
    )
    luma = random.uniform(0, 1, (301, 407)).astype(np.float32)
    whole = field.rows(0, luma, 301)
    parts = [field.rows(top, luma[top : top + 77], 301) for top in range(0, 301, 77)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_scratch_gets_no_colour_that_is_not_around_it() -> None:
    luma, chroma = _two_halves()
    field = fitted(_small(luma), _small(chroma))
    luma[:, 60:62] = 1.0
    made = field.rows(0, luma, 128)
    assert made[..., 0].min() >= -0.1001 and made[..., 1].max() <= 0.2001


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3)])
def test_the_smallest_copies(shape: tuple[int, int]) -> None:
    field = fitted(np.full(shape, 0.5, np.float32), np.full((*shape, 2), 0.1, np.float32))
    made = field.rows(0, np.full((8, 8), 0.5, np.float32), 8)
    assert made == pytest.approx(np.full((8, 8, 2), 0.1), abs=1e-6)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(BadStageInput, match="does not belong"):
        fitted(np.zeros((4, 4), np.float32), np.zeros((4, 5, 2), np.float32))
    with pytest.raises(BadNetworkOutput, match="NaN"):
        fitted(np.zeros((4, 4), np.float32), np.full((4, 4, 2), np.nan, np.float32))
