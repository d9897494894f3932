"""The look is told by a scan's recipe whether to look for faces, and with what."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_yunet import BLOB, blobs, use_tiny_yunet

from cluster import look_step, route, steps
from models.weights.imports import import_path
from tasks.recipe import Recipe


def given_to_the_step(monkeypatch: pytest.MonkeyPatch, pixels: Any, recipe: Recipe) -> Any:
    """What the route hands to the task for a scan of this recipe."""
    handed: list[Any] = []
    task = SimpleNamespace(
        options=lambda **_: SimpleNamespace(remote=lambda *given: handed.extend(given))
    )
    monkeypatch.setattr(steps, "look", task)
    lane: Any = SimpleNamespace(io_placement=lambda: None)
    dispatcher: Any = SimpleNamespace(offer=lambda _journey, _step, submit: submit(None))
    journey: Any = SimpleNamespace(
        job=SimpleNamespace(recipe=recipe), sheet=SimpleNamespace(pixels=pixels)
    )
    nowhere: Any = None
    route.Route(lane, dispatcher, nowhere, nowhere)._look(journey)
    return handed


def test_the_chosen_detector_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import_path(use_tiny_yunet(monkeypatch, tmp_path))
    pixels = blobs(400, 500, [(200, 150, BLOB)])
    chosen = Recipe(face_detector="yunet")
    for recipe, faces in (
        (chosen, 1),
        (Recipe(), 0),  # a blob is no face to dlib
        (chosen.override(faces="off"), 0),
        (chosen.override(stages=["color"]), 0),
        (chosen.override(stages=["damage"]), 1),
    ):
        outcome, hints = look_step.look(*given_to_the_step(monkeypatch, pixels, recipe))
        assert outcome.failure is None and len(hints.faces) == faces


def test_a_node_without_the_file_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_tiny_yunet(monkeypatch, tmp_path)
    outcome, _ = look_step.look(np.zeros((50, 50), np.uint8), True, "yunet")
    assert outcome.failure is not None
    assert "albumen weights import" in outcome.failure.message
