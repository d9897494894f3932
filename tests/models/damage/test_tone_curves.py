"""Curves: monotone, bounded in slope, fine enough for 16 bits, and careful with hue."""

from __future__ import annotations

import numpy as np
import pytest

from models.damage.tone_curves import (
    FLATTEST,
    STEEPEST,
    BadSamples,
    Curves,
    blended,
    bounded,
    inverse_fading,
    steps,
)

THREE = inverse_fading((0.2, 0.1, 0.15), (0.9, 0.8, 0.6), (1.0, 1.2, 0.8))
ONE = inverse_fading((0.2,), (0.8,), (1.1,))


def test_fading_is_undone() -> None:
    clean = np.linspace(0.05, 0.95, 200, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    black, white, gamma = (
        np.float32(values) for values in ((0.2, 0.1, 0.15), (0.9, 0.8, 0.75), (1.0, 1.2, 0.8))
    )
    faded = black + (white - black) * clean**gamma
    curves = Curves(inverse_fading(black.tolist(), white.tolist(), gamma.tolist()))
    # The bounds on the slope cost a little at the ends.
    assert np.abs(curves.apply(faded) - clean).max() < 0.05
    assert np.abs(curves.apply(faded) - clean).mean() < 0.02


@pytest.mark.parametrize("tables", [THREE, ONE, inverse_fading((0.45,), (0.5,), (2.5,))])
def test_curves_rise_within_their_bounds(tables: np.ndarray) -> None:
    slopes = np.diff(tables.astype(np.float64), axis=1) * (tables.shape[1] - 1)
    assert slopes.min() > FLATTEST * 0.25  # what is over at the ends is shared out
    assert slopes.max() <= STEEPEST * 1.001
    assert tables.min() >= 0 and tables.max() <= 1


def test_a_table_within_the_bounds_is_kept() -> None:
    inputs = steps().astype(np.float64)
    assert np.allclose(bounded(inputs), inputs)
    assert np.allclose(bounded(0.1 + 0.7 * inputs), 0.1 + 0.7 * inputs)


def test_strength_scales_towards_the_identity() -> None:
    samples = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    full = Curves(ONE).apply(samples)
    half = Curves(blended(ONE, 0.5)).apply(samples)
    assert np.allclose(half, (samples + full) / 2, atol=1e-6)
    assert np.allclose(Curves(blended(ONE, 0.0)).apply(samples), samples, atol=1e-6)


def test_neighbouring_16_bit_levels_stay_apart() -> None:
    samples = (np.arange(65536, dtype=np.float64) / 65535).astype(np.float32).reshape(256, 256)
    corrected = Curves(ONE).apply(samples).ravel().astype(np.float64)
    assert (np.diff(corrected) > 0).all()


def test_grey_stays_exactly_grey_under_one_row() -> None:
    grey = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    colored = Curves(ONE).apply(grey[..., None].repeat(3, axis=2))
    assert (colored[..., 0] == colored[..., 1]).all() and (colored[..., 0] == colored[..., 2]).all()
    assert np.allclose(colored[..., 0], Curves(ONE).apply(grey), atol=1e-6)


def test_luminance_alone_keeps_the_differences_between_channels() -> None:
    sepia = np.array([[[0.60, 0.50, 0.36], [0.40, 0.33, 0.25]]], np.float32)
    corrected = Curves(ONE).apply(sepia)
    assert np.abs(corrected - sepia).max() > 0.05
    assert np.allclose(np.diff(corrected, axis=2), np.diff(sepia, axis=2), atol=1e-6)


def test_at_the_corners_of_the_gamut_the_hue_stays() -> None:
    corners = np.array([[[0.95, 0.80, 0.60], [0.30, 0.22, 0.12]]], np.float32)
    corrected = Curves(ONE).apply(corners)
    assert corrected.min() >= -1e-6 and corrected.max() <= 1 + 1e-6

    def hue(samples: np.ndarray) -> np.ndarray:
        red, green, blue = np.moveaxis(samples.astype(np.float64), 2, 0)
        return np.arctan2(red - green, green - blue)

    assert np.allclose(hue(corrected), hue(corners), atol=1e-3)


def test_the_input_is_not_written_to() -> None:
    samples = np.full((4, 4, 3), 0.4, np.float32)
    samples.setflags(write=False)
    Curves(THREE).apply(samples)
    Curves(ONE).apply(samples)
    assert (samples == np.float32(0.4)).all()


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (2, 4, 4, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadSamples, match="shape"):
        Curves(ONE).apply(np.zeros(shape, np.float32))


def test_grey_under_three_rows_is_refused() -> None:
    with pytest.raises(BadSamples, match="grey"):
        Curves(THREE).apply(np.zeros((4, 4), np.float32))
