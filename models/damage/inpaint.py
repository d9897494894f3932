"""Fills thin defects from their surroundings: Telea in-painting, with the grain put back.

Telea 2004, "An image inpainting technique based on the fast marching method" (OpenCV's), on
crops, channel by channel in float32, so that 16-bit precision survives and R=G=B stays so.
What it fills is smooth, and smooth scars look pasted: the grain of the surroundings (what a
small blur takes off them) is laid over it, moved by a seeded offset.

The picture is worked through in cells of a fixed grid, each with a margin, so that the result
depends neither on the order nor on how the scan was cut for detection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Rectangle, Samples
from models.damage.grain import lacking, transferred
from models.damage.ridges import Plane

_CELL = 256  # pixels of the scan
_BLOCK = 32  # within a cell, marked blocks that touch share a rectangle
_RADIUS = 4  # of Telea's weighted neighbourhood
_RIM_BLEND = 0.5  # how much of the fill shows on the rim

Floats = NDArray[np.float32]

Source = Callable[[Floats, Plane, Box], Floats]
"""What gives the filling: (samples hxwxC, unknown pixels hxw, their box) -> filled, hxwxC."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A filled rectangle, and whether part of the damage in it was too large to fill."""

    rectangle: Rectangle | None
    left_alone: bool


def fills(
    crop: Callable[[Box], Samples],
    mask: Plane,
    rim: int,
    deepest: float,
    source: Source | None = None,
    margin: Callable[[Box], int] | None = None,
    grain: float = 1.0,
) -> Iterator[Fill]:
    """Fill what HxW `mask` marks; `crop` gives the picture's pixels in a box.

    `rim` pixels around the damage are blended in with it. Damage further than `deepest`
    pixels from anything sound is left alone: filling it would be invention; so is what `mask`
    marks with 2. `source` gives the filling, Telea's without it; `margin` says how many pixels
    around a piece are looked at; `grain` (0 to 1) how much of the surroundings' grain is laid
    over what was filled.
    """
    height, width = mask.shape
    if margin is None:
        fixed = int(2 * deepest) + 4 * rim + 16
    for top in range(0, height, _CELL):
        for left in range(0, width, _CELL):
            cell = Box(left, top, min(left + _CELL, width), min(top + _CELL, height))
            reach = cell.grown(rim, rim, width, height)
            near = mask[reach.top : reach.bottom, reach.left : reach.right]
            if not near.any():
                continue
            for box in _blocks(mask, cell, rim):
                around = margin(box) if margin else fixed
                outer = box.grown(around, around, width, height)
                yield _fill(crop, mask, box, outer, rim, deepest, source, grain)


def _blocks(mask: Plane, cell: Box, rim: int) -> list[Box]:
    """Boxes of touching marked blocks of a cell, each to become one rectangle."""
    height, width = mask.shape
    rows, columns = -(-cell.height // _BLOCK), -(-cell.width // _BLOCK)
    marked = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            block = _block(cell, row, column)
            near = block.grown(rim, rim, width, height)
            marked[row, column] = mask[near.top : near.bottom, near.left : near.right].any()
    count, _, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
    boxes: list[Box] = []
    for column, row, across, down, _ in stats[1:count].tolist():
        first = _block(cell, row, column)
        last = _block(cell, row + down - 1, column + across - 1)
        boxes.append(Box(first.left, first.top, last.right, last.bottom))
    return boxes


def _block(cell: Box, row: int, column: int) -> Box:
    left, top = cell.left + column * _BLOCK, cell.top + row * _BLOCK
    return Box(left, top, min(left + _BLOCK, cell.right), min(top + _BLOCK, cell.bottom))


def telea(planes: Floats, unknown: Plane, box: Box) -> Floats:  # noqa: ARG001  as `Source` asks
    """`planes` hxwxC with the `unknown` pixels filled by fast marching from the known ones."""
    filled = [
        cv2.inpaint(np.ascontiguousarray(plane), unknown, _RADIUS, cv2.INPAINT_TELEA)
        for plane in np.moveaxis(planes, 2, 0)
    ]
    return np.stack(filled, axis=2).astype(np.float32)


def _fill(
    crop: Callable[[Box], Samples],
    mask: Plane,
    box: Box,
    outer: Box,
    rim: int,
    deepest: float,
    source: Source | None,
    grain: float,
) -> Fill:
    """Fill the part of the damage that lies in `box`, seeing all of `outer`."""
    marked = mask[outer.top : outer.bottom, outer.left : outer.right]
    damage = (marked > 0).astype(np.uint8)
    shallow = (marked == 1).astype(np.uint8)
    if np.isfinite(deepest):
        shallow = _shallow(shallow, deepest)
    inner = (
        slice(box.top - outer.top, box.bottom - outer.top),
        slice(box.left - outer.left, box.right - outer.left),
    )
    left_alone = bool((damage[inner] > shallow[inner]).any())
    side = 2 * rim + 1
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    hole = cast(Plane, cv2.dilate(shallow, element))
    # What is left alone is no source for the fill either.
    unknown = np.maximum(hole, damage)
    if not hole[inner].any() or (source is None and unknown.all()):
        return Fill(None, left_alone)
    before = crop(outer)
    planes = before.astype(np.float32).reshape(*before.shape[:2], -1)
    filled = (source or telea)(planes, unknown, outer)
    if grain and source is not None:
        grain *= lacking(planes, filled, unknown)
    if grain:
        random = np.random.default_rng((box.top << 32) | box.left)
        filled = filled + np.float32(grain) * transferred(planes, filled, unknown, random)
    share = np.where(shallow > 0, 1.0, _RIM_BLEND).astype(np.float32)[..., None]
    blended = planes + share * (filled - planes)
    top_value = np.iinfo(before.dtype).max
    after = np.clip(np.rint(blended), 0, top_value).astype(before.dtype).reshape(before.shape)
    changed = (after != before).reshape(*before.shape[:2], -1).any(axis=2) & (hole > 0)
    changed = changed[inner]
    if not changed.any():
        return Fill(None, left_alone)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    tight = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Fill(
        Rectangle(
            box.top + int(rows[0]),
            box.left + int(columns[0]),
            np.ascontiguousarray(after[inner][tight]),
            np.ascontiguousarray(changed[tight]),
        ),
        left_alone,
    )


def _shallow(damage: Plane, deepest: float) -> Plane:
    """`damage` without the components that reach deeper than `deepest` pixels."""
    distance = cv2.distanceTransform(damage, cv2.DIST_L2, cv2.DIST_MASK_3)
    if float(distance.max()) <= deepest:
        return damage
    count, labels = cv2.connectedComponents(damage, connectivity=8)
    deep = np.unique(labels[distance > deepest])
    keep = np.ones(count, bool)
    keep[deep] = False
    return cast(Plane, (keep[labels] & (damage > 0)).astype(np.uint8))
