"""Which candidates are damage: a linear score over what can be measured of a component.

The coefficients were fitted by logistic regression to synthetic scratches, hairs and dust laid
on calibration and training photographs, everything else on them being the other class. Each
says something a conservator would: damage is long and thin, stands out from its surroundings,
is nearly as white (or black) as the picture gets, lies alone, and crosses what it lies on
instead of bounding it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from models.contract import Box
from models.damage.components import Components
from models.damage.ridges import SQUARE

Kind = Literal["line", "speck"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PLANES = 7
"""Planes summed for each candidate: contrast, activity, strong, luminance, density, step,
speck contrast (`strong` and `density` are 0 to 1, the others 8-bit levels)."""

DENSITY = 61
"""Side of the window in which a candidate's neighbours are counted, in pixels of the level."""

_LINE_WEIGHTS = {
    "one": -5.77,
    "length": 0.41,
    "contrast": 1.04,
    "strong": 1.78,
    "extreme": 2.87,
    "density": -12.73,
    "thickness": -0.23,
    "slender": 0.08,
    "dark": -0.36,
    "crossing": 1.72,
}
_SPECK_WEIGHTS = {
    "one": -11.48,
    "area": -0.03,
    "contrast": 4.24,
    "extreme": 2.8,
    "density": -7.88,
    "crossing": 0.05,
    "dark": -0.17,
    "compact": 0.94,
    "round": 1.84,
}
_SHORTEST = 12.0  # pixels of the level; a shorter line is a speck or nothing
_DUSTY_BONUS = 1.0  # for every line on a dusty scan
_LONG = 40.0  # pixels of the level; few things in a picture are thin and straight for longer
_LONG_BONUS = 1.0  # for each e-fold, on a dusty scan: wires and window bars are long, too
_STRAIGHT = 0.2  # greatest breadth over length of a straight line
_DIAGONAL = 1.2  # edges of pixels for one of length, over all directions
_SLENDER = 0.35  # greatest breadth over length of a line, least of a speck
_SIDE = 0.03  # of the area's longer extent
_SMALLEST_SPECK = 4.0  # pixels; fewer is grain
_FACE_CAUTION = 2.0  # added to what the score must reach where a face is
_FACE_LINE = 0.5  # least length of a bright line over a face, in widths of the face's box
_FACE_DARK_LINE = 1.0  # the same of a dark one: brows, lashes and lips are shorter


@dataclass(frozen=True, slots=True)
class Tones:
    """The picture's own black and white, in 8-bit levels (1st and 99th percentile)."""

    black: float
    white: float

    @property
    def range(self) -> float:
        """Share of the full scale, not below an eighth: a blank sheet has no range."""
        return max(self.white - self.black, 32.0) / 255


def scores(
    found: Components, kind: Kind, dark: bool, tones: Tones, area: Box, thickest: float
) -> Floats:
    """The score of each component: above 0 it is more likely damage than not.

    Minus infinity where shape or place alone rules it out: a line thicker than `thickest`
    pixels, or one along a side of `area`, where prints and film have edges of their own.
    """
    mean = found.sums / np.maximum(found.area, 1)[:, None]
    contrast, activity, strong, level, density, step, speck = mean.T
    scale = 1 / tones.range  # to what the picture would be at full tonal range
    contrast, activity, step, speck = (value * scale for value in (contrast, activity, step, speck))
    place = (level - tones.black) * scale / 255
    # What a component counts of itself in the window around it.
    share = np.minimum(1.0, DENSITY / np.maximum(found.length, DENSITY))
    measures = {
        "one": np.ones_like(contrast),
        "length": np.log(found.length),
        "area": np.log(found.area),
        "contrast": np.log(contrast / (activity + 2) + 1e-6),
        "strong": strong,
        "extreme": np.clip(1 - place if dark else place, -0.5, 1.5),
        "density": np.clip(density - found.area * share / DENSITY**2, 0, 1),
        "thickness": found.area / found.length,
        "slender": np.log(found.breadth / found.length),
        "dark": np.full_like(contrast, float(dark)),
        "crossing": np.log(contrast / (step + 4) + 1e-6),
        "compact": speck / np.maximum(contrast, 1e-6),
        "round": found.breadth / found.length,
    }
    weights = _LINE_WEIGHTS if kind == "line" else _SPECK_WEIGHTS
    score = sum((weight * measures[name] for name, weight in weights.items()), np.zeros(len(found)))
    slender = found.breadth < _SLENDER * found.length
    if kind == "line":
        # Not area over length: scratches that cross are one component.
        thin = _DIAGONAL * 2 * found.area <= thickest * found.perimeter
        # What the frame cuts short is thin there without being thin.
        whole = ~_at_a_side(found, area) | (found.length >= _LONG)
        possible = (found.length >= _SHORTEST) & thin & whole & ~_along_a_side(found, area)
    else:
        possible = (found.length < _SHORTEST) & (found.area >= _SMALLEST_SPECK) & ~slender
        possible &= ~_at_a_side(found, area)
    return np.where(possible, score, -np.inf)


def dusty_bonus(found: Components) -> Floats:
    """What is added to the score of lines on a scan that is certainly dusty.

    Where there is dust there are hairs and scratches; the same lines on a clean scan are more
    likely wires, rigging and window bars.
    """
    straight = found.breadth < _STRAIGHT * found.length
    length = np.log(np.maximum(found.length / _LONG, 1.0))
    return cast(Floats, _DUSTY_BONUS + straight * _LONG_BONUS * length)


def _along_a_side(found: Components, area: Box) -> Bools:
    """Components that lie wholly within three hundredths of the area's extent from one side."""
    margin = max(2.0, _SIDE * max(area.width, area.height))
    return (
        (found.right <= area.left + margin)
        | (found.left >= area.right - margin)
        | (found.bottom <= area.top + margin)
        | (found.top >= area.bottom - margin)
    )


def _at_a_side(found: Components, area: Box) -> Bools:
    """Components that end within a square element's half of a side of the area."""
    near = SQUARE // 2
    return (
        (found.left <= area.left + near)
        | (found.right >= area.right - near)
        | (found.top <= area.top + near)
        | (found.bottom >= area.bottom - near)
    )


def stricter_on_faces(
    score: Floats, found: Components, kind: Kind, dark: bool, faces: tuple[Box, ...]
) -> Floats:
    """`score` lowered where a component's box meets a face's, both in pixels of the level.

    Eyes, brows, lashes, lips, spectacles and catchlights look like damage to any filter. Only
    what is too long to be one of them, or very certain, may be taken for damage there.
    """
    score = score.copy()
    for face in faces:
        meets = (
            (found.left < face.right)
            & (found.right > face.left)
            & (found.top < face.bottom)
            & (found.bottom > face.top)
        )
        least = _FACE_DARK_LINE if dark else _FACE_LINE
        long_enough = (found.length >= least * face.width) & (kind == "line")
        score[meets & long_enough] -= _FACE_CAUTION
        score[meets & ~long_enough] -= 2 * _FACE_CAUTION if not dark else np.inf
    return score
