"""Whether tiles show: what was changed, compared across and beside the lines where tiles meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BESIDE = 24  # columns to either side that a line is compared with
_NEAR = 4  # columns next to a line that belong to it

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


def seam_ratio(before: Image, after: Image, stride: int) -> float:
    """Step of the correction at tile borders, as a multiple of the step beside them.

    The correction is `after - before`, its step the mean absolute difference of neighbouring
    columns (rows). Tiles start at multiples of `stride` pixels and are blended over an overlap
    behind it, so a seam would lie there; 1.0 is no seam at all. The worse of both axes; nan
    where the picture is too small to hold a border, 1.0 where nothing was changed.
    """
    correction = after.astype(np.int16) - before.astype(np.int16)
    ratios = []
    for axis in (0, 1):
        if correction.shape[axis] <= stride + _BESIDE:
            continue
        others = tuple(other for other in range(correction.ndim) if other != axis)
        steps = np.abs(np.diff(correction, axis=axis)).mean(axis=others, dtype=np.float64)
        ratios.append(_ratio(steps, stride))
    return max(ratios, default=float("nan"))


def _ratio(steps: Floats, stride: int) -> float:
    """`steps[i]` lies between columns i and i+1; the border at `stride` is steps[stride - 1]."""
    across, beside = [], []
    for border in range(stride - 1, len(steps) - _BESIDE, stride):
        across.append(steps[border])
        near = np.r_[border - _BESIDE : border - _NEAR, border + _NEAR + 1 : border + _BESIDE + 1]
        beside.append(float(np.mean(steps[near])))
    total = float(np.mean(beside))
    return float(np.mean(across)) / total if total > 0 else 1.0
