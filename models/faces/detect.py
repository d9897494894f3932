"""Faces on a scan, found with dlib's HOG detector (Dalal and Triggs 2005; King 2009, dlib-ml).

The scan's copy of at most 3000 pixels is searched enlarged up to fourfold (faces from 20 pixels
of it; where that would pass 24 megapixels, less: a 3:2 picture of 3000 pixels is enlarged twice,
faces from 40), tilted by 30 degrees to both sides, lying where nothing was found upright, and
with its local contrast equalised where its tones are close together (`models.faces.pyramid`).
What the detector proposes is kept where dlib's landmarks agree with themselves on it
(`models.faces.landmarks`): that allows a lower threshold than the detector alone.

Cost, measured on one core: 75 ms a megapixel of the copies (24 upright, 3 for each tilt, 4 more
where nothing is found, 6 for a faint print) and about a millisecond a proposal; a scan of 24
megapixels took 3.4 s. Bounded by the copies, not by the scan. Needs some 150 MB beside it.

On 50 labelled pictures of the report split (old photographs, none used for a threshold): 39 of
48 faces of 20 pixels and more, 1 of 9 profiles, 0.22 false alarms a picture. What it misses:
profiles, faces in deep shade or behind hats, some below 30 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Face, Samples
from models.faces.landmarks import fit
from models.faces.pyramid import FAINT, LYING, TILTED, UPRIGHT, WINDOW, Base, Copy, Look, base

SPREAD_WEIGHT = 8.0
"""How much of the margin a spread of one interocular distance takes."""

LEAST_SCORE = -0.8
"""Margin less `SPREAD_WEIGHT` times the landmarks' spread. All three were chosen on the 55
labelled pictures of the calibration and training splits, as they are (46 of 46 faces, 0.11
false alarms a picture) and made small, dark and noisy (36 of 46, 0.02)."""

LEAST_TURNED_SCORE = -0.7
"""The same on turned and equalised copies, which show every clutter once more."""

_OVERLAP = 0.35  # intersection over union from which on two boxes are one face
_INSIDE = 0.6  # of the smaller box: so much inside a better one, it is a part of that face


@cache
def _detector() -> Any:
    import dlib  # loaded on first use: planning and the command line never need it

    return dlib.get_frontal_face_detector()


def detect(pixels: Samples) -> tuple[Face, ...]:
    """Faces on `pixels` (HxW or HxWx3, uint8 or uint16), best score first, boxes in its pixels.

    Boxes are clipped to the picture. The score is the detector's margin less eight times the
    landmarks' spread: above -0.8, usually between 0 and 3.
    """
    copies = base(pixels)
    if min(copies.plane.shape) * UPRIGHT.most < WINDOW:
        return ()
    found = proposals(copies, (UPRIGHT,), LEAST_SCORE)
    found += proposals(copies, TILTED, LEAST_TURNED_SCORE)
    if copies.faint:
        found += proposals(copies, (FAINT,), LEAST_TURNED_SCORE)
    if not found:
        found = proposals(copies, LYING, LEAST_TURNED_SCORE)
    return merged(found)


def proposals(copies: Base, looks: Sequence[Look], least: float) -> list[Face]:
    """Faces of at least the score `least` in each of `looks`, one face more than once."""
    faces = []
    for copy in copies.copies(tuple(looks)):
        boxes, scores, _ = _detector().run(copy.plane, 0, least)
        for box, score in zip(boxes, scores, strict=True):
            face = _settled(copies, copy, box, float(score))
            if face is not None and face.score >= least:
                faces.append(face)
    return faces


def merged(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Duplicates left out (the better score stays), best first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_same(face.box, other.box) for other in kept):
            kept.append(face)
    return tuple(kept)


def _settled(copies: Base, copy: Copy, rectangle: Any, score: float) -> Face | None:
    """The proposal in the scan, its score lowered by how far its landmarks scatter."""
    edge = rectangle.right() + 1 - rectangle.left()
    middle = np.array([[rectangle.left() + edge / 2, rectangle.top() + edge / 2]])
    x, y = copy.in_scan(middle)[0]
    half = edge / 2 * abs(float(np.linalg.det(copy.back[:, :2]))) ** 0.5
    box = Box(
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(copies.width, round(x + half)),
        min(copies.height, round(y + half)),
    )
    if box.width <= 0 or box.height <= 0:
        return None
    to_base = copies.plane.shape[1] / copies.width
    edges: NDArray[np.float64] = np.array([x - half, y - half, x + half, y + half]) * to_base
    found = fit(copies.plane, edges, (copy.look.angle,))
    if found is None:
        return None
    return Face(box, score - SPREAD_WEIGHT * found.spread)


def _same(one: Box, other: Box) -> bool:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return False
    common = width * height
    areas = one.width * one.height, other.width * other.height
    return common > _OVERLAP * (sum(areas) - common) or common > _INSIDE * min(areas)
