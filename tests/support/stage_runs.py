"""Runs stages as a lane does, on read-only arrays, and lays their rectangles as the writer."""

from __future__ import annotations

from models.contract import Box, Face, Hints, Rectangle, Samples, StageInput, StageResult
from models.look import look


def page(pixels: Samples, changes: tuple[Rectangle, ...] = (), faces: bool = False) -> StageInput:
    """A stage's input with hints from a real look, the pixels read-only."""
    pixels = pixels.copy()
    pixels.setflags(write=False)
    return StageInput(pixels, look(pixels, detect_faces=faces), changes)


def plain_hints(pixels: Samples, faces: tuple[Face, ...] = ()) -> Hints:
    """Hints that say nothing: the whole picture, monochrome."""
    return Hints(Box(0, 0, pixels.shape[1], pixels.shape[0]), "monochrome", {}, faces)


def laid(item: StageInput, result: StageResult) -> Samples:
    """The picture with the result's rectangles in it."""
    whole = Box(0, 0, item.pixels.shape[1], item.pixels.shape[0])
    return StageInput(item.pixels, item.hints, (*item.changes, *result.rectangles)).crop(whole)
