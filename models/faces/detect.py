"""Faces on a scan, found with dlib's HOG detector (Dalal and Triggs 2005; King 2009, dlib-ml).

The detector's window is 80 pixels and dlib shrinks the picture step by step by itself, so that
one pass over a copy finds every larger face. The copy's long edge is brought to at most 3000
pixels, and enlarged at most twofold: small scans are searched down to faces of 40 pixels, a
three-megapixel scan down to about 55, a large one down to 1/38 of its long edge (a group of
some fifty people). The cost is bounded by the copy, not by the scan: about 80 ms a megapixel
of the copy, half a second for a 3:2 picture of any size.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Face, Samples
from models.pixels import luminance

_LONG_EDGE = 3000
_LARGEST_SCALE = 2.0
_WINDOW = 80  # pixels of dlib's detector
_LEAST_SCORE = 0.15  # below it half of what is found on clutter is not a face
_OVERLAP = 0.35  # intersection over union from which on two boxes are one face


class FaceModelMissing(RuntimeError):
    """A dlib model file is not where the package `face_recognition_models` keeps it."""


def model_file(name: str) -> Path:
    """Path of a dlib model, found without importing its package (which wants setuptools)."""
    spec = importlib.util.find_spec("face_recognition_models")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise FaceModelMissing(
        f"dlib model {name} not found: install the package face-recognition-models"
    )


@cache
def _detector() -> Any:
    import dlib  # loaded on first use: planning and the command line never need it

    return dlib.get_frontal_face_detector()


def detect(pixels: Samples) -> tuple[Face, ...]:
    """Faces on `pixels` (HxW or HxWx3, uint8 or uint16), best score first, boxes in its pixels.

    Boxes are clipped to the picture. Scores are the detector's margins, above 0.15.
    """
    height, width = pixels.shape[:2]
    scale = min(_LARGEST_SCALE, _LONG_EDGE / max(height, width))
    if min(height, width) * scale < _WINDOW:
        return ()
    copy = _copy(pixels, scale)
    boxes, scores, _ = _detector().run(copy, 0, 0.0)
    across, down = width / copy.shape[1], height / copy.shape[0]
    faces = []
    for rectangle, score in zip(boxes, scores, strict=True):
        box = Box(
            max(0, round(rectangle.left() * across)),
            max(0, round(rectangle.top() * down)),
            min(width, round((rectangle.right() + 1) * across)),
            min(height, round((rectangle.bottom() + 1) * down)),
        )
        if score >= _LEAST_SCORE and box.width > 0 and box.height > 0:
            faces.append(Face(box, float(score)))
    return merged(faces)


def merged(faces: list[Face]) -> tuple[Face, ...]:
    """Duplicates left out (the better score stays), best first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) < _OVERLAP for other in kept):
            kept.append(face)
    return tuple(kept)


def _copy(pixels: Samples, scale: float) -> NDArray[np.uint8]:
    """Luminance at `scale`, reduced before it is converted: the scan itself may be huge."""
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    if scale <= 1:
        small = cast(Samples, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        return luminance(small)
    plane = luminance(pixels)
    return cast(NDArray[np.uint8], cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))


def _overlap(one: Box, other: Box) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (one.width * one.height + other.width * other.height - common)
