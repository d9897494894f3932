"""The colour space: luma exact at any colour, out-of-gamut colours brought in along the line."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import SEPIA, in_color, landscape, sixteen, toned

from models.color.space import chroma, colored, from_ab, luma, rgb_of, to_ab
from models.contract import Samples

WEIGHTS = np.array((0.299, 0.587, 0.114))


def _luma_steps(pixels: Samples) -> NDArray[np.float64]:
    """Luma in steps of the samples, in double precision and by the book."""
    return pixels.astype(np.float64) @ WEIGHTS


def _wild(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    """Chroma of every hue, much of it far outside the gamut."""
    return np.random.default_rng(seed).uniform(-0.6, 0.6, (*shape, 2)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_luma_of_a_colourized_grey_scan_is_the_scan(dtype: type) -> None:
    full = np.iinfo(dtype).max
    values = np.unique(np.linspace(0, full, 4096).astype(dtype))
    scan = np.repeat(values[:, None], 50, axis=1)
    made, _ = colored(luma(scan), _wild(scan.shape), scan.dtype)
    assert made.dtype == dtype
    assert np.abs(_luma_steps(made) - scan).max() < 0.32
    assert np.array_equal(np.rint(_luma_steps(made)), scan)


def test_the_luma_of_a_toned_scan_is_met_below_one_step() -> None:
    scan = sixteen(toned(landscape(120, 160), *SEPIA))
    made, _ = colored(luma(scan), _wild(scan.shape[:2]), scan.dtype)
    assert np.abs(_luma_steps(made) - _luma_steps(scan)).max() < 0.35


def test_grey_and_no_chroma_stay_grey() -> None:
    scan = sixteen(landscape(60, 80))
    made, reduced = colored(luma(scan), np.zeros((60, 80, 2), np.float32), scan.dtype)
    assert np.array_equal(made, np.repeat(scan[..., None], 3, axis=2)) and not reduced.any()


def test_out_of_gamut_colours_keep_their_hue_and_are_counted() -> None:
    level = np.full((1, 2), 0.5, np.float32)
    asked = np.array([[[0.1, -0.05], [0.8, -0.4]]], np.float32)
    rgb, reduced = rgb_of(level, asked)
    assert reduced.tolist() == [[False, True]]
    back = chroma(rgb)
    assert back[0, 0] == pytest.approx(asked[0, 0], abs=1e-6)
    # On the same line, and no further in than the first channel that reaches its end.
    assert back[0, 1, 1] / back[0, 1, 0] == pytest.approx(-0.5, abs=1e-5)
    assert rgb[0, 1].max() == pytest.approx(1, abs=1e-6)
    assert 0 < np.hypot(*back[0, 1]) < np.hypot(*asked[0, 1])


def test_black_and_white_have_no_colour() -> None:
    for value in (0, 65535):
        scan = np.full((4, 4), value, np.uint16)
        made, reduced = colored(luma(scan), _wild((4, 4)), scan.dtype)
        assert (made == value).all() and reduced.all()


def test_chroma_there_and_back() -> None:
    rgb = in_color(60, 80).astype(np.float32) / 255
    own = (rgb @ WEIGHTS).astype(np.float32)
    again, reduced = rgb_of(own, chroma(rgb))
    assert np.abs(again - rgb).max() < 1e-5 and not reduced.any()


def test_cielab_there_and_back() -> None:
    level = np.linspace(0.2, 0.8, 40, dtype=np.float32).reshape(4, 10)
    ab = np.broadcast_to(np.array((12.0, 18.0), np.float32), (4, 10, 2))
    found = to_ab(level, from_ab(level, ab))
    # L* moves a little, since luma and not L* is kept; the colour hardly.
    assert np.abs(found - ab).max() < 1.5
    neutral = from_ab(level, np.zeros((4, 10, 2), np.float32))
    assert np.abs(neutral).max() < 1e-3
