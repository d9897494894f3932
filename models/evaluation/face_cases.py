"""The portraits that the face stage is measured on, and where in them the face lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, StageInput
from models.evaluation.cases import SEED, given
from models.faces.align import TEMPLATE_SIDE, Floats, Matrix, crop, similarity
from models.faces.blend import area, weights
from models.faces.detect import detect
from models.faces.landmarks import landmarks
from models.training.data import to_bytes
from models.training.degradation import Severity, Textures
from models.training.direct import faded_sample
from models.training.face_samples import FACE_EVALUATION

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_INSIDE = 0.5  # of the weight a face is blended in with: what counts as the face


@dataclass(frozen=True, slots=True)
class Place:
    """Where the face of a portrait lies: `matrix` 2x3 to an aligned crop of 256, and `mask` HxW,
    true where the stage would take at least half of what an enhancer made."""

    matrix: Matrix
    mask: Mask

    def crop(self, picture: Image) -> Floats:
        """The aligned face of `picture` HxWx3, 256x256x3 in [0, 1]."""
        return crop(picture, self.matrix, TEMPLATE_SIDE)


@dataclass(frozen=True, slots=True)
class FaceCase:
    """A portrait, HxWx3 uint8 each: `true` is the aim, `item` holds the degraded portrait as a
    stage is given it, with what the look found there."""

    name: str
    true: Image
    item: StageInput
    place: Place

    @property
    def degraded(self) -> Image:
        """The degraded portrait, HxWx3 uint8."""
        return np.asarray(self.item.pixels, np.uint8)


def place_of(portrait: Image) -> Place | None:
    """Where the largest face of `portrait` HxWx3 lies; None where none is found."""
    faces = detect(portrait)
    if not faces:
        return None
    largest = max(faces, key=lambda face: face.box.width * face.box.height)
    points = landmarks(portrait, largest.box)
    if points is None:
        return None
    matrix = similarity(points, TEMPLATE_SIDE)
    height, width = portrait.shape[:2]
    box = area(matrix, TEMPLATE_SIDE, height, width)
    if box is None:
        return None
    mask = _mask(matrix, box, height, width)
    return Place(matrix, mask) if mask.any() else None


def face_case(
    name: str,
    portrait: Image,
    number: int,
    textures: Textures,
    severity: Severity = FACE_EVALUATION,
    threads: int = 1,
) -> FaceCase | None:
    """The case of `portrait` HxWx3 uint8, the `number`-th of its split, always the same; None
    where no face is found in the undamaged portrait.

    The aim is the portrait in the tone that its photograph has faded to: the stage must leave
    tone alone, so that the face fits its photograph.
    """
    place = place_of(portrait)
    if place is None:
        return None
    rng = np.random.default_rng([SEED, number])
    degraded, true, _ = faded_sample(portrait, rng, severity, textures)
    return FaceCase(name, to_bytes(true), given(to_bytes(degraded), threads), place)


def sharpness(case_crop: Floats) -> float:
    """Variance of the Laplacian over the middle of an aligned crop SxSx3, for ranking portraits
    (Pech-Pacheco et al. 2000)."""
    grey = case_crop.mean(axis=2)
    middle = slice(grey.shape[0] // 4, -grey.shape[0] // 4)
    return float(np.var(cv2.Laplacian(grey, cv2.CV_32F)[middle, middle]))


def sharper_half(values: Sequence[float]) -> list[bool]:
    """Which of `values` belong to the larger half."""
    bound = float(np.median(values)) if values else 0.0
    return [value >= bound for value in values]


def _mask(matrix: Matrix, box: Box, height: int, width: int) -> Mask:
    mask = np.zeros((height, width), bool)
    inside = weights(matrix, TEMPLATE_SIDE, box) >= _INSIDE
    mask[box.top : box.bottom, box.left : box.right] = inside
    return cast(Mask, mask)
