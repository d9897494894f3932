"""The detectors of faces by name. Light: imports neither OpenCV nor dlib before one is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from models.contract import BadStageInput
from models.weights.published import YUNET
from models.weights.table import sha256_of

if TYPE_CHECKING:
    from models.contract import Face, Samples

    Detector = Callable[[Samples], tuple[Face, ...]]
    """Faces on pixels HxW or HxWx3, uint8 or uint16: each once, best score first, boxes in these
    pixels and inside the picture. Scores of two detectors cannot be compared."""

DEFAULT_DETECTOR = "dlib"
"""What `auto` stands for: the one that comes with the package."""

FACE_DETECTORS = ("auto", "dlib", "yunet")
"""Every name a user may give."""

_REVISIONS: Mapping[str, str] = {"yunet": "yunet/1"}
"""Of detectors that the revision of the look does not cover by itself."""


def resolved(detector: str) -> str:
    """The name of a detector, `auto` being the default. Raises `BadStageInput` for another."""
    if detector not in FACE_DETECTORS:
        raise BadStageInput(f"no face detector {detector!r}; there are {', '.join(FACE_DETECTORS)}")
    return DEFAULT_DETECTOR if detector == "auto" else detector


def detector_of(detector: str) -> Detector:
    """The detector called `detector`.

    Raises `BadStageInput` for a name that is none. The imported one raises `WeightsError` when
    it is used and its file is missing or altered.
    """
    if resolved(detector) == "yunet":
        from models.faces import yunet

        return yunet.detect
    from models.faces import detect

    return detect.detect


def described(detector: str) -> tuple[str | None, Mapping[str, str]]:
    """(revision, sha256 of each weight file by name), for the recipe; (None, {}) for the default.

    Raises `BadStageInput` for a name that is none, `WeightsMissing` for a file that was not
    imported.
    """
    name = resolved(detector)
    if name == DEFAULT_DETECTOR:
        return None, {}
    return _REVISIONS[name], {YUNET.name: sha256_of(YUNET.name)}
