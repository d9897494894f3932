"""Curves from counts agree with counting every pair and every threshold."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.detection import Found, NothingToDetect, Tally, found

RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.random((40, 50)) < 0.2
PLANE = np.clip(RANDOM.normal(90, 40, TRUTH.shape) + 60 * TRUTH, 0, 255).astype(np.uint8)


def test_area_is_the_chance_that_damage_is_more_suspected_than_what_is_sound() -> None:
    tally = Tally()
    tally.add(PLANE[:20], TRUTH[:20])
    tally.add(PLANE[20:], TRUTH[20:])
    damaged, sound = PLANE[TRUTH].astype(int), PLANE[~TRUTH].astype(int)
    pairs = damaged[:, None] - sound[None]
    expected = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert 0.7 < expected < 0.95
    assert tally.curve().auc == pytest.approx(expected, abs=1e-12)


def test_best_f1_is_the_best_of_all_thresholds() -> None:
    tally = Tally()
    tally.add(PLANE, TRUTH)
    values = {t: found(t <= PLANE, TRUTH).f1 for t in range(256)}
    best, threshold = tally.curve().best_f1()
    assert best == pytest.approx(max(values.values()))
    assert values[threshold] == pytest.approx(best)


def test_what_is_to_be_ignored_counts_nowhere() -> None:
    ignore = np.zeros_like(TRUTH)
    ignore[:, 25:] = True
    whole, half = Tally(), Tally()
    whole.add(PLANE, TRUTH, ignore)
    half.add(PLANE[:, :25], TRUTH[:, :25])
    assert whole.curve().auc == half.curve().auc
    assert found(PLANE > 99, TRUTH, ignore) == found(PLANE[:, :25] > 99, TRUTH[:, :25])


def test_a_perfect_detector_and_a_blind_one() -> None:
    perfect, blind = Tally(), Tally()
    perfect.add(TRUTH.astype(np.uint8) * 255, TRUTH)
    blind.add(np.full(TRUTH.shape, 7, np.uint8), TRUTH)
    assert perfect.curve().auc == 1.0 and perfect.curve().best_f1()[0] == 1.0
    assert blind.curve().auc == pytest.approx(0.5)


def test_without_damage_there_is_no_curve() -> None:
    tally = Tally()
    tally.add(PLANE, np.zeros_like(TRUTH))
    with pytest.raises(NothingToDetect, match="0 damaged"):
        tally.curve()


def test_counts_add_up() -> None:
    mask = PLANE > 120
    total = found(mask[:10], TRUTH[:10]) + found(mask[10:], TRUTH[10:])
    assert total == found(mask, TRUTH)
    assert total.recall == pytest.approx((mask & TRUTH).sum() / TRUTH.sum())
    assert total.precision == pytest.approx((mask & TRUTH).sum() / mask.sum())
    assert np.isnan(Found(0, 0, 0).recall) and np.isnan(Found(0, 0, 0).precision)
