"""Eye centres and nose base of a detected face, by dlib's five points.

An ensemble of regression trees (Kazemi and Sullivan 2014): two corners of each eye and the nose
base, no mouth. The 68-point file, which has one, excludes commercial use (DESIGN 6). The trees
always answer, on a wall as well as on a face; but on a face they answer alike when they start
from boxes a little beside, above, larger or smaller, and on a wall they do not. Hence the
*spread*, which tells both how far the points can be trusted and whether there is a face at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Samples
from models.faces.align import Landmarks
from models.faces.files import landmark_predictor
from models.pixels import check_pixels, luminance

MOST_SPREAD = 0.16
"""Of interocular distances: the points of a face that spread further are not used."""

ANGLES = (0.0, 30.0, -30.0)
LYING_ANGLES = (90.0, -90.0)

_EDGE = 100  # pixels of the box in the patch the trees look at
_PATCH = 200  # pixels of that patch: the box and half of it on every side
_JITTER = np.array(
    [[0, 0, 1], [0.08, 0, 1], [-0.08, 0, 1], [0, 0.08, 1], [0, -0.08, 1], [0, 0, 1.12], [0, 0, 0.9]]
)  # of the box: right, down, and how much larger
_LEVEL = 8.0  # degrees: eyes tilted more are looked at again, turned upright
_UPRIGHT_FAVOURED = 0.8  # a tilted answer must be this much steadier than the upright one


@dataclass(frozen=True, slots=True)
class Fit:
    """Landmarks 3x2 in pixels of the plane they were found on, and their spread."""

    points: Landmarks
    spread: float

    @property
    def interocular(self) -> float:
        """Distance of the eye centres, pixels."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))


def landmarks(pixels: Samples, box: Box) -> Landmarks | None:
    """Landmarks 3x2 of the face in `box` of `pixels` (HxW or HxWx3, uint8 or uint16): left eye
    centre, right eye centre (as the viewer sees them), nose base, in pixels of the whole scan,
    0, 0 being the centre of its first pixel.

    Upright, tilted and lying faces are tried. None where the points do not settle, which also
    happens on what is no face. Reads the box and half its size around it, reduced to 200 pixels.
    Raises `BadStageInput` for other arrays.
    """
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    across, down = round(0.8 * box.width) + 1, round(0.8 * box.height) + 1
    left, top = max(0, box.left - across), max(0, box.top - down)
    part = pixels[top : min(height, box.bottom + down), left : min(width, box.right + across)]
    if part.size == 0:
        return None
    factor = max(1.0, max(box.width, box.height) / (2 * _EDGE))
    size = (max(1, round(part.shape[1] / factor)), max(1, round(part.shape[0] / factor)))
    small = luminance(cast(Samples, cv2.resize(part, size, interpolation=cv2.INTER_AREA)))
    scale = np.array([part.shape[1] / size[0], part.shape[0] / size[1]])
    edges = np.array([box.left - left, box.top - top, box.right - left, box.bottom - top])
    edges = edges / np.tile(scale, 2)
    found = fit(small, edges, ANGLES)
    if found is None or found.spread > MOST_SPREAD:
        lying = fit(small, edges, LYING_ANGLES)
        if lying is None or lying.spread > MOST_SPREAD * _UPRIGHT_FAVOURED:
            return None
        found = lying
    return cast(Landmarks, (found.points + 0.5) * scale - 0.5 + [left, top])


def fit(
    plane: NDArray[np.uint8], edges: NDArray[np.float64], angles: tuple[float, ...] = (0.0,)
) -> Fit | None:
    """The steadiest answer for the box `edges` (left, top, right, bottom) of `plane` hxw uint8.

    `angles`: by how many degrees the face may be turned clockwise; the first is favoured. None
    where no answer looks like a face's eyes and nose.
    """
    best: Fit | None = None
    for number, angle in enumerate(angles):
        found = _turned_fit(plane, edges, angle)
        if found is None:
            continue
        if best is None or found.spread < best.spread * (_UPRIGHT_FAVOURED if number else 1.0):
            best = found
    return best


def _turned_fit(plane: NDArray[np.uint8], edges: NDArray[np.float64], angle: float) -> Fit | None:
    points, spread, tilt = _answer(plane, edges, angle)
    if abs(tilt) > _LEVEL:
        again = _answer(plane, edges, angle + tilt)
        if again[1] < spread:
            points, spread, tilt = again
    if not _plausible(points, edges):
        return None
    return Fit(points, spread)


def _answer(
    plane: NDArray[np.uint8], edges: NDArray[np.float64], angle: float
) -> tuple[Landmarks, float, float]:
    """(points in the plane, spread, clockwise tilt that is left in degrees)."""
    import dlib  # loaded on first use, like the detector

    centre = np.array([edges[0] + edges[2] - 1, edges[1] + edges[3] - 1]) / 2
    size = max(edges[2] - edges[0], edges[3] - edges[1])
    middle = float(centre[0]), float(centre[1])
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, angle, _EDGE / size), np.float64)
    matrix[:, 2] = matrix[:, 2] + (_PATCH - 1) / 2 - centre
    patch = cv2.warpAffine(
        plane, matrix, (_PATCH, _PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    answers = np.empty((len(_JITTER), 3, 2))
    for number, (right, down, larger) in enumerate(_JITTER):
        half = _EDGE * larger / 2
        x, y = _PATCH / 2 + right * _EDGE, _PATCH / 2 + down * _EDGE
        place = dlib.rectangle(round(x - half), round(y - half), round(x + half), round(y + half))
        parts = landmark_predictor()(patch, place).parts()
        five = np.array([[point.x, point.y] for point in parts], float)
        eyes = np.array([five[0:2].mean(axis=0), five[2:4].mean(axis=0)])
        answers[number] = [*eyes[np.argsort(eyes[:, 0])], five[4]]
    mean = np.median(answers, axis=0)
    across = mean[1] - mean[0]
    apart = max(1.0, float(np.hypot(*across)))
    spread = float(np.sqrt(((answers - mean) ** 2).sum(axis=2).mean())) / apart
    inverse = cv2.invertAffineTransform(matrix)
    points = mean @ inverse[:, :2].T + inverse[:, 2]
    return points, spread, float(np.degrees(np.arctan2(across[1], across[0])))


def _plausible(points: Landmarks, edges: NDArray[np.float64]) -> bool:
    """Eyes apart as in a face of this box, the nose below their middle."""
    size = max(edges[2] - edges[0], edges[3] - edges[1])
    across = points[1] - points[0]
    apart = float(np.hypot(*across))
    if not 0.15 * size < apart < 0.75 * size:
        return False
    nose = points[2] - points[:2].mean(axis=0)
    along = float(nose @ across) / apart**2
    below = float(across[0] * nose[1] - across[1] * nose[0]) / apart**2
    return abs(along) < 0.75 and 0.2 < below < 1.3
