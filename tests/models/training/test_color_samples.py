"""Lessons in colour: what is let in, what is shown, and that it follows from the seed."""

from __future__ import annotations

import cv2
import numpy as np
from training_kit import pictures

from models.color.space import luma
from models.training.color_samples import WHOLE, aged, color_sample, drawing, in_color, reduced
from models.training.data import Image, to_bytes


def sepia(picture: Image) -> Image:
    grey = luma(picture)[..., None]
    return to_bytes(np.asarray(grey ** np.array([0.8, 1.0, 1.3]), np.float32))


def test_only_what_is_in_colour_is_let_in() -> None:
    colored = pictures(3, 160, 200)
    grey = np.repeat(np.rint(255 * luma(colored[0])).astype(np.uint8)[..., None], 3, axis=2)
    found = in_color([colored[0], grey, sepia(colored[1]), colored[2]])
    assert [id(one) for one in found] == [id(colored[0]), id(colored[2])]


def test_a_sample_shows_grey_and_wants_the_true_colours() -> None:
    true = pictures(1, 64, 64)[0]
    greys = []
    for seed in range(12):
        grey, ab = color_sample(true, np.random.default_rng(seed))
        assert grey.shape == (64, 64) and grey.dtype == np.float32
        assert 0 <= grey.min() <= grey.max() <= 1
        lab = cv2.cvtColor(true.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        assert np.allclose(ab, lab[..., 1:], atol=0.1)
        greys.append(grey)
    # Some are luma itself, others aged or taken on another film; all of them the same picture.
    exact = [np.allclose(grey, luma(true), atol=1e-6) for grey in greys]
    assert 0 < sum(exact) < len(exact)
    for grey in greys:
        assert np.corrcoef(grey.ravel(), luma(true).ravel())[0, 1] > 0.8


def test_what_is_aged_keeps_its_size_and_range() -> None:
    grey = luma(pictures(1, 48, 56)[0])
    for seed in range(20):
        made = aged(grey, np.random.default_rng(seed))
        assert made.shape == grey.shape and made.dtype == np.float32
        assert 0 <= made.min() <= made.max() <= 1
        assert np.array_equal(made, aged(grey, np.random.default_rng(seed)))


def test_drawing_is_seeded_and_of_the_size_of_crops() -> None:
    draw = drawing([pictures(2, 96, 96), pictures(1, 96, 96, seed=5)], [0.5, 0.5], 64)
    first, again, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first["grey"].shape == (64, 64, 1) and first["grey"].dtype == np.uint8
    assert first["ab"].shape == (64, 64, 2) and first["ab"].dtype == np.float32
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["ab"], other["ab"])


def test_a_held_out_photograph_is_shown_whole_and_no_larger_than_networks_see_it() -> None:
    large = pictures(1, 300, 900)[0]
    small = reduced(large)
    height, width = small.shape[:2]
    assert abs(height * width - WHOLE**2) < 2 * (height + width)
    assert abs(width / height - 3) < 0.03
    assert np.abs(small.mean(axis=(0, 1)) - large.mean(axis=(0, 1))).max() < 1
    own = pictures(1, 64, 64)[0]
    assert reduced(own) is own
