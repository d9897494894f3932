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
from models.damage.ridges import Plane

_CELL = 256  # pixels of the scan
_BLOCK = 32  # within a cell, marked blocks that touch share a rectangle
_RADIUS = 4  # of Telea's weighted neighbourhood
_GRAIN_BLUR = 1.5  # standard deviation, pixels
_OFFSETS = 24  # candidate displacements of the grain
_RIM_BLEND = 0.5  # how much of the fill shows on the rim

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fill:
    """A filled rectangle, and whether part of the damage in it was too large to fill."""

    rectangle: Rectangle | None
    left_alone: bool


def fills(crop: Callable[[Box], Samples], mask: Plane, rim: int, deepest: float) -> Iterator[Fill]:
    """Fill what HxW `mask` marks; `crop` gives the picture's pixels in a box.

    `rim` pixels around the damage are blended in with it. Damage further than `deepest`
    pixels from anything sound is left alone: filling it would be invention.
    """
    height, width = mask.shape
    margin = int(2 * deepest) + 4 * rim + 16
    for top in range(0, height, _CELL):
        for left in range(0, width, _CELL):
            cell = Box(left, top, min(left + _CELL, width), min(top + _CELL, height))
            reach = _grown(cell, rim, width, height)
            near = mask[reach.top : reach.bottom, reach.left : reach.right]
            if not near.any():
                continue
            for box in _blocks(mask, cell, rim):
                yield _fill(crop, mask, box, _grown(box, margin, width, height), rim, deepest)


def _blocks(mask: Plane, cell: Box, rim: int) -> list[Box]:
    """Boxes of touching marked blocks of a cell, each to become one rectangle."""
    height, width = mask.shape
    rows, columns = -(-cell.height // _BLOCK), -(-cell.width // _BLOCK)
    marked = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            block = _block(cell, row, column)
            near = _grown(block, rim, width, height)
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


def _grown(box: Box, margin: int, width: int, height: int) -> Box:
    return Box(
        max(0, box.left - margin),
        max(0, box.top - margin),
        min(width, box.right + margin),
        min(height, box.bottom + margin),
    )


def _fill(
    crop: Callable[[Box], Samples], mask: Plane, box: Box, outer: Box, rim: int, deepest: float
) -> Fill:
    """Fill the part of the damage that lies in `box`, seeing all of `outer`."""
    damage = mask[outer.top : outer.bottom, outer.left : outer.right].copy()
    shallow = _shallow(damage, deepest)
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
    if not hole[inner].any() or unknown.all():
        return Fill(None, left_alone)
    before = crop(outer)
    planes = before.astype(np.float32).reshape(*before.shape[:2], -1)
    filled = np.stack(
        [
            cv2.inpaint(np.ascontiguousarray(plane), unknown, _RADIUS, cv2.INPAINT_TELEA)
            for plane in np.moveaxis(planes, 2, 0)
        ],
        axis=2,
    ).astype(np.float32)
    seed = (box.top << 32) | box.left
    filled = filled + _grain(planes, filled, unknown, np.random.default_rng(seed))
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


def _grain(planes: Floats, filled: Floats, unknown: Plane, random: np.random.Generator) -> Floats:
    """Grain hxwxC for the unknown pixels, taken from the known ones, 0 elsewhere.

    All channels take it from the same place, so that grey stays grey.
    """
    grain = planes - cv2.GaussianBlur(filled, (0, 0), _GRAIN_BLUR).reshape(planes.shape)
    known = (unknown == 0)[..., None]
    # Next to the hole the blur mixes in what was filled; a little distance keeps it honest.
    ring = cv2.dilate(unknown, np.ones((5, 5), np.uint8)) == 0
    sample = np.abs(grain[ring]) if ring.any() else np.zeros((1, planes.shape[2]), np.float32)
    spread = 1.4826 * np.median(sample, axis=0)
    grain = np.where(known, np.clip(grain, -3 * spread, 3 * spread), 0).astype(np.float32)
    hole = unknown > 0
    rows, columns = np.nonzero(hole)
    best: Floats | None = None
    least = np.inf
    reach = 8 + int(np.ptp(rows)) // 4, 8 + int(np.ptp(columns)) // 4
    for _ in range(_OFFSETS):
        down, across = (int(random.integers(-r, r + 1)) for r in reach)
        y = np.clip(rows + down, 0, hole.shape[0] - 1)
        x = np.clip(columns + across, 0, hole.shape[1] - 1)
        missing = float(hole[y, x].mean())
        energy = float(np.abs(np.sqrt((grain[y, x] ** 2).mean(axis=0)) - spread).mean())
        cost = missing + energy / (float(spread.mean()) + 1e-3)
        if cost < least:
            least, best = cost, grain[y, x]
    laid = np.zeros_like(grain)
    if best is not None:
        laid[rows, columns] = best
    return laid
