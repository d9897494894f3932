"""The face stage's models by name: which network, which weights. Light: imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from models.contract import BadStageInput
from models.weights.table import row_of

FaceHandling = Literal["off", "detect", "enhance"]
"""What is done with faces: nothing, boxes in the manifest only, or enhancement."""

DEFAULT_MODEL = "direct"
"""What `auto` stands for: the embedded model."""

DETECT_REVISION = "inspect/1"
"""Of the stage where it only detects: it alters no pixel."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of the face stage: the name of its weights, and a `revision` that changes whenever
    the stage's code may give other pixels for the same weights."""

    revision: str
    weights: str

    @property
    def side(self) -> int:
        """Pixels of the aligned crop that the network was trained for.

        Raises `WeightsMissing` where the table has no such weights.
        """
        return int(row_of(self.weights).settings["side"])


CHOICES: Mapping[str, Choice] = {
    "direct": Choice("faces-direct/2", "faces_enhancer"),
    "published-256": Choice("faces-published-256/2", "bopbl_face_256"),
    "published-512": Choice("faces-published-512/2", "bopbl_face_512"),
}

FACE_MODELS = ("auto", *CHOICES)
"""Every name a user may give."""


def resolved(model: str) -> str:
    """The name of a model, `auto` being the default. Raises `BadStageInput` for another."""
    if model not in FACE_MODELS:
        raise BadStageInput(f"no face model {model!r}; there are {', '.join(FACE_MODELS)}")
    return DEFAULT_MODEL if model == "auto" else model


def handling(faces: str) -> FaceHandling:
    """`faces` itself, checked. Raises `BadStageInput` for another word."""
    known = get_args(FaceHandling)
    if faces not in known:
        raise BadStageInput(f"faces is one of {', '.join(known)}, not {faces!r}")
    return faces  # type: ignore[return-value]
