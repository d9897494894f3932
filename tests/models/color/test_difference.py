"""CIEDE2000 against the published pairs, and the PSNR of chroma by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.color.difference import chroma_psnr, ciede2000

PAIRS = (
    # Sharma, Wu, Dalal 2005, table 1: pairs 1, 4, 7, 9, 13, 16, 17, 19, 24, 28, 34
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792),
    ((50, -0.0010, 2.4900), (50, 0.0009, -2.4900), 4.8045),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0000),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
)


def test_the_published_pairs() -> None:
    first, second = (np.array([pair[at] for pair in PAIRS], float) for at in (0, 1))
    wanted = [pair[2] for pair in PAIRS]
    assert np.allclose(ciede2000(first, second), wanted, atol=1e-4)
    assert np.allclose(ciede2000(second, first), wanted, atol=1e-4)


def test_nothing_lies_between_a_colour_and_itself() -> None:
    colors = np.random.default_rng(0).uniform((0, -90, -90), (100, 90, 90), (5, 4, 3))
    assert ciede2000(colors, colors).shape == (5, 4)
    assert np.abs(ciede2000(colors, colors)).max() == 0


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        ciede2000(np.zeros((2, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="CIELAB"):
        ciede2000(np.zeros((3, 2)), np.zeros((3, 2)))


def test_psnr_of_chroma() -> None:
    true = np.zeros((4, 4, 2), np.float32)
    assert chroma_psnr(true, true) == math.inf
    assert chroma_psnr(true + np.float32(0.1), true) == pytest.approx(20, abs=1e-4)
