"""Figures and flags of a colourized picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import in_color

from models.color.judgement import DOUBTFUL, HARDLY, ONE_TINT, SKIN, in_copy, judged
from models.color.prediction import Prediction
from models.color.space import chroma, from_ab, luma
from models.contract import Box

Floats = NDArray[np.float32]
LEVEL = np.random.default_rng(0).uniform(0.4, 0.7, (60, 80)).astype(np.float32)
FACE = Box(20, 10, 60, 50)


def tinted(a: float, b: float) -> Prediction:
    ab = np.broadcast_to(np.array((a, b), np.float32), (60, 80, 2))
    return Prediction(LEVEL, from_ab(LEVEL, ab))


def scene() -> Prediction:
    pixels = in_color(60, 80)
    return Prediction(luma(pixels), chroma(pixels.astype(np.float32) / 255))


def test_a_colourful_picture_has_no_flags() -> None:
    found = judged(scene(), np.full((60, 80), 2.0, np.float32))
    assert found.flags == () and not found.better_grey
    assert found.colorfulness > 20 and found.saturation > 10 and found.variety > 10
    assert found.spread == pytest.approx(2) and 0 < found.doubt < 0.3


def test_grey_is_hardly_colourful() -> None:
    found = judged(tinted(0, 0))
    assert found.flags == (HARDLY,) and found.better_grey
    assert found.saturation < 0.5 and np.isnan(found.spread) and np.isnan(found.doubt)


def test_a_wash_of_sepia_is_one_tint() -> None:
    assert judged(tinted(6, 18)).flags == (ONE_TINT,)


def test_predictions_that_disagree_are_doubtful() -> None:
    assert DOUBTFUL in judged(scene(), np.full((60, 80), 60.0, np.float32)).flags


@pytest.mark.parametrize(
    ("a", "b", "plausible"),
    [
        (14, 18, True),
        (10, 8, True),
        (22, 34, True),
        (-25, 20, False),
        (5, -30, False),
        (1, 1, False),
    ],
)
def test_skin(a: float, b: float, plausible: bool) -> None:
    found = judged(tinted(a, b), faces=[FACE])
    assert found.skin[0] == pytest.approx(1.0 if plausible else 0.0, abs=0.02)
    assert (SKIN in found.flags) is not plausible


def test_a_face_that_cannot_be_told_is_no_flag() -> None:
    beyond = judged(tinted(14, 18), faces=[Box(78, 58, 90, 70), Box(200, 200, 220, 220)])
    assert np.isnan(beyond.skin[1]) and SKIN not in beyond.flags


def test_boxes_of_the_scan_in_the_copy() -> None:
    area = Box(100, 200, 1100, 1000)
    assert in_copy(Box(200, 300, 600, 700), area, 80, 100) == Box(10, 10, 50, 50)
    assert in_copy(Box(200, 300, 201, 301), area, 80, 100) == Box(10, 10, 11, 11)
