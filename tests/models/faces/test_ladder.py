"""The ladder: as strong as the guard lets pass, weaker, or not at all; judged as it is seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from face_pages import face_page, painted
from numpy.typing import NDArray

from models.contract import Box, Rectangle, StageInput
from models.faces.align import Floats
from models.faces.candidates import candidates, placed
from models.faces.guard import LIMITS, Limits
from models.faces.ladder import Enhancement, Place, aligned, climb, tightened

SIDE = 128
LENIENT = Limits(eye=-1, mouth=-1, texture=0, distance=2)


@pytest.fixture(scope="module")
def page() -> StageInput:
    return face_page(painted())


@pytest.fixture(scope="module")
def place(page: StageInput) -> Place:
    (face,), _ = candidates(page, SIDE)
    return placed(face, [face], SIDE)


@pytest.fixture(scope="module")
def before(page: StageInput, place: Place) -> Floats:
    return aligned(page, place.matrix, SIDE)


def soft(crop: Floats, sigma: float = 1.5) -> Floats:
    return cv2.GaussianBlur(crop, (0, 0), sigma).reshape(crop.shape).astype(np.float32)


def sharp(crop: Floats) -> Floats:
    return np.clip(1.8 * crop - 0.8 * soft(crop), 0, 1).astype(np.float32)


def shown(page: StageInput, made: Enhancement, place: Place) -> Floats:
    assert made.rectangle is not None
    return aligned(StageInput(page.pixels, page.hints, (made.rectangle,)), place.matrix, SIDE)


def test_an_honest_enhancement_is_blended_as_asked(
    page: StageInput, place: Place, before: Floats
) -> None:
    for strength in (1.0, 0.4):
        made = climb(page, place, before, sharp(before), strength, LIMITS)
        assert made.rectangle is not None and made.strength == strength
        assert made.refused == "" and made.verdict is not None and made.verdict.passed


def test_what_fails_is_blended_weaker_then_not_at_all(
    page: StageInput, place: Place, before: Floats
) -> None:
    waxen = soft(before, 2.5)
    textures = []
    for rungs in ((1.0,), (0.5,)):
        made = climb(page, place, before, waxen, 1.0, LENIENT, rungs=rungs)
        assert made.verdict is not None
        textures.append(made.verdict.texture)
    full, half = textures
    most = 2 * half - 1  # at half strength skin may lose half as much
    assert full < most - 0.02
    between = Limits(-1, -1, (full + most) / 2, 2)
    weaker = climb(page, place, before, waxen, 1.0, between)
    assert weaker.rectangle is not None and weaker.strength == 0.5
    assert "skin smoothed" in weaker.refused
    assert weaker.verdict is not None and weaker.verdict.texture == pytest.approx(half)
    left = climb(page, place, before, waxen, 1.0, Limits(-1, -1, most + 0.02, 2))
    assert (left.rectangle, left.strength) == (None, 0.0)
    assert left.verdict is not None and "skin smoothed" in left.verdict.reason


def test_the_guard_sees_what_the_scan_will_show(
    page: StageInput, place: Place, before: Floats
) -> None:
    """Not the crop as the network drew it: its tone is the scan's again."""
    brighter = np.clip(sharp(before) + 0.2, 0, 1).astype(np.float32)
    seen: list[tuple[Floats, Floats]] = []

    def distance(old: Floats, new: Floats) -> float:
        seen.append((old, new))
        return 0.0

    doubtful = np.ascontiguousarray(before[::-1])
    made = climb(page, place, before, doubtful, 1.0, LENIENT, distance)
    ((old, new),) = seen
    assert old is before and np.array_equal(new, shown(page, made, place))
    lit = climb(page, place, before, brighter, 1.0, LENIENT)
    assert abs(float((shown(page, lit, place) - before)[40:90, 40:90].mean())) < 0.03


def test_no_descriptor_is_asked_where_nothing_is_in_doubt(
    page: StageInput, place: Place, before: Floats
) -> None:
    def never(*_: Floats) -> float:
        raise AssertionError("asked")

    gentle = (0.8 * before + 0.2 * sharp(before)).astype(np.float32)
    assert climb(page, place, before, gentle, 1.0, LIMITS, never).rectangle is not None
    swapped = np.ascontiguousarray(before[::-1])
    far = climb(page, place, before, swapped, 1.0, Limits(-1, -1, 0, 0.6), lambda *_: 0.7)
    assert far.rectangle is None and "another face" in far.refused


def test_limits_are_tighter_the_weaker_a_face_is_blended() -> None:
    half = tightened(LIMITS, 0.5)
    assert half.eye == pytest.approx(1 - (1 - LIMITS.eye) / 2) and half.mouth > LIMITS.mouth
    assert half.distance == pytest.approx(LIMITS.distance / 2)
    assert tightened(LIMITS, 1.0) == LIMITS
    assert tightened(LIMITS, 0.01) == tightened(LIMITS, 0.25)


def test_nothing_to_change_is_nothing_to_judge(
    page: StageInput, place: Place, before: Floats
) -> None:
    made = climb(page, place, before, before, 1.0, LIMITS)
    assert made == Enhancement(None, 0.0, None, "")


def test_earlier_changes_are_part_of_the_face(place: Place, page: StageInput) -> None:
    lighter: NDArray[np.uint8] = np.minimum(page.pixels.astype(int) + 30, 255).astype(np.uint8)
    change = Rectangle(0, 0, lighter, np.ones(lighter.shape[:2], bool))
    changed = StageInput(page.pixels, page.hints, (change,))
    before = aligned(changed, place.matrix, SIDE)
    assert before.mean() > aligned(page, place.matrix, SIDE).mean() + 0.1
    made = climb(changed, place, before, sharp(before), 1.0, LIMITS)
    assert made.rectangle is not None
    box = Box(made.rectangle.left, made.rectangle.top, place.box.right, place.box.bottom)
    apart = made.rectangle.pixels.astype(int) - changed.crop(box)
    assert abs(apart.mean()) < 2  # against the picture without the change it is 30
