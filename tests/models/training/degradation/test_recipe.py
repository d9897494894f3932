"""The recipe: what the three states and the two masks of a sample promise."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from painted_photograph import painted_photograph

from models.training.degradation import (
    EVALUATION,
    STRUCTURED_ONLY,
    TRAINING,
    Degraded,
    NotAPhotograph,
    Severity,
    degrade,
    fade,
)
from models.training.degradation.structured import PAINTERS

PHOTOGRAPH = painted_photograph(96, 128)
VISIBLE = 8 / 255

NOTHING = dict.fromkeys((*PAINTERS, "mask"), 0.0)
ONE_SCRATCH = replace(
    STRUCTURED_ONLY, **{**NOTHING, "scratch": 1.0}, untouched=0, monochrome=0, jpeg=0,
    most_defects=1, zoom=(1, 1),
)  # fmt: skip


def made(seed: int, severity: Severity = EVALUATION, **changes: float) -> Degraded:
    return degrade(PHOTOGRAPH, np.random.default_rng(seed), replace(severity, **changes))


def difference(sample: Degraded) -> np.ndarray:
    return np.abs(sample.degraded - sample.worn).max(axis=2)


@pytest.mark.parametrize("severity", [TRAINING, EVALUATION, STRUCTURED_ONLY])
def test_states_are_pictures_and_masks_exclude_each_other(severity: Severity) -> None:
    for seed in range(12):
        sample = made(seed, severity)
        for picture in (sample.clean, sample.worn, sample.degraded):
            assert picture.dtype == np.float32
            assert picture.shape == PHOTOGRAPH.shape
            assert picture.min() >= 0
            assert picture.max() <= 1
        assert sample.mask.dtype == sample.ignore.dtype == np.bool_
        assert sample.mask.shape == sample.ignore.shape == PHOTOGRAPH.shape[:2]
        assert not (sample.mask & sample.ignore).any()


def test_mask_is_what_one_sees_and_nothing_else_changed() -> None:
    for seed in range(12):
        sample = made(seed)
        assert sample.mask.any()
        assert difference(sample)[sample.mask].min() > VISIBLE
        assert difference(sample)[~(sample.mask | sample.ignore)].max() <= VISIBLE


def test_the_same_seed_gives_the_same_sample_and_another_seed_another() -> None:
    first, again, other = made(5), made(5), made(6)
    assert first.kinds == again.kinds
    for name in ("clean", "worn", "degraded", "mask", "ignore"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.degraded != other.degraded).any()


def test_bytes_and_floats_of_one_picture_are_treated_alike() -> None:
    floats = PHOTOGRAPH.astype(np.float32) / 255
    sample = degrade(floats, np.random.default_rng(3), EVALUATION)
    np.testing.assert_allclose(sample.degraded, made(3).degraded, atol=2 / 255)
    np.testing.assert_allclose(floats, PHOTOGRAPH / 255, atol=1e-6)  # the input is left alone


def test_damage_does_not_change_the_ageing_under_it() -> None:
    for seed in range(8):
        # Stains and tape also tint what is around them: that is ageing.
        aged = made(seed, structured=0.0).worn
        both = made(seed, stain=0.0, tape=0.0).worn
        np.testing.assert_allclose(both, aged, atol=1.01 / 255)


def test_ageing_does_not_change_the_damage_on_it() -> None:
    for seed in range(4):
        bare = made(seed, unstructured=0.0, monochrome=0.0).kinds
        assert bare
        assert bare == made(seed, monochrome=0.0).kinds[-len(bare) :]


def test_a_share_of_training_samples_is_left_alone() -> None:
    small = painted_photograph(40, 40)
    severity = replace(TRAINING, jpeg=0.0)
    samples = [degrade(small, np.random.default_rng(seed), severity) for seed in range(150)]
    alone = [np.array_equal(sample.degraded, sample.clean) for sample in samples]
    assert 0.12 < np.mean(alone) < 0.35
    assert 0.5 < np.mean([sample.mask.any() for sample in samples]) < 0.85


def test_structured_only_does_not_age() -> None:
    for seed in range(8):
        sample = made(seed, STRUCTURED_ONLY, stain=0.0, tape=0.0, monochrome=0.0, jpeg=0.0)
        np.testing.assert_allclose(sample.worn, sample.clean, atol=0.51 / 255)


def test_a_grey_scan_stays_exactly_grey() -> None:
    grey = np.repeat(PHOTOGRAPH[..., 1:2], 3, axis=2)
    for seed in range(10):
        sample = degrade(grey, np.random.default_rng(seed), replace(EVALUATION, monochrome=0.0))
        for picture in (sample.clean, sample.worn, sample.degraded):
            assert (picture[..., 0] == picture[..., 1]).all()
            assert (picture[..., 1] == picture[..., 2]).all()
        assert sample.mask.any()


def test_greying_reaches_the_clean_picture_too() -> None:
    sample = made(0, monochrome=1.0, toned=0.0)
    assert (sample.clean[..., 0] == sample.clean[..., 2]).all()
    toned = made(0, monochrome=1.0, toned=1.0).clean
    assert (toned[..., 0] != toned[..., 2]).any()


def test_evaluation_covers_a_few_percent_and_fades_every_picture() -> None:
    samples = [made(seed) for seed in range(24)]
    assert 0.015 < np.mean([sample.mask.mean() for sample in samples]) < 0.08
    assert all("fade" in sample.kinds for sample in samples)
    errors = [np.square(sample.degraded - sample.clean).mean() for sample in samples]
    assert 17 < np.mean(-10 * np.log10(errors)) < 25


def test_defects_grow_with_the_picture() -> None:
    def widest(scale: float) -> float:
        """Mean over pictures of half the width of the widest scratch."""
        reach = []
        for seed in range(16):
            sample = degrade(
                painted_photograph(192, 192), np.random.default_rng(seed), ONE_SCRATCH, scale=scale
            )
            distance = cv2.distanceTransform(sample.mask.astype(np.uint8), cv2.DIST_L2, 3)
            reach.append(distance.max())
        return float(np.mean(reach))

    assert widest(4.0) > 1.8 * widest(1.0)


def test_the_long_edge_sets_the_scale() -> None:
    picture = painted_photograph(64, 1280)
    by_default = degrade(picture, np.random.default_rng(1), ONE_SCRATCH)
    told = degrade(picture, np.random.default_rng(1), ONE_SCRATCH, scale=2.0)
    np.testing.assert_array_equal(by_default.degraded, told.degraded)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (300, 7)])
def test_the_smallest_pictures_are_no_trouble(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 120, np.uint8)
    for seed in range(25):
        sample = degrade(picture, np.random.default_rng(seed), EVALUATION)
        assert np.isfinite(sample.degraded).all()
        assert sample.mask.shape == shape


def test_fade_changes_tone_alone_and_without_fading_changes_none() -> None:
    faded = fade(PHOTOGRAPH, np.random.default_rng(2), replace(TRAINING, monochrome=0.0, fade=1.0))
    clean = PHOTOGRAPH.astype(np.float32) / 255
    assert np.abs(faded - clean).mean() > 0.01
    assert np.corrcoef(faded.ravel(), clean.ravel())[0, 1] > 0.8
    untouched = fade(PHOTOGRAPH, np.random.default_rng(2), TRAINING.without_fading())
    np.testing.assert_allclose(untouched, clean, atol=1e-6)
    kinds = {kind for seed in range(20) for kind in made(seed, EVALUATION.without_fading()).kinds}
    assert not kinds & {"fade", "uneven", "grey"}


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (np.zeros((8, 8), np.uint8), "HxWx3"),
        (np.zeros((8, 8, 4), np.uint8), "HxWx3"),
        (np.zeros((0, 8, 3), np.uint8), "HxWx3"),
        (np.zeros((8, 8, 3), np.uint16), "uint16"),
        (np.full((8, 8, 3), np.nan, np.float32), "finite"),
    ],
)
def test_what_is_no_photograph_is_refused(picture: np.ndarray, problem: str) -> None:
    with pytest.raises(NotAPhotograph, match=problem):
        degrade(picture, np.random.default_rng(0), TRAINING)
    with pytest.raises(NotAPhotograph, match=problem):
        fade(picture, np.random.default_rng(0), TRAINING)
