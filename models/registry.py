"""Which class is each stage, built from flat keywords; known without building anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.contract import BadStageInput, Stage

_NO_WEIGHTS: Mapping[str, str] = {}


def _damage(
    mode: str = "repair", strength: float = 0.7, keep_mask: bool = False, threads: int = 1
) -> Stage:
    from models.classical import ClassicalRestorer

    return ClassicalRestorer(mode, strength, keep_mask, threads)  # type: ignore[arg-type]


def _faces(threads: int = 1) -> Stage:
    from models.faces.restorer import FaceInspector

    return FaceInspector(threads)


def _color(colorize: str = "auto") -> Stage:
    from models.color.restorer import ColorDecision

    return ColorDecision(colorize)  # type: ignore[arg-type]


BUILDERS: Mapping[str, Callable[..., Stage]] = {
    "damage": _damage,
    "faces": _faces,
    "color": _color,
}

LOOK_REVISION = "look/1"
"""Of what every stage is told beforehand: photograph area, tone, faces."""

REVISIONS: Mapping[str, str] = {
    "damage": "classical/1",
    "faces": "inspect/1",
    "color": "decision/1",
}
"""Repeated here so that planning a million scans imports neither OpenCV nor dlib; a test holds
them to the classes' own."""


def describe(name: str) -> tuple[str, Mapping[str, str]]:
    """(revision, sha256 of each weight file by name) of a stage, for the recipe.

    Constructs nothing and reads no file. Raises `BadStageInput` for an unknown stage.
    """
    return REVISIONS[_known(name)], _NO_WEIGHTS


def build_stage(name: str, **options: Any) -> Stage:
    """The stage `name`, loaded and ready, from the keywords of its class.

    damage: `mode` (repair or revive), `strength` (0 to 1), `keep_mask`, `threads`;
    faces: `threads`; color: `colorize` (auto, always or never). Raises `BadStageInput` for an
    unknown stage, keyword or value, `FaceModelMissing` where dlib's files are not installed.
    """
    builder = BUILDERS[_known(name)]
    try:
        return builder(**options)
    except TypeError as error:
        raise BadStageInput(f"stage {name} was given wrong options: {error}") from error


def _known(name: str) -> str:
    if name not in BUILDERS:
        raise BadStageInput(f"no stage {name!r}; there are {', '.join(BUILDERS)}")
    return name
