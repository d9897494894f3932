"""Whether a face kept its texture: over-smoothing, which no correlation of eyes notices.

Restorers smooth, and a face without pores, wrinkles and stubble looks like wax. What of the
scan's texture is still in the enhanced crop is its regression on the scan's: grain that was
taken away honestly is no part of it, and grain laid over cannot stand in for it.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

SIDE = 256
"""Of the crops measured here."""

_FINE, _COARSE = 1.5, 4.0  # pixels: texture lies between Gaussians of these
_FORM = 4.0, 12.0  # the face's forms, against which contrast is levelled
_MOST_GRAIN = 0.5  # of the scan's energy in the band that may be put down to grain
_ROUNDING = 2e-7  # variance (full scale 1) left by 8 bits in the band
_MOST = 4.0

# Immerkaer 1996, "Fast noise variance estimation": blind to constant, linear, quadratic shading
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_GRAIN_SHARE = 0.151
"""Standard deviation that white noise of 1 leaves in the band; a test measures it."""


def texture_kept(before: Plane, after: Plane) -> float:
    """How much of the texture of `before` there is in `after`, 0 to 4; 1 where it was kept.

    Planes 256x256 float32 in [0, 1]. Regression of `after` on `before` between 1.5 and 4 pixels,
    less the scan's own grain, over the same between 4 and 12, so that a change of contrast is
    none of texture. Measured on the face without eyes and mouth, whose strong edges every
    smoothing spares. A crop without any texture gives 1: there was none to lose.
    """
    inside = _skin()
    first, second = (_band(plane, _FINE, _COARSE)[inside] for plane in (before, after))
    energy = float(np.mean(first**2))
    grain = (_GRAIN_SHARE * _noise(before, inside)) ** 2
    shown = max(energy - grain, (1 - _MOST_GRAIN) * energy)
    kept = (float(np.mean(first * second)) + _ROUNDING) / (shown + _ROUNDING)
    first, second = (_band(plane, *_FORM)[inside] for plane in (before, after))
    contrast = (float(np.mean(first * second)) + _ROUNDING) / (float(np.mean(first**2)) + _ROUNDING)
    if contrast <= 0:
        return 0.0  # not even the forms are the same
    return float(np.clip(kept / contrast, 0, _MOST))


def _skin() -> NDArray[np.bool_]:
    """The oval of the face less the bands of eyes and mouth, 256x256."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    inside = ((columns - 128) / 56) ** 2 + ((rows - 140) / 84) ** 2 < 1
    inside[95:130, 64:192] = False
    inside[176:216, 92:164] = False
    return cast(NDArray[np.bool_], inside)


def _band(plane: Plane, fine: float, coarse: float) -> Plane:
    sharp = cv2.GaussianBlur(plane, (0, 0), fine, borderType=cv2.BORDER_REFLECT)
    soft = cv2.GaussianBlur(plane, (0, 0), coarse, borderType=cv2.BORDER_REFLECT)
    return (sharp - soft).astype(np.float32)


def _noise(plane: Plane, inside: NDArray[np.bool_]) -> float:
    """Standard deviation of white noise, full scale 1."""
    answer = cv2.filter2D(plane, -1, _LAPLACIAN)[inside]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(answer).mean())
