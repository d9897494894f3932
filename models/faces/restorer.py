"""The face stage without weights: faces are measured, and watched over, never altered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Face, Samples, StageInput, StageResult
from models.faces.files import model_file
from models.pixels import check_input, to_bytes

REVISION = "inspect/1"
BYTES_PER_PIXEL = 1.0  # crops of faces; dlib's descriptor network is some 25 MB in all

CHANGED_DISTANCE = 0.16
"""Distance of dlib's 128-d descriptors from which on a repair has changed a face. Measured on
49 faces: a line of three pixels across the face filled anew, 0.144 or less in 95 of 100; an eye
erased, 0.178 or more in 75 of 100. It asks for a look; 0.6 is the usual bound of another person."""

REASON = "faces are detected, not enhanced: no weights"

_SURROUNDINGS = 0.3  # of the box's size, around it: dlib's aligned chip reaches beyond the box
_CROP_EDGE = 600  # pixels: a larger crop is reduced, dlib's chip has 150


class FaceInspector:
    """A stage that reports faces and compares them before and after the earlier changes.

    Where a repair touched a face, its descriptor (King 2017, dlib_face_recognition_resnet_v1)
    is taken before and after on the same five landmarks; a distance above `CHANGED_DISTANCE`
    raises the flag `face changed by repair`. Descriptors are biometric data: they never leave
    `_distance`. Raises `FaceModelMissing` where dlib's files are not installed.
    """

    revision = REVISION
    bytes_per_pixel = BYTES_PER_PIXEL

    def __init__(self, threads: int = 1) -> None:
        import dlib  # loaded with the stage: planning and the command line never need it

        self.threads = threads
        self.weights: Mapping[str, str] = {}
        landmarks = model_file("shape_predictor_5_face_landmarks.dat")
        descriptor = model_file("dlib_face_recognition_resnet_model_v1.dat")
        self._dlib: Any = dlib
        self._landmarks: Any = dlib.shape_predictor(str(landmarks))
        self._descriptor: Any = dlib.face_recognition_model_v1(str(descriptor))

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """Metrics and flags; `BadStageInput` where pixels and hints do not fit together."""
        cv2.setNumThreads(self.threads)
        return [self._inspect(item) for item in batch]

    def _inspect(self, item: StageInput) -> StageResult:
        check_input(item)
        faces = item.hints.faces
        changed = any(self._changed(item, face) for face in faces)
        return StageResult(
            metrics={"face_count": len(faces), "faces": [_row(face) for face in faces]},
            flags=("face changed by repair",) if changed else (),
        )

    def _changed(self, item: StageInput, face: Face) -> bool:
        """Whether the earlier stages' changes made another face of it."""
        if not _touched(item, face.box):
            return False
        return self._distance(item, face.box) > CHANGED_DISTANCE

    def _distance(self, item: StageInput, box: Box) -> float:
        """Distance between the face's descriptors before and after the changes."""
        outer = _with_surroundings(box, item)
        before = StageInput(item.pixels, item.hints).crop(outer)
        after = item.crop(outer)
        scale = min(1.0, _CROP_EDGE / max(outer.width, outer.height))
        first, second = _color_crop(before, scale), _color_crop(after, scale)
        place = self._dlib.rectangle(
            round((box.left - outer.left) * scale),
            round((box.top - outer.top) * scale),
            round((box.right - outer.left) * scale) - 1,
            round((box.bottom - outer.top) * scale) - 1,
        )
        descriptors = [
            np.array(self._descriptor.compute_face_descriptor(crop, self._landmarks(crop, place)))
            for crop in (first, second)
        ]
        return float(np.linalg.norm(descriptors[0] - descriptors[1]))


def _row(face: Face) -> dict[str, Any]:
    box = face.box
    return {
        "left": box.left,
        "top": box.top,
        "width": box.width,
        "height": box.height,
        "score": face.score,
        "correlations": None,
        "applied": False,
        "reason": REASON,
    }


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
    return Box(
        max(0, box.left - across),
        max(0, box.top - down),
        min(width, box.right + across),
        min(height, box.bottom + down),
    )


def _color_crop(crop: Samples, scale: float) -> NDArray[np.uint8]:
    """dlib wants 8-bit RGB, contiguous."""
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    small = to_bytes(cast(Samples, cv2.resize(crop, size, interpolation=cv2.INTER_AREA)))
    if small.ndim == 2:
        small = np.repeat(small[..., None], 3, axis=2)
    return np.ascontiguousarray(small)
