"""Fills damage with a network, coarse to fine, on scans of any size and depth of samples.

A network of a few hundred pixels' reach can bridge holes some two dozen pixels wide. Wider ones
are filled first on a reduced copy, where they are no wider than that, and then again on every
finer level: a band along the rim by the network, deeper parts from the level above. What the
network draws is brought to the scan's own tone (`models.damage.membrane`); the grain of the
surroundings is laid over it at the end (`models.damage.inpaint`). All in float; only tiles that
hold damage are computed. Damage too deep to know anything about is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.contract import Box, Samples
from models.damage.holes import BAND, SOFT, Depth, Level, pyramid
from models.damage.inpaint import Fill, fills
from models.damage.membrane import toned
from models.tiling import Floats, Tiler

Plane = NDArray[np.uint8]
Crop = Callable[[Box], Samples]
Draw = Callable[[Tensor, Tensor], Tensor]
"""Image BxCxHxW in [0, 1] and mask Bx1xHxW of 0 and 1 to what belongs under the mask."""

_CONTEXT = 48  # pixels around a piece from which its grain may come


def network_fills(
    crop: Crop,
    mask: Plane,
    draw: Draw,
    tiler: Tiler,
    rim: int = 1,
    deepest: float = math.inf,
    grain: float = 1.0,
) -> Iterator[Fill]:
    """Fill what HxW `mask` marks with 1; `crop` gives the picture's pixels in a box.

    `rim` pixels around the damage are blended with what the network makes of them. Of damage
    further than `deepest` pixels from anything sound, the thick part is left alone, and is no
    source for what is filled; so is what `mask` marks with 2 from the start. `grain` (0 to 1) is
    how much of the surroundings' grain is laid over what was drawn. Every filling sees the scan
    as it was: `crop` must not change while this runs. Raises as `Tiler.run` does.
    """
    if not mask.any():
        return
    depth = Depth.of(mask, deepest)
    hole = depth.without_lost(mask)
    wider = _widened(hole, rim)
    count = max(0, math.ceil(math.log2(max(1.0, depth.greatest / BAND))))
    store = _Store(wider, tiler.stride)
    above: Level | None = None
    for level in reversed(pyramid(crop, hole, wider, count)):
        for box, drawn in _drawn(level, above, draw, tiler):
            if level.samples is None:
                store.keep(box, drawn)
            else:
                level.write(box, drawn)
        above = level
    top = float(np.iinfo(crop(Box(0, 0, 1, 1)).dtype).max)
    yield from fills(
        crop,
        hole,
        rim,
        math.inf,
        lambda planes, _, box: store.laid(planes, box, top),
        lambda box: _CONTEXT + 4 * rim + int(depth.around(box)),
        grain,
    )


def _drawn(
    level: Level, above: Level | None, draw: Draw, tiler: Tiler
) -> Iterator[tuple[Box, Floats]]:
    """What the network draws on one level, cell by cell, with what lies deeper from `above`."""
    channels = level.read(Box(0, 0, 1, 1)).shape[2]

    def read(box: Box) -> Floats:
        image = level.read(box)
        hole = level.hole[box.top : box.bottom, box.left : box.right]
        doubtful = level.doubtful[box.top : box.bottom, box.left : box.right]
        unknown = (doubtful > 0).astype(np.float32)
        masked = (hole > 0).astype(np.float32)
        share = np.zeros_like(masked)
        if above is not None:
            depth = level.depth(box)
            share = np.clip((depth - (BAND - SOFT)) / SOFT, 0, 1) * (hole == 1)
            masked *= share < 1
            inside = share > 0
            if inside.any():
                image[inside] = above.enlarged(box)[inside]
        return np.dstack([image, masked, unknown, share]).astype(np.float32, copy=False)

    def network(x: Tensor) -> Tensor:
        image, masked, unknown, share = torch.split(x, [channels, 1, 1, 1], dim=1)
        drawn = toned(draw(image, masked).to(image), image, unknown)
        return torch.lerp(drawn, image, share)

    def wanted(box: Box) -> bool:
        return bool(level.needed[box.top : box.bottom, box.left : box.right].any())

    height, width = level.hole.shape
    return tiler.run(read, height, width, network, wanted)


def _widened(marked: Plane, rim: int) -> Plane:
    """1 where `marked` is, and `rim` pixels around; else 2 where that is 2."""
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    hole = cast(Plane, cv2.dilate((marked == 1).view(np.uint8), element))
    hole[(hole == 0) & (marked == 2)] = 2
    return hole


class _Store:
    """What was drawn on the finest level, of the hole's pixels alone."""

    def __init__(self, hole: Plane, stride: int) -> None:
        self._hole, self._stride = hole, stride
        self._cells: dict[tuple[int, int], tuple[Box, Floats]] = {}

    def keep(self, box: Box, drawn: Floats) -> None:
        """Take over a cell, hxwxC in [0, 1]."""
        inside = self._hole[box.top : box.bottom, box.left : box.right] == 1
        key = (box.top // self._stride, box.left // self._stride)
        self._cells[key] = (box, drawn[inside])

    def laid(self, planes: Floats, box: Box, top: float) -> Floats:
        """A copy of `planes` hxwxC with the filling laid in, 1.0 being `top`."""
        result = planes.copy()
        for row in range(box.top // self._stride, (box.bottom - 1) // self._stride + 1):
            for column in range(box.left // self._stride, (box.right - 1) // self._stride + 1):
                if (row, column) in self._cells:
                    self._lay(result, box, *self._cells[row, column], top)
        return result

    def _lay(self, result: Floats, box: Box, cell: Box, values: Floats, top: float) -> None:
        inside = self._hole[cell.top : cell.bottom, cell.left : cell.right] == 1
        whole = np.zeros((*inside.shape, values.shape[1]), np.float32)
        whole[inside] = values * np.float32(top)
        first, last = max(box.top, cell.top), min(box.bottom, cell.bottom)
        left, right = max(box.left, cell.left), min(box.right, cell.right)
        part = (
            slice(first - cell.top, last - cell.top),
            slice(left - cell.left, right - cell.left),
        )
        target = result[first - box.top : last - box.top, left - box.left : right - box.left]
        np.copyto(target, whole[part], where=inside[part][..., None])
