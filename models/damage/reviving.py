"""`revive` on one page: fading and casts by curves, ageing by a network, as rectangles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np

from models.contract import Box, Rectangle, Samples, StageInput, Tone
from models.damage.pages import cropper, small_copy
from models.damage.revival import Gate, Revival
from models.damage.tone import ToneCorrector, ToneReport
from models.damage.tone_curves import Curves
from models.damage.translator import Translator
from models.pixels import strips
from models.tiling import Floats, Read, Tiler


def revived(
    item: StageInput,
    grey: bool,
    corrector: ToneCorrector,
    reviver: Translator | None,
    tiler: Tiler,
    strength: float,
    gate: Gate,
) -> tuple[tuple[Rectangle, ...], ToneReport]:
    """What changes in the photograph area, and what was found out about its tone.

    `grey` says that the photograph has one channel or three equal ones. Without a `reviver`
    only the tone is corrected.
    """
    area = item.hints.photograph
    crop = cropper(item, grey)
    tone: Tone = "monochrome" if grey else item.hints.tone
    curves, report = corrector(small_copy(crop, area), tone)
    scale = float(np.iinfo(item.pixels.dtype).max)
    height, width = item.pixels.shape[:2]

    def read(box: Box) -> Floats:
        values = crop(box).astype(np.float32) / np.float32(scale)
        if curves is not None:
            values = curves.apply(values)
        return values.reshape(box.height, box.width, -1)

    if reviver is not None and strength:
        revival = Revival(
            read, height, width, area, reviver, tiler, strength, gate, neutral=tone != "color"
        )
        if revival.prepare():
            return _rectangles(item, revival.cells(), scale), report
    return _rectangles(item, _by_strips(area, read, curves), scale), report


def _by_strips(area: Box, read: Read, curves: Curves | None) -> Iterator[tuple[Box, Floats]]:
    """The photograph with its tone corrected, where it is to be."""
    if curves is not None:
        for top, bottom in strips(area.height, area.width):
            box = Box(area.left, area.top + top, area.right, area.top + bottom)
            yield box, read(box)


def _rectangles(
    item: StageInput, cells: Iterator[tuple[Box, Floats]], scale: float
) -> tuple[Rectangle, ...]:
    """Samples hxwxC in [0, 1] as rectangles of what they change, in the scan's own channels."""
    made = []
    for box, values in cells:
        now = item.crop(box)
        rounded = np.clip(np.rint(values * np.float32(scale)), 0, scale).astype(now.dtype)
        shape = (box.height, box.width, now.size // (box.height * box.width))
        pixels = np.ascontiguousarray(np.broadcast_to(rounded, shape)).reshape(now.shape)
        mask = (pixels != now).reshape(shape).any(axis=2)
        if mask.any():
            made.append(Rectangle(box.top, box.left, cast(Samples, pixels), mask))
    return tuple(made)
