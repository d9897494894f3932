"""Holes and their depth: what is too deep to fill, and the pyramid on which the rest is filled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Samples
from models.pixels import strips
from models.tiling import Floats

Plane = NDArray[np.uint8]
Crop = Callable[[Box], Samples]

BAND = 12
"""Pixels from the rim of a hole, on any level, that the network fills there."""

SOFT = 4
"""Of the band's pixels the innermost: there the level above is blended in."""

_RASTER = 3000  # pixels of the long edge of the raster on which depth is measured
_WINDOW = 1024
_STORED = np.float32(65535)


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep the damage of a mask is, in pixels of the scan.

    `distance` (pixels from anything sound) and `lost` (too deep to fill) are hxw, on a raster of
    `step` pixels of the scan, so that a large scan needs no float plane.
    """

    distance: Floats
    lost: NDArray[np.bool_]
    step: int

    @classmethod
    def of(cls, mask: Plane, deepest: float) -> Depth:
        """The depth of what HxW `mask` marks.

        Lost is what lies around pixels deeper than `deepest`, not what is thin and hangs on it.
        """
        step = max(1, max(mask.shape) // _RASTER)
        raster = _pooled(mask > 0, step).astype(np.uint8)
        distance = _distance(raster, 1) * np.float32(step)
        lost = np.zeros(raster.shape, bool)
        if float(distance.max()) > deepest:
            core = (distance <= deepest).astype(np.uint8)
            near = cv2.distanceTransform(core, cv2.DIST_L2, cv2.DIST_MASK_5) * step
            lost = (near <= 1.25 * deepest) & (raster > 0)
        return cls(distance, lost, step)

    @property
    def greatest(self) -> float:
        """Of what is to be filled."""
        return float(np.max(self.distance, where=~self.lost, initial=0))

    def around(self, box: Box) -> float:
        """The greatest depth in `box` of the scan."""
        rows = slice(box.top // self.step, -(-box.bottom // self.step))
        part = self.distance[rows, box.left // self.step : -(-box.right // self.step)]
        return float(part.max())

    def without_lost(self, mask: Plane) -> Plane:
        """`mask` with 2 where the damage is lost; the same array where none is."""
        if not self.lost.any():
            return mask
        result = mask.copy()
        height, width = mask.shape
        for top, bottom in strips(height, width, self.step):
            rows = self.lost[top // self.step : -(-bottom // self.step)]
            large = np.repeat(np.repeat(rows, self.step, axis=0), self.step, axis=1)
            strip = result[top:bottom]
            strip[large[: bottom - top, :width] & (strip > 0)] = 2
        return result


@dataclass(slots=True)
class Level:
    """The picture at one scale, and its holes.

    `hole` HxW is 1 where the picture is to be filled, 2 where it is lost; `needed` HxW is not 0
    where a filling is asked for; `doubtful` is `hole` with the rim, whose tone is not to be
    trusted. The finest level reads the scan through `crop`; the others
    hold `samples`, HxWxC uint16, and take their filling into them.
    """

    crop: Crop
    hole: Plane
    needed: Plane
    doubtful: Plane
    samples: NDArray[np.uint16] | None = None

    def read(self, box: Box) -> Floats:
        """A copy of the samples in `box`, hxwxC in [0, 1]."""
        if self.samples is not None:
            part = self.samples[box.top : box.bottom, box.left : box.right]
            return part.astype(np.float32) / _STORED
        pixels = self.crop(box)
        scale = np.float32(np.iinfo(pixels.dtype).max)
        return (pixels.astype(np.float32) / scale).reshape(*pixels.shape[:2], -1)

    def write(self, box: Box, drawn: Floats) -> None:
        """Take the filling hxwxC of a box into the samples, where it is needed."""
        assert self.samples is not None
        place = (slice(box.top, box.bottom), slice(box.left, box.right))
        inside = (self.needed[place] > 0) & (self.hole[place] == 1)
        values = np.rint(np.clip(drawn[inside], 0, 1) * _STORED).astype(np.uint16)
        self.samples[place][inside] = values

    def depth(self, box: Box) -> Floats:
        """Distance of the hole's pixels in `box` from its rim; exact up to the band's end."""
        height, width = self.hole.shape
        reach = BAND + 4
        outer = box.grown(reach, reach, width, height)
        inside = self.hole[outer.top : outer.bottom, outer.left : outer.right] > 0
        distance = _distance(inside.astype(np.uint8), reach)
        top, left = box.top - outer.top, box.left - outer.left
        return distance[top : top + box.height, left : left + box.width]

    def enlarged(self, box: Box) -> Floats:
        """The samples of this level at twice the size, in `box` of the level below; bilinear."""
        assert self.samples is not None
        outer = seen_from(box, *self.hole.shape)
        return doubled(self.read(outer), outer, box)


def pyramid(crop: Crop, hole: Plane, wider: Plane, count: int) -> list[Level]:
    """The scan and `count` levels above it, each half the one below, finest first.

    `wider` is `hole` with its rim: on the finest level all of it is needed. Each level marks as
    needed what is deeper on the level below than the network fills there; so the list ends early
    where nothing is.
    """
    levels = [Level(crop, hole, np.bitwise_and(wider, np.uint8(1)), wider)]
    for _ in range(count):
        below = levels[-1]
        deep = _deep(below)
        if not deep.any():
            break
        height, width = deep.shape
        needed = cv2.dilate(_pooled(deep, 2).astype(np.uint8), np.ones((5, 5), np.uint8))
        filled, lost = _pooled(below.hole == 1, 2), _pooled(below.hole == 2, 2)
        smaller = np.where(filled, 1, 2 * lost.astype(np.uint8)).astype(np.uint8)
        channels = below.read(Box(0, 0, 1, 1)).shape[2]
        samples = np.empty((*smaller.shape, channels), np.uint16)
        for top, bottom in strips(height, width, 2):
            part = below.read(Box(0, top, width, bottom))
            rows = slice(top // 2, (bottom + 1) // 2)
            samples[rows] = np.rint(half_size(part) * _STORED).astype(np.uint16)
        levels.append(Level(crop, smaller, cast(Plane, needed), smaller, samples))
    return levels


def half_size(part: Floats) -> Floats:
    """Means of two by two pixels of hxwxC, its sides rounded up; an odd edge is repeated."""
    height, width, channels = part.shape
    part = np.pad(part, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    cells = part.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return cast(Floats, cells.mean(axis=(1, 3)))


def seen_from(box: Box, height: int, width: int) -> Box:
    """The pixels of a level `height` x `width` that `box` of the level below is enlarged from."""
    return Box(
        max(0, box.left // 2 - 1),
        max(0, box.top // 2 - 1),
        min(width, (box.right + 1) // 2 + 1),
        min(height, (box.bottom + 1) // 2 + 1),
    )


def doubled(part: Floats, outer: Box, box: Box) -> Floats:
    """`box` of the level below, hxwxC, from `part`, the pixels `outer` of this one; bilinear."""
    size = (2 * outer.width, 2 * outer.height)
    large = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
    large = large.reshape(size[1], size[0], part.shape[2])
    top, left = box.top - 2 * outer.top, box.left - 2 * outer.left
    return cast(Floats, large[top : top + box.height, left : left + box.width])


def _deep(level: Level) -> NDArray[np.bool_]:
    """Where a level needs the one above: it was asked for a filling, deeper than the band."""
    height, width = level.hole.shape
    deep = np.zeros((height, width), bool)
    for top, left in product(range(0, height, _WINDOW), range(0, width, _WINDOW)):
        box = Box(left, top, min(left + _WINDOW, width), min(top + _WINDOW, height))
        place = (slice(box.top, box.bottom), slice(box.left, box.right))
        asked = (level.needed[place] > 0) & (level.hole[place] == 1)
        if asked.any():
            deep[place] = asked & (level.depth(box) > BAND - SOFT)
    return deep


def _distance(inside: Plane, border: int) -> Floats:
    """Distance from what is 0. Nothing is known beyond the picture: a hole goes on there."""
    wider = cv2.copyMakeBorder(inside, border, border, border, border, cv2.BORDER_REPLICATE)
    if wider.all():
        return np.full(inside.shape, np.float32(max(inside.shape)), np.float32)
    distance = cv2.distanceTransform(wider, cv2.DIST_L2, cv2.DIST_MASK_5)
    return cast(Floats, distance[border:-border, border:-border])


def _pooled(marked: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """True wherever a square of `step` pixels holds something marked."""
    if step == 1:
        return marked
    rows, columns = (np.arange(0, side, step) for side in marked.shape)
    down = np.logical_or.reduceat(marked, rows, axis=0)
    return cast(NDArray[np.bool_], np.logical_or.reduceat(down, columns, axis=1))
