"""Faces on the copies of a scan, by dlib's convolutional detector (`models.faces.mmod`).

It sees what the other one (`models.faces.detect`) does not: faces from the side, in deep shade,
behind hats and helmets, in half-tones. It knows one size, so that a copy is shrunk step by step;
it wants no landmarks: a profile has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Face, Samples
from models.faces.merging import merged
from models.faces.mmod import FIRST, GREY, STRIDE, scores
from models.faces.pyramid import WINDOW, Base, Look, Plane, base

SEARCHED = Look("convolutional", 0.0, 4.0, 4e6)
"""The copy that is searched. Larger faces are all found on it, and those of a scan of 24 megapixels
from 100 pixels of its copy of 3000."""

_SMALL = 0.2e6
"""Pixels of a scan below which its copy is enlarged twice at most: four times would make the
smallest scans, contact prints and thumbnails, the dearest of all for each of their pixels."""

LEAST_SCORE = 0.0
"""The network's own border. On 137 pictures of the calibration and training splits nothing above
-0.2 was no face; real ones, profiles above all, score down to -0.6."""

_STEP = 0.8  # from one size to the next
_MARGIN = 24  # pixels of grey around a plane: faces that its edge cuts


def detect(pixels: Samples) -> tuple[Face, ...]:
    """Faces on `pixels` (HxW or HxWx3, uint8 or uint16), best score first, boxes in its pixels.

    Boxes are clipped to the picture; the score is that of the network, 0 to about 1.2. Raises
    `FaceModelMissing`.
    """
    copies = base(pixels)
    return proposals(copies, (searched(copies),), LEAST_SCORE)


def searched(copies: Base) -> Look:
    """The copy of a scan that is searched."""
    small = copies.width * copies.height < _SMALL
    return replace(SEARCHED, most=SEARCHED.most / 2) if small else SEARCHED


def proposals(copies: Base, looks: Sequence[Look], least: float) -> tuple[Face, ...]:
    """Faces of more than the score `least` in any of `looks`, each once, best first."""
    found = []
    for copy in copies.copies(tuple(looks)):
        larger = abs(float(np.linalg.det(copy.back[:, :2]))) ** 0.5
        for plane in _sizes(copy.plane):
            middles, values = _peaks(plane, least)
            to_copy = np.array(copy.plane.shape[::-1]) / plane.shape[::-1]
            half = WINDOW / 2 * larger * float(to_copy.mean())
            places = copy.in_scan(middles * to_copy)
            for (x, y), value in zip(places, values, strict=True):
                box = _clipped(x, y, half, copies)
                if box is not None:
                    found.append(Face(box, float(value)))
    return merged(found)


def _sizes(plane: Plane) -> Iterator[Plane]:
    """`plane` and smaller ones, down to where its shorter side is half a window."""
    rows, columns = plane.shape
    scale = 1.0
    while min(rows, columns) * scale >= WINDOW / 2:
        size = (round(columns * scale), round(rows * scale))
        if scale < 1:
            yield cast(Plane, cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
        else:
            yield plane
        scale *= _STEP


def _peaks(plane: Plane, least: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Middles n x 2 (x, y) of windows that score more than `least` and than those beside them,
    and the scores."""
    made = scores(np.pad(plane, _MARGIN, constant_values=GREY))
    highest = cv2.dilate(made, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((made > least) & (made >= highest))
    places = np.stack([columns, rows], axis=1).astype(np.float64)
    return places * STRIDE + (FIRST - _MARGIN), made[rows, columns]


def _clipped(x: float, y: float, half: float, copies: Base) -> Box | None:
    box = Box(
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(copies.width, round(x + half)),
        min(copies.height, round(y + half)),
    )
    return box if box.width > 0 and box.height > 0 else None
