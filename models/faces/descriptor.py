"""How far apart two aligned faces are for dlib's descriptor: it sees swaps, and little else.

King 2017, dlib_face_recognition_resnet_model_v1, 128 numbers a face. They are biometric data:
they live for one call, only their distance leaves it, and nothing here writes or logs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.align import template
from models.faces.files import descriptor_network
from models.faces.texture import SIDE

Crop = NDArray[np.float32]

_CHIP = 150  # pixels the descriptor's network wants
_PADDING = 0.25  # of the chip, as dlib cuts it


def descriptor_distance(before: Crop, after: Crop) -> float:
    """Euclidean distance of the descriptors of two aligned crops, SxSx3 or SxSx1 in [0, 1].

    Another person is usually above 0.6. Raises `FaceModelMissing`.
    """
    first, second = (
        np.array(descriptor_network().compute_face_descriptor(_chip(c))) for c in (before, after)
    )
    return float(np.linalg.norm(first - second))


def _chip(crop: Crop) -> NDArray[np.uint8]:
    """The crop cut as dlib cuts faces, 150x150x3 uint8."""
    side = crop.shape[0]
    eyes_and_nose = template(side)
    # dlib's mean shape of the five points, of which eye centres and nose base, in a unit square
    mean = np.array([[0.7926, 0.3392], [0.2074, 0.3392], [0.5, 0.6216]])[[1, 0, 2]]
    aim = (_PADDING + mean) / (2 * _PADDING + 1) * _CHIP
    matrix = _similarity(eyes_and_nose, aim)
    levels = np.rint(255 * np.clip(crop, 0, 1)).astype(np.uint8)
    if side > SIDE:  # warping does not average what it reduces
        levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), 0.5 * side / SIDE), np.uint8)
    chip = cv2.warpAffine(levels, matrix, (_CHIP, _CHIP), borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(np.broadcast_to(chip.reshape(_CHIP, _CHIP, -1), (_CHIP, _CHIP, 3)))


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares rotation, scale and shift 2x3 from points nx2 to points nx2."""
    x, y = source.T
    one, nil = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.stack([x, -y, one, nil], 1), np.stack([y, x, nil, one], 1)])
    (a, b, right, down), *_ = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)
    return np.array([[a, -b, right], [b, a, down]])
