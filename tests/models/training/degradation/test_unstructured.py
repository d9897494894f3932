"""Each step of ageing does what it is named for, and the same to every picture it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.training.degradation import TRAINING, Textures
from models.training.degradation import unstructured as ageing
from models.training.degradation.unstructured import Step

SHAPE = (64, 80)
EVERYTHING = replace(
    TRAINING, fade=1.0, uneven=1.0, paper=1.0, blur=1.0, grain=1.0, noise=1.0, resample=1.0
)


def drawn(seed: int) -> dict[str, Step]:
    made = ageing.steps(np.random.default_rng(seed), EVERYTHING, SHAPE, 1.0, Textures())
    return {step.name: step for step in made}


def flat(level: float) -> np.ndarray:
    return np.full((*SHAPE, 3), level, np.float32)


def noisy(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.8, (*SHAPE, 3)).astype(np.float32)


@pytest.mark.parametrize("name", drawn(0))
def test_steps_repeat_themselves_and_leave_their_input_alone(name: str) -> None:
    for seed in range(6):
        step, picture = drawn(seed)[name], noisy()
        first = step.apply(picture)
        np.testing.assert_array_equal(first, step.apply(picture))
        np.testing.assert_array_equal(picture, noisy())
        assert first.dtype == np.float32
        assert first.shape == picture.shape
        assert (first != picture).any()


def test_order_is_random() -> None:
    assert len({tuple(drawn(seed)) for seed in range(10)}) > 5


def test_fading_narrows_the_range_and_keeps_the_order_of_tones() -> None:
    for seed in range(20):
        fade = drawn(seed)["fade"]
        levels = np.stack([fade.apply(flat(level))[0, 0] for level in (0.0, 0.25, 0.5, 0.75, 1.0)])
        assert (np.diff(levels, axis=0) > 0).all()
        assert levels[0].min() >= 0
        assert levels[-1].max() <= 1.001


def test_blur_and_resampling_take_detail_and_spread() -> None:
    for name in ("blur", "resample"):
        taken = []
        for seed in range(8):
            step = drawn(seed)[name]
            assert step.spreads
            taken.append(step.apply(noisy()).std() / noisy().std())
            np.testing.assert_allclose(step.apply(flat(0.5)), 0.5, atol=1e-3)
        assert max(taken) < 1.01
        assert np.mean(taken) < 0.8


def test_grain_is_correlated_and_noise_is_not() -> None:
    def neighbours(name: str, seed: int) -> float:
        field = drawn(seed)[name].apply(flat(0.5))[..., 0] - 0.5
        return float(np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1])

    assert np.mean([neighbours("grain", seed) for seed in range(8)]) > 0.3
    assert abs(np.mean([neighbours("noise", seed) for seed in range(8)])) < 0.05


def test_grain_is_weaker_in_black_than_in_grey() -> None:
    for seed in range(5):
        grain = drawn(seed)["grain"]
        assert grain.apply(flat(0.0)).std() < 0.6 * (grain.apply(flat(0.5)) - 0.5).std()


def test_strengths_are_those_of_the_severity() -> None:
    severity = replace(EVERYTHING, grain_strength=(0.05, 0.05), noise_strength=(0.02, 0.02))
    spreads: dict[str, list[float]] = {"grain": [], "noise": []}
    for seed in range(8):
        made = ageing.steps(np.random.default_rng(seed), severity, SHAPE, 1.0, Textures())
        for step in made:
            if step.name in spreads:
                spreads[step.name].append(float((step.apply(flat(0.5)) - 0.5).std()))
    assert 0.035 < np.mean(spreads["grain"]) < 0.065
    assert 0.015 < np.mean(spreads["noise"]) < 0.025


def test_papers_of_a_folder_are_used() -> None:
    stripes = np.tile(np.array([-1, 1], np.float32), (10, 30))
    severity = replace(EVERYTHING, paper_strength=(0.1, 0.1))
    means = []
    for seed in range(8):
        made = ageing.steps(
            np.random.default_rng(seed), severity, SHAPE, 1.0, Textures(papers=(stripes,))
        )
        (paper,) = (step for step in made if step.name == "paper")
        relief = paper.apply(flat(0.5))
        means.append(np.abs(np.diff(relief[..., 0], axis=0)).max() == 0)
    assert 1 <= sum(means) <= 7  # stripes run down every column; the others are procedural


def error(change: Callable[[np.ndarray], np.ndarray]) -> float:
    return float(np.abs(change(noisy()) - noisy()).mean())


def test_jpeg_loses_more_at_lower_quality() -> None:
    assert error(ageing.jpeg(40).apply) > error(ageing.jpeg(95).apply) > 0


def test_rounding_gives_byte_levels_within_range() -> None:
    result = ageing.rounded(np.array([[[-0.3, 0.5, 1.7]]], np.float32))
    np.testing.assert_allclose(result[0, 0] * 255, [0, 128, 255], atol=1e-3)


def test_a_grey_scan_has_equal_channels_and_keeps_grey() -> None:
    grey = ageing.grey_scan().apply(noisy())
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()
    np.testing.assert_allclose(ageing.grey_scan().apply(flat(0.4)), 0.4, atol=1e-6)
