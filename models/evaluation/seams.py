"""Whether tiles show: does what was changed step at the period of the tiles, or at no period?"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

_PERIODS = 2  # tiles along an axis below which nothing repeats
_BAND = 32  # pixels along a border over which a seam has one sign
_DECOYS = (0.81, 0.86, 0.91, 0.96, 1.04, 1.09, 1.14, 1.19)

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


def seam_ratio(before: Image, after: Image, stride: int) -> float:
    """How much the correction steps at the period of the tiles, 1.0 being no more than chance.

    The correction is `after - before`; its step, the difference of neighbouring columns (rows).
    Laid over itself every `stride` pixels, wherever in a tile a seam lies, it
    stands out: its peak over its median is compared with the same at eight other periods, at
    which no tile ends. The worse of both axes; nan where fewer than two tiles fit, 1.0 where
    nothing was changed.
    """
    ratios = []
    for axis in (0, 1):
        if before.shape[axis] >= _PERIODS * stride * max(_DECOYS):
            steps = _steps(before, after, axis)
            usual = float(np.median([_peak(steps, round(stride * part)) for part in _DECOYS]))
            ratios.append(_peak(steps, stride) / usual if usual > 0 else 1.0)
    return max(ratios, default=float("nan"))


def _steps(before: Image, after: Image, axis: int) -> Floats:
    """Step of the correction between neighbours along `axis`: absolute values of the means over
    bands across it, in which grain averages out and a seam does not."""
    across = 1 - axis
    parts = []
    for first in range(0, before.shape[across], _BAND):
        band = [slice(None), slice(None)]
        band[across] = slice(first, first + _BAND)
        correction = after[tuple(band)].astype(np.int16) - before[tuple(band)]
        others = tuple(other for other in range(correction.ndim) if other != axis)
        parts.append(np.abs(np.diff(correction.mean(axis=others, dtype=np.float64))))
    return cast(Floats, np.mean(parts, axis=0))


def _peak(steps: Floats, period: int) -> float:
    """Greatest over median value of `steps` laid over itself; 0 where nothing steps."""
    count = len(steps) // period
    folded = steps[: count * period].reshape(count, period).mean(axis=0)
    middle = float(np.median(folded))
    return float(folded.max()) / middle if middle > 0 else 0.0
