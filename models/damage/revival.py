"""What `revive` does beside filling: a network's correction, added to the scan's own samples.

A network of a few hundred pixels sees neither the blotches of a large scan nor its wide blur.
So its correction (restored less reference) is taken on a pyramid, coarsest first: what a level
corrects is enlarged and added before the level below is looked at. A correction is applied as
far as it is warranted: on a sample of every level it is weighed by its own size, and a clean
scan, of which the network changes next to nothing, is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.contract import Box
from models.damage.holes import doubled, half_size, seen_from
from models.damage.translator import Translator
from models.pixels import strips
from models.tiling import Floats, Read, Tiler

_COARSEST = 512  # pixels of the coarsest level's long edge, at least
_PER_SIDE = 3  # sample tiles across and down
_EDGE = 16  # pixels of a sample tile not counted: there the network knows least
_STORED = np.float32(65535)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class Gate:
    """How large a correction must be to count: its deviation in 8-bit levels (luminance, over
    the sample) below which nothing is applied, and from which on all of it is. Calibrated."""

    nothing: float = 1.0
    all: float = 2.5

    def __call__(self, deviation: float) -> float:
        """The share to apply, 0 to 1."""
        return min(1.0, max(0.0, (deviation - self.nothing) / (self.all - self.nothing)))


@dataclass(slots=True)
class _Level:
    """One scale. `samples` is the picture HxWxC uint16 (None: read the scan), `correction` what
    is to be added to it, HxWxC float16 (None: nothing)."""

    height: int
    width: int
    area: Box
    samples: NDArray[np.uint16] | None = None
    correction: NDArray[np.float16] | None = None


@dataclass(slots=True)
class Revival:
    """The correction of one scan: `prepare`, then `cells`.

    `read` gives samples hxwxC float32 in [0, 1] (C 1 or 3) of a scan `height` x `width`; `area`
    bounds the photograph. `strength` (0 to 1) scales the correction. `neutral` corrects all
    channels alike: toned and monochrome photographs keep their tone. `gains` are the shares
    applied at each level, the scan's own pixels first.
    """

    read: Read
    height: int
    width: int
    area: Box
    translator: Translator
    tiler: Tiler
    strength: float
    gate: Gate
    neutral: bool
    gains: list[float] = field(default_factory=list)
    _levels: list[_Level] = field(default_factory=list)

    def prepare(self) -> bool:
        """Correct every level above the scan's own; false where nothing is to be changed."""
        self._levels = [_Level(self.height, self.width, self.area)]
        longest = max(self.area.width, self.area.height)
        for _ in range(int(math.log2(max(1.0, longest / _COARSEST)))):
            self._levels.append(self._half(self._levels[-1]))
        self.gains = [0.0] * len(self._levels)
        for depth in range(len(self._levels) - 1, 0, -1):
            level = self._levels[depth]
            for box, change in self._changes(depth):
                if level.correction is None:
                    shape = (level.height, level.width, change.shape[2])
                    level.correction = np.zeros(shape, np.float16)
                place = (slice(box.top, box.bottom), slice(box.left, box.right))
                level.correction[place] = change
            level.samples = None  # only its correction is looked at from now on
        self.gains[0] = self._gain(0)
        return any(self.gains)

    def cells(self) -> Iterator[tuple[Box, Floats]]:
        """The corrected samples, cell by cell, hxwxC, not clipped; boxes within the area."""
        for box, change in self._changes(0, self.gains[0]):
            yield box, self.read(box) + change

    def _changes(self, depth: int, gain: float | None = None) -> Iterator[tuple[Box, Floats]]:
        """What is to be added to a level, with what the levels above add, cell by cell."""
        level = self._levels[depth]
        if gain is None:
            gain = self.gains[depth] = self._gain(depth)
        if gain == 0 and self._above(depth) is None:
            return
        share = np.float32(gain * self.strength)

        def network(x: Tensor) -> Tensor:
            return self._delta(x) if gain else torch.zeros_like(x)

        with self._pooled(depth):
            for box, delta in self.tiler.run(
                lambda box: self._current(depth, box),
                level.height,
                level.width,
                network,
                lambda box: _common(box, level.area) is not None,
            ):
                inner = _common(box, level.area)
                if inner is not None:
                    part = delta[
                        inner.top - box.top : inner.bottom - box.top,
                        inner.left - box.left : inner.right - box.left,
                    ]
                    yield inner, share * part + self._from_above(depth, inner)

    def _delta(self, x: Tensor) -> Tensor:
        """restored - reference of BxCxHxW, C channels."""
        channels = x.shape[1]
        mask = torch.zeros_like(x[:, :1])
        made = self.translator(x.expand(-1, 3, -1, -1) if channels == 1 else x, mask)
        delta = made.restored - made.reference
        if channels == 1 or self.neutral:
            luma = torch.from_numpy(_LUMA).to(delta)
            delta = (delta * luma[:, None, None]).sum(1, keepdim=True).expand(-1, channels, -1, -1)
        return delta

    def _gain(self, depth: int) -> float:
        """What share of its correction a level warrants."""
        if self.strength == 0:
            return 0.0
        squares, count = 0.0, 0
        with self._pooled(depth):
            for tile in self._sample(depth):
                delta = self._delta(tile)
                edge = min(_EDGE, (min(delta.shape[2:]) - 1) // 2)
                inner = delta[:, :, edge : delta.shape[2] - edge, edge : delta.shape[3] - edge]
                squares += float(inner.mean(1).square().sum())
                count += inner[:, 0].numel()
        return self.gate(255 * math.sqrt(squares / max(1, count)))

    def _pooled(self, depth: int) -> AbstractContextManager[None]:
        """Where the network takes statistics, those of the whole level."""
        tiles = self._sample(depth)
        shape = tiles[0].shape
        alike = torch.cat([tile for tile in tiles if tile.shape == shape])
        image = alike.expand(-1, 3, -1, -1) if alike.shape[1] == 1 else alike
        return self.translator.pooled(image, torch.zeros_like(image[:, :1]))

    def _sample(self, depth: int) -> Sequence[Tensor]:
        """Tiles 1xCxhxw at fixed places, evenly over the area."""
        level = self._levels[depth]
        area, multiple = level.area, self.translator.multiple
        side = max(self.translator.least, min(256, self.tiler.side)) // multiple * multiple
        tiles = []
        for top in _places(area.top, area.bottom, side, multiple):
            for left in _places(area.left, area.right, side, multiple):
                box = Box(left, top, min(left + side, level.width), min(top + side, level.height))
                pixels = self._current(depth, box)
                missing = (side - box.height, side - box.width)
                pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), "reflect")
                tiles.append(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        return tiles

    def _current(self, depth: int, box: Box) -> Floats:
        """The picture of a level as the levels above left it."""
        level = self._levels[depth]
        if level.samples is None:
            pixels = self.read(box)
        else:
            part = level.samples[box.top : box.bottom, box.left : box.right]
            pixels = part.astype(np.float32) / _STORED
        current: Floats = np.clip(pixels + self._from_above(depth, box), 0, 1)
        return current

    def _above(self, depth: int) -> _Level | None:
        """The next level that corrects anything; it holds what those above it do as well."""
        above = self._levels[depth + 1] if depth + 1 < len(self._levels) else None
        return above if above is not None and above.correction is not None else None

    def _from_above(self, depth: int, box: Box) -> Floats:
        """The correction of the level above at this level's size, bilinear; 0 where none."""
        above = self._above(depth)
        if above is None or above.correction is None:
            return np.zeros((1, 1, 1), np.float32)
        outer = seen_from(box, above.height, above.width)
        part = above.correction[outer.top : outer.bottom, outer.left : outer.right]
        return doubled(part.astype(np.float32), outer, box)

    def _half(self, below: _Level) -> _Level:
        """The picture of `below` at half its size, rounded up; an odd edge is repeated."""
        height, width = (below.height + 1) // 2, (below.width + 1) // 2
        area = below.area
        half = Box(area.left // 2, area.top // 2, (area.right + 1) // 2, (area.bottom + 1) // 2)
        samples: NDArray[np.uint16] | None = None
        for top, bottom in strips(below.height, below.width, 2):
            if below.samples is None:
                part = self.read(Box(0, top, below.width, bottom))
            else:
                part = (below.samples[top:bottom] / _STORED).astype(np.float32, copy=False)
            small = half_size(part)
            if samples is None:
                samples = np.empty((height, width, small.shape[2]), np.uint16)
            samples[top // 2 : (bottom + 1) // 2] = np.rint(np.clip(small, 0, 1) * _STORED)
        return _Level(height, width, half, samples)


def _places(first: int, last: int, side: int, multiple: int) -> list[int]:
    """Where sample tiles start along an axis: at multiples, within `first` to `last`."""
    room = last - first - side
    count = min(_PER_SIDE, max(1, (last - first) // side))
    starts = [first] if room <= 0 else np.linspace(first, first + room, count).astype(int).tolist()
    return [start // multiple * multiple for start in starts]


def _common(box: Box, area: Box) -> Box | None:
    """What two boxes share; None for nothing."""
    inner = Box(
        max(box.left, area.left),
        max(box.top, area.top),
        min(box.right, area.right),
        min(box.bottom, area.bottom),
    )
    return inner if inner.width > 0 and inner.height > 0 else None
