"""Thresholds: within their limits, no stricter than they must be, refused where none will do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_kit import case
from tiny_networks import model

from models.contract import Box, Face, Hints, StageInput
from models.damage.features import face_features
from models.damage.regions import Thresholds
from models.evaluation.calibration import (
    Answer,
    Limits,
    NothingAllowed,
    answers,
    calibrated,
    trade,
    weighed,
)
from models.evaluation.cases import given

START = Thresholds(smallest=1.0, grown=0.0)


def page(faces: tuple[Face, ...] = ()) -> StageInput:
    pixels = np.full((96, 128), 90, np.uint8)
    return StageInput(pixels, Hints(Box(0, 0, 128, 96), "monochrome", {}, faces))


def answer(level: int, rows: slice, truth: bool, faces: tuple[Face, ...] = ()) -> Answer:
    """A horizontal bar the detector suspects with `level` of 255."""
    plane = np.full((96, 128), 5, np.uint8)
    plane[rows, 10:118] = level
    mask = plane > 5
    item = page(faces)
    return Answer(plane, item, mask, np.zeros_like(mask)) if truth else Answer(plane, item)


DAMAGED = [answer(235, slice(20, 24), True), answer(245, slice(50, 54), True)]
DOUBTFUL = [answer(150, slice(30, 34), False)]  # content that looks a little like damage
FACE = Face(Box(30, 10, 90, 80), 1.0)


def test_the_strictness_follows_from_what_is_sound() -> None:
    best, tried = calibrated(START, DAMAGED, DOUBTFUL, [], Limits())
    assert best.recall == 1.0 and best.clean == 0.0
    assert 150 / 255 < best.thresholds.strong <= 245 / 255
    laxer = trade(Thresholds(0.35, 0.5, smallest=1.0, grown=0.0), DAMAGED, DOUBTFUL, [])
    assert laxer.clean == pytest.approx(4 * 108 / (96 * 128))
    assert len(tried) > len(list(weighed(START, DAMAGED, DOUBTFUL))) > 20


def test_within_faces_they_are_stricter_still() -> None:
    eyes, _ = face_features(FACE.box)
    plane = np.full((96, 128), 5, np.uint8)
    plane[2 : eyes.top + 20, 58:61] = 240  # a lock of hair: as suspicious as real damage elsewhere
    portrait = Answer(plane, page((FACE,)))
    start = replace(START, support=0.1)
    best, _ = calibrated(start, DAMAGED, DOUBTFUL, [portrait], Limits())
    assert best.face == 0.0 and best.touched == 0.0
    assert best.thresholds.face_strong >= best.thresholds.strong
    careless = replace(start, face_weak=0.35, face_strong=0.65)
    assert trade(careless, [], [], [portrait]).touched == 1.0


def test_without_any_that_keep_within_the_limits_none_are_chosen() -> None:
    certain = [answer(255, slice(30, 50), False)]
    with pytest.raises(NothingAllowed, match="more negatives"):
        calibrated(START, DAMAGED, certain, [], Limits())


def test_a_network_is_asked_once_for_each_picture() -> None:
    one = case(0)
    damaged, clean = answers(model(), [one], [given(one.clean)])
    assert damaged[0].plane[one.mask].mean() > 200 and damaged[0].truth is one.mask
    assert clean[0].plane.mean() < 5 and clean[0].truth is None
