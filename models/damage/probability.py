"""How likely each pixel of a whole scan is damaged: the scratch detector at several scales.

The detector was trained on pictures of a few hundred pixels, where a scratch is a few pixels
wide. On a pyramid of the luminance plane, each level half the one below, the same network finds
the hairline of a large scan (on the scan's own pixels) and the crease across it (further up).
A level is believed as far as the next coarser one supports it: their logits are averaged, for
what only looks like damage seldom does so at two scales (measured on calibration photographs: at
one clean pixel in 200 taken for damage, 41 instead of 31 of 100 damaged ones are found). Of the
levels the greatest counts. Memory: the plane, its pyramid, a byte for every pixel of either, and
the network's tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Rectangle
from models.pixels import halved, halved_box, lay, luminance, reduced_box, strips
from models.tiling import Apply, Floats, Tiler

Plane = NDArray[np.uint8]

COARSEST = 384
"""Pixels of the coarsest level's long edge, at least; but there are always two levels."""

_SUPPORT = 0.6  # weight of the next coarser level's logit against the level's own

_STEPS = 16  # codes of an answer to a logit; 128 is a logit of 0
_PROBABILITY: Plane = np.rint(255 / (1 + np.exp(-(np.arange(256) - 128.0) / _STEPS))).astype(
    np.uint8
)

_SEEN = 32  # pixels of a level around a change within which the detector is asked again


@dataclass(slots=True)
class _Level:
    """`answer` holds logits, coded to bytes; 0 where nothing was asked."""

    plane: Plane
    area: Box
    answer: Plane


class DamageProbability:
    """Probabilities on one scan: `measure`, `combined`; after changes `update`, `combined`.

    `plane` is the HxW uint8 luminance; it is kept, and `update` writes into it. `area` bounds
    the photograph: outside it the probability is 0. `detector` maps Bx1xhxw grey in [-1, 1] to
    logits, in the tiles of `tiler`.
    """

    def __init__(
        self,
        plane: Plane,
        area: Box,
        detector: Apply,
        tiler: Tiler,
    ) -> None:
        self._detector, self._tiler = detector, tiler
        self._levels = [_Level(plane, area, np.zeros_like(plane))]
        for _ in range(levels(plane.shape) - 1):
            below = self._levels[-1]
            smaller = halved(below.plane)
            self._levels.append(_Level(smaller, halved_box(below.area), np.zeros_like(smaller)))

    def measure(self) -> None:
        """Ask the detector about the whole photograph area, at every level."""
        for depth, level in enumerate(self._levels):
            self._ask(depth, [level.area])

    def update(self, rectangles: Iterable[Rectangle]) -> None:
        """Lay the luminance of `rectangles` into the plane; ask again where that shows."""
        base = self._levels[0].plane
        boxes = []
        for rectangle in rectangles:
            lay(base, rectangle, luminance(rectangle.pixels))
            height, width = rectangle.mask.shape
            left, top = rectangle.left, rectangle.top
            boxes.append(Box(left, top, left + width, top + height))
        if not boxes:
            return
        for depth, level in enumerate(self._levels):
            if depth:
                level.plane = halved(self._levels[depth - 1].plane)
            self._ask(depth, [_grown(reduced_box(box, depth), _SEEN) for box in boxes])

    def combined(self) -> Plane:
        """The probability of damage, HxW uint8: 255 is certain."""
        base = self._levels[0]
        height, width = base.answer.shape
        result = np.zeros((height, width), np.uint8)
        for depth in range(max(1, len(self._levels) - 1)):
            pair = self._levels[depth : depth + 2]
            if not any(level.answer.any() for level in pair):
                continue
            for top, bottom in strips(height, width, 2 << depth):
                answers = [
                    _enlarged(level.answer, depth + above, top, bottom, width)
                    for above, level in enumerate(pair)
                ]
                share = _SUPPORT / (1 + _SUPPORT) if len(answers) == 2 else 0.0
                joined = cv2.addWeighted(answers[0], 1 - share, answers[-1], share, 0)
                strip = result[top:bottom]
                cv2.max(strip, cv2.LUT(joined, _PROBABILITY), dst=strip)
        area = base.area
        result[: area.top], result[area.bottom :] = 0, 0
        result[:, : area.left], result[:, area.right :] = 0, 0
        return result

    def _ask(self, depth: int, boxes: Sequence[Box]) -> None:
        """Fill in the answers of a level wherever a tile meets the area and one of `boxes`."""
        level = self._levels[depth]
        area, plane = level.area, level.plane
        wanted = np.zeros((-(-plane.shape[0] // 32), -(-plane.shape[1] // 32)), bool)
        for box in boxes:  # a coarse raster, so that a thousand boxes cost nothing
            top, left = max(box.top, area.top), max(box.left, area.left)
            bottom, right = min(box.bottom, area.bottom), min(box.right, area.right)
            if top < bottom and left < right:
                wanted[top // 32 : -(-bottom // 32), left // 32 : -(-right // 32)] = True

        def asked(box: Box) -> bool:
            rows = slice(box.top // 32, -(-box.bottom // 32))
            return bool(wanted[rows, box.left // 32 : -(-box.right // 32)].any())

        def read(box: Box) -> Floats:
            grey = plane[box.top : box.bottom, box.left : box.right].astype(np.float32)
            return (grey / np.float32(127.5) - 1)[..., None]

        if not wanted.any():
            return
        height, width = plane.shape
        for box, logits in self._tiler.run(read, height, width, self._detector, asked):
            inner = Box(
                max(box.left, area.left),
                max(box.top, area.top),
                min(box.right, area.right),
                min(box.bottom, area.bottom),
            )
            if inner.width <= 0 or inner.height <= 0:
                continue
            part = logits[
                inner.top - box.top : inner.bottom - box.top,
                inner.left - box.left : inner.right - box.left,
                0,
            ]
            level.answer[inner.top : inner.bottom, inner.left : inner.right] = _coded(part)


def levels(shape: tuple[int, ...]) -> int:
    """How many levels the pyramid of a picture HxW has."""
    longest, shortest = max(shape), min(shape)
    depth = 1 + max(1, int(math.log2(max(1.0, longest / COARSEST))))
    return min(depth, 1 + int(math.log2(max(1, shortest))))


def _coded(logits: Floats) -> Plane:
    return cast(Plane, np.rint(np.clip(128 + _STEPS * logits, 1, 255)).astype(np.uint8))


def _enlarged(plane: Plane, depth: int, top: int, bottom: int, width: int) -> Plane:
    """Rows `top` to `bottom` of a level's plane at the size of the scan, bilinear.

    `top` is a multiple of the factor. What the level left out at the right and at the bottom
    (an odd row or column) repeats its edge.
    """
    factor = 1 << depth
    first = top >> depth
    last = min(plane.shape[0], -(-bottom // factor))
    above, below = min(1, first), min(1, plane.shape[0] - last)
    part = plane[first - above : last + below]
    size = (part.shape[1] * factor, part.shape[0] * factor)
    large = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)[above * factor :]
    large = large[: min(len(large), bottom - top)]
    missing = (bottom - top - len(large), max(0, width - large.shape[1]))
    if any(missing):
        large = np.pad(large, ((0, missing[0]), (0, missing[1])), mode="edge")
    return np.ascontiguousarray(large[:, :width])


def _grown(box: Box, margin: int) -> Box:
    return Box(box.left - margin, box.top - margin, box.right + margin, box.bottom + margin)
