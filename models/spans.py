"""Where tiles lie along an axis, and how much each of them counts at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.contract import Box

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Span:
    """Pixels of one axis that a tile sees (`start` to `stop`, possibly beyond the picture) and
    those it alone owns (`start` to `end`), the rest being blended with the tile after it."""

    start: int
    stop: int
    end: int


def spans(length: int, tile: int, overlap: int, multiple: int, least: int = 1) -> list[Span]:
    """Tiles of `tile` pixels along an axis of `length`, each `overlap` beyond the next's start.

    All are multiples of `multiple`; the last ends at the first multiple at or after `length`,
    or further where it would be shorter than `least`.
    """
    stride = (tile - overlap) // multiple * multiple
    beyond = -(-length // multiple) * multiple
    starts = [0]
    while starts[-1] + tile < length:
        starts.append(starts[-1] + stride)
    ends = [*starts[1:], length]
    return [
        Span(a, max(min(a + tile, beyond), a + least), end)
        for a, end in zip(starts, ends, strict=True)
    ]


def ramp(overlap: int) -> Floats:
    """Weights of the second of two tiles over their overlap: 0, a raised cosine, 1."""
    context = overlap // 4
    middle = overlap - 2 * context
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(middle) + 0.5) / max(1, middle))
    return np.concatenate([np.zeros(context), rise, np.ones(context)]).astype(np.float32)


def shares(parts: Sequence[Span], index: int) -> Floats:
    """How much each pixel of a tile counts along its axis; over all tiles they add up to 1."""
    span = parts[index]
    share = np.ones(span.stop - span.start, np.float32)
    if index > 0:
        before = ramp(parts[index - 1].stop - span.start)
        share[: len(before)] *= before
    if index + 1 < len(parts):
        after = ramp(span.stop - parts[index + 1].start)
        share[len(share) - len(after) :] *= 1 - after
    return share


def reflected(pixels: Floats, height: int, width: int) -> Floats:
    """`pixels` hxwxC mirrored at its lower and right edge up to `height` x `width`.

    Pictures smaller than what is missing are mirrored again and again; one pixel is repeated.
    """
    missing = (height - pixels.shape[0], width - pixels.shape[1])
    if missing == (0, 0):
        return pixels
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")


def seen(
    rows: Sequence[Span], row: int, columns: Sequence[Span], column: int, height: int, width: int
) -> Box:
    """The pixels of the picture for which a tile's answer counts."""

    def reach(parts: Sequence[Span], index: int, length: int) -> tuple[int, int]:
        span = parts[index]
        start, stop = span.start, min(span.stop, length)
        if index > 0:
            start += (parts[index - 1].stop - span.start) // 4
        if index + 1 < len(parts):
            stop -= (span.stop - parts[index + 1].start) // 4
        return start, stop

    top, bottom = reach(rows, row, height)
    left, right = reach(columns, column, width)
    return Box(left, top, right, bottom)
