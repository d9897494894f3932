"""Which of a page's faces can be enhanced, and where they lie; of the others, why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.contract import Box, StageInput
from models.faces.align import (
    BadLandmarks,
    Landmarks,
    Matrix,
    inverse,
    similarity,
    size_strength,
)
from models.faces.blend import area, shares, weights
from models.faces.guard import MOUTH
from models.faces.ladder import Place
from models.faces.landmarks import landmarks
from models.faces.texture import SIDE as GUARD_SIDE

NO_LANDMARKS = "no eyes and nose found"
CUT_OFF = "cut off: an eye, the nose or the mouth lies beyond the frame"
TOO_SMALL = "too small to enhance: eyes {apart:.1f} pixels apart"
SAME_FACE = "the same face as the one at {left}, {top}"

_SAME = 0.3  # interocular distances between the landmarks of two detections of one face


@dataclass(frozen=True, slots=True)
class Candidate:
    """A face that can be enhanced.

    `number` counts the hints' faces from 0; `matrix` 2x3 leads from the scan to the crop, `box`
    is what of the scan it can change, `strength` 0 to 1 what its size allows, `apart` the
    distance of its eyes in pixels of the scan.
    """

    number: int
    matrix: Matrix
    box: Box
    strength: float
    apart: float


def candidates(item: StageInput, side: int) -> tuple[list[Candidate], dict[int, str]]:
    """The faces of `item` that can be enhanced in crops of `side` pixels, in the hints' order,
    and by number why the others cannot. Raises `BadStageInput` as `landmarks` does."""
    height, width = item.pixels.shape[:2]
    found: list[Candidate] = []
    points_of: dict[int, Landmarks] = {}
    reasons: dict[int, str] = {}
    for number, face in enumerate(item.hints.faces):
        points = current_landmarks(item, face.box)
        if points is None:
            reasons[number] = NO_LANDMARKS
            continue
        try:
            matrix = similarity(points, side)
        except BadLandmarks:
            reasons[number] = NO_LANDMARKS
            continue
        if _reaches_beyond(points, matrix, side, height, width):
            reasons[number] = CUT_OFF
            continue
        if (other := _same(points, points_of)) is not None:
            box = item.hints.faces[other].box
            reasons[number] = SAME_FACE.format(left=box.left, top=box.top)
            continue
        points_of[number] = points
        apart, strength = _interocular(points), size_strength(matrix, side)
        place = area(matrix, side, height, width)
        if strength <= 0 or place is None:
            reasons[number] = TOO_SMALL.format(apart=apart)
            continue
        found.append(Candidate(number, matrix, place, strength, apart))
    return found, reasons


def placed(candidate: Candidate, others: Sequence[Candidate], side: int) -> Place:
    """Where `candidate` lies, its weights divided with those of `others` that it overlaps."""
    near = [one for one in others if _overlap(candidate.box, one.box)]
    group = [candidate, *(one for one in near if one.number != candidate.number)]
    planes = [weights(one.matrix, side, one.box) for one in group]
    weight = planes[0]
    if len(group) > 1:
        weight = shares([one.box for one in group], planes)[0]
    return Place(candidate.matrix, side, candidate.box, weight)


def current_landmarks(item: StageInput, box: Box) -> Landmarks | None:
    """`models.faces.landmarks` of the picture as the earlier changes leave it, copying only what
    is looked at."""
    height, width = item.pixels.shape[:2]
    across, down = box.width + 2, box.height + 2  # more than the landmarks read
    outer = box.grown(across, down, width, height)
    if outer.width <= 0 or outer.height <= 0:
        return None
    left, top = outer.left, outer.top
    inner = Box(box.left - left, box.top - top, box.right - left, box.bottom - top)
    points = landmarks(item.crop(outer), inner)
    return None if points is None else points + np.array([left, top])


def _reaches_beyond(points: Landmarks, matrix: Matrix, side: int, height: int, width: int) -> bool:
    """Whether an eye, the nose or the mouth lies outside of a scan `height` x `width`."""
    back = inverse(matrix)
    mouth = (np.array(MOUTH) + 0.5) * (side / GUARD_SIDE) - 0.5
    there = np.vstack([points, mouth @ back[:, :2].T + back[:, 2]])
    return bool((there < -0.5).any() or (there > [width - 0.5, height - 0.5]).any())


def _same(points: Landmarks, known: dict[int, Landmarks]) -> int | None:
    """The number of the face that `points` show once more, None where they show a new one."""
    for number, other in known.items():
        off = float(np.linalg.norm(points - other, axis=1).max())
        if off < _SAME * max(_interocular(points), _interocular(other)):
            return number
    return None


def _interocular(points: Landmarks) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def _overlap(one: Box, other: Box) -> bool:
    return max(one.left, other.left) < min(one.right, other.right) and max(
        one.top, other.top
    ) < min(one.bottom, other.bottom)
