"""Fading estimated without a network: percentiles for the range, shades of grey for the cast.

What the network is measured against, and what stands in where its weights are not loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ENDS = (0.5, 99.5)  # percentiles taken for black and white
_NORM = 6  # Minkowski norm of shades of grey; the paper's best
_SOUND_RANGE, _LOST_RANGE = 0.80, 0.45  # of the luminance: nothing and everything points to fading
_SOUND_CAST, _LOST_CAST = 0.12, 0.30  # spread of the channels' means over their mean, the same
_LEAST_RANGE = 0.2  # a channel is never stretched beyond this
_GAMMAS = (0.6, 1.7)


@dataclass(frozen=True, slots=True)
class Fading:
    """An estimate: y = black + (white - black) * x**gamma for each channel.

    Each tuple has one value (luminance) or three (red, green, blue); black and white in 0 to
    1. `certainty` (0 to 1) is how sure it is that a correction is due.
    """

    black: tuple[float, ...]
    white: tuple[float, ...]
    gamma: tuple[float, ...]
    certainty: float


def stretch(view: NDArray[np.uint8]) -> Fading:
    """Fading of `view`, HxW (luminance) or HxWx3 uint8.

    Black and white are each channel's end percentiles; gamma brings each channel's Minkowski
    mean to their average (Finlayson and Trezzi 2004, "Shades of gray and colour constancy",
    eq. 6, p = 6). The certainty rises with the range that is missing and with the cast.
    """
    flat = view.reshape(-1, 1 if view.ndim == 2 else 3).astype(np.float64) / 255
    low, high = np.percentile(flat, _ENDS, axis=0)
    middle = (low + high) / 2
    low = np.minimum(low, np.maximum(middle - _LEAST_RANGE / 2, 0))
    high = np.maximum(high, np.minimum(middle + _LEAST_RANGE / 2, 1))
    stretched = np.clip((flat - low) / (high - low), 1e-3, 0.999)
    means = (stretched**_NORM).mean(axis=0) ** (1 / _NORM)
    gamma = np.clip(np.log(means) / np.log(means.mean()), *_GAMMAS)
    ends = np.percentile(flat.mean(axis=1), _ENDS)
    lost = (_SOUND_RANGE - (ends[1] - ends[0])) / (_SOUND_RANGE - _LOST_RANGE)
    averages = flat.mean(axis=0)
    spread = float(np.ptp(averages) / max(averages.mean(), 1e-3))
    cast = (spread - _SOUND_CAST) / (_LOST_CAST - _SOUND_CAST)
    certainty = float(np.clip(max(lost, cast * 0.5 + lost), 0, 1))
    return Fading(tuple(low), tuple(high), tuple(gamma), certainty)
