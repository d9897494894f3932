"""Tone curves: how a correction of fading and cast reaches the samples of a whole scan.

A curve is a table over the sample's own range, read with linear interpolation in float, so
that a 16-bit scan keeps its precision. Slopes are bounded on both sides: above, because a
slope multiplies noise and the steps of an 8-bit scan; below, because a flat part would clip
shadows or lights that the scan still tells apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEEPEST = 3.5
"""Largest slope of a curve: noise grows by at most so much."""

FLATTEST = 0.1
"""Smallest slope: distinct levels stay distinct."""

_STEPS = 1024
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as models.pixels.luminance


class BadSamples(ValueError):
    """Curves were given samples they are not for; the message names shape and dtype."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Monotone curves over 0 to 1.

    `tables` is 1xN or 3xN float32, values at N even steps from 0 to 1. Three rows are for red,
    green and blue. One row is for luminance: the differences between the channels, and with
    them the hue, stay as they are; only where a corner of the gamut is in the way are they
    shortened, all three alike.
    """

    tables: NDArray[np.float32]

    def apply(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The corrected samples, HxW or HxWx3 float32 in 0 to 1, same shape; input unchanged.

        Equal channels stay equal under one row. Values outside 0 to 1 are read as 0 or 1.
        Raises `BadSamples` for another shape, or for grey under three rows.
        """
        if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] != 3):
            raise BadSamples(f"samples must be HxW or HxWx3, not of shape {samples.shape}")
        values = samples.astype(np.float32, copy=False)
        if values.ndim == 2:
            if len(self.tables) != 1:
                raise BadSamples("grey samples were given curves for red, green and blue")
            return _read(self.tables[0], values)
        if len(self.tables) == 1:
            return self._by_luminance(values)
        channels = [_read(table, values[..., axis]) for axis, table in enumerate(self.tables)]
        return np.stack(channels, axis=2)

    def _by_luminance(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        before = values @ _LUMA
        after = _read(self.tables[0], before)[..., None]
        away = values - before[..., None]
        highest = away.max(axis=2, keepdims=True)
        lowest = away.min(axis=2, keepdims=True)
        # The share of the chroma for which neither the highest nor the lowest channel clips.
        room = np.ones_like(after)
        np.divide(1 - after, highest, out=room, where=highest > 1 - after)
        below = np.ones_like(after)
        np.divide(after, -lowest, out=below, where=-lowest > after)
        result: NDArray[np.float32] = after + np.minimum(room, below) * away
        return result


def steps() -> NDArray[np.float32]:
    """The inputs at which a table holds values: 0 to 1, N of them."""
    return np.linspace(0, 1, _STEPS + 1, dtype=np.float32)


def inverse_fading(
    black: Sequence[float], white: Sequence[float], gamma: Sequence[float]
) -> NDArray[np.float32]:
    """Tables (channels x N) that undo y = black + (white - black) * x**gamma for each channel.

    Needs 0 <= black < white <= 1 and gamma > 0. Slopes are kept within `FLATTEST` and
    `STEEPEST`, so what lies below `black` or above `white` is compressed and not clipped.
    """
    inputs = steps().astype(np.float64)
    tables = []
    for low, high, power in zip(black, white, gamma, strict=True):
        ideal = np.clip((inputs - low) / (high - low), 0, 1) ** (1 / power)
        tables.append(bounded(ideal))
    return np.stack(tables).astype(np.float32)


def bounded(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rising table with every slope within the bounds and its ends within 0 to 1.

    It keeps the rise of `table` where the bounds allow it.
    """
    width = 1 / (len(table) - 1)
    rises = np.clip(np.diff(table), FLATTEST * width, STEEPEST * width)
    wanted = float(table[-1] - table[0])
    rises *= min(wanted, 1.0) / rises.sum()
    rises = np.clip(rises, FLATTEST * width, STEEPEST * width)
    result = np.concatenate(([0.0], np.cumsum(rises)))
    result /= max(1.0, result[-1])
    return result + float(np.clip(table[0], 0, 1 - result[-1]))


def blended(tables: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """`tables` drawn towards the identity: weight 0 is the identity, 1 the tables themselves."""
    identity = steps()
    result: NDArray[np.float32] = identity + np.float32(weight) * (tables - identity)
    return result


def _read(table: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    position = np.clip(values, 0, 1) * np.float32(len(table) - 1)
    left = np.minimum(position.astype(np.int32), len(table) - 2)
    position -= left
    low = table[left]
    result: NDArray[np.float32] = low + position * (table[left + 1] - low)
    return result
