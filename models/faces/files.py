"""Where dlib's model files lie."""

from __future__ import annotations

import importlib.util
from pathlib import Path


class FaceModelMissing(RuntimeError):
    """A dlib model file is not where the package `face_recognition_models` keeps it."""


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
