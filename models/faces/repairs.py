"""Whether the repairs before the face stage have made another face of one."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Samples, StageInput
from models.faces.files import descriptor_network, landmark_predictor
from models.pixels import to_bytes

CHANGED_DISTANCE = 0.16
"""Distance of dlib's 128-d descriptors from which on a repair has changed a face. Measured on
49 faces: a line of three pixels across the face filled anew, 0.144 or less in 95 of 100; an eye
erased, 0.178 or more in 75 of 100. It asks for a look; 0.6 is the usual bound of another person."""

_SURROUNDINGS = 0.3  # of the box's size, around it: dlib's aligned chip reaches beyond the box
_CROP_EDGE = 600  # pixels: a larger crop is reduced, dlib's chip has 150


def changed_by_repair(item: StageInput, box: Box) -> bool:
    """Whether the earlier changes made another face of the one in `box`.

    Its descriptor (King 2017, dlib_face_recognition_resnet_v1) is taken before and after on the
    same box, where a change falls inside it at all. Descriptors are biometric data: they never
    leave this module, and only a yes or no does. Raises `FaceModelMissing`.
    """
    return _touched(item, box) and _distance(item, box) > CHANGED_DISTANCE


def _distance(item: StageInput, box: Box) -> float:
    """Distance between the face's descriptors before and after the changes."""
    import dlib  # loaded on first use: most scans have no repaired face

    outer = _with_surroundings(box, item)
    before = StageInput(item.pixels, item.hints).crop(outer)
    after = item.crop(outer)
    scale = min(1.0, _CROP_EDGE / max(outer.width, outer.height))
    place = dlib.rectangle(
        round((box.left - outer.left) * scale),
        round((box.top - outer.top) * scale),
        round((box.right - outer.left) * scale) - 1,
        round((box.bottom - outer.top) * scale) - 1,
    )
    landmarks, descriptor = landmark_predictor(), descriptor_network()
    first, second = (
        np.array(descriptor.compute_face_descriptor(crop, landmarks(crop, place)))
        for crop in (_color_crop(before, scale), _color_crop(after, scale))
    )
    return float(np.linalg.norm(first - second))


def _touched(item: StageInput, box: Box) -> bool:
    """Whether any earlier change falls inside `box`."""
    for change in item.changes:
        rows = slice(max(0, box.top - change.top), max(0, box.bottom - change.top))
        columns = slice(max(0, box.left - change.left), max(0, box.right - change.left))
        if change.mask[rows, columns].any():
            return True
    return False


def _with_surroundings(box: Box, item: StageInput) -> Box:
    height, width = item.pixels.shape[:2]
    across, down = round(_SURROUNDINGS * box.width), round(_SURROUNDINGS * box.height)
    return box.grown(across, down, width, height)


def _color_crop(crop: Samples, scale: float) -> NDArray[np.uint8]:
    """dlib wants 8-bit RGB, contiguous."""
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    small = to_bytes(cast(Samples, cv2.resize(crop, size, interpolation=cv2.INTER_AREA)))
    if small.ndim == 2:
        small = np.repeat(small[..., None], 3, axis=2)
    return np.ascontiguousarray(small)
