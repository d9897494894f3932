"""The look as a step of a scan: a task of its own, or a call of the actor that has the stages."""

from __future__ import annotations

from typing import Any

from cluster.outcome import Outcome, answering
from models.contract import Samples
from models.look import look as look_at


@answering("look", values=1)
def look(pixels: Samples, detect_faces: bool, detector: str) -> tuple[Any, ...]:
    """An Outcome, and the hints for the stages (see `models.look`)."""
    hints = look_at(pixels, detect_faces=detect_faces, threads=1, detector=detector)
    return Outcome(0.0, columns={"tone": hints.tone}, flags=hints.flags), hints
