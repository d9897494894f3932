"""Noise and sharpness of a scan, from samples, in 8-bit levels."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Samples
from models.damage.ridges import Plane
from models.pixels import unit

_WINDOW = 128  # pixels of the scan
_PER_SIDE = 6  # windows across and down
_FLAT_SHARE = 0.34  # of the windows, the quietest: the others are texture
_CLIPPED_SHARE = 0.2  # of a window's pixels at black or white: there noise cannot be seen
_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def noise(crop: Callable[[Box], Samples], area: Box) -> NDArray[np.float64]:
    """Standard deviation of noise per channel, in 8-bit levels, inside `area`.

    Immerkaer 1996, "Fast noise variance estimation" (CVIU 64(2)), on at most 36 windows at
    fixed places, of which the quietest third count. Zero where nothing can be measured.
    """
    found = []
    for box in sample_windows(area):
        pixels = crop(box)
        values = pixels.astype(np.float32).reshape(*pixels.shape[:2], -1) / unit(pixels)
        if ((values <= 1) | (values >= 254)).all(axis=2).mean() > _CLIPPED_SHARE:
            continue
        response = cv2.filter2D(values, cv2.CV_32F, _KERNEL).reshape(values.shape)[1:-1, 1:-1]
        if response.size:
            found.append(np.sqrt(np.pi / 2) / 6 * np.abs(response).mean(axis=(0, 1)))
    if not found:
        return np.zeros(1 if crop(Box(0, 0, 1, 1)).ndim == 2 else 3)
    sigmas = np.array(found, np.float64)
    quiet = np.argsort(sigmas.mean(axis=1), kind="stable")[: max(1, int(_FLAT_SHARE * len(sigmas)))]
    return np.asarray(sigmas[quiet].mean(axis=0), np.float64)


def sharpness(plane: Plane, long_edge: int = 1024) -> float:
    """Variance of the Laplacian of an area-averaged copy of a luminance plane."""
    scale = min(1.0, long_edge / max(plane.shape))
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    copy = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(copy, cv2.CV_32F).var())


def sample_windows(area: Box) -> list[Box]:
    """Windows at fixed places, evenly over the area, fewer where it is small."""
    across = min(_PER_SIDE, max(1, area.width // _WINDOW))
    down = min(_PER_SIDE, max(1, area.height // _WINDOW))
    width, height = min(_WINDOW, area.width), min(_WINDOW, area.height)
    lefts = np.linspace(area.left, area.right - width, across).astype(int).tolist()
    tops = np.linspace(area.top, area.bottom - height, down).astype(int).tolist()
    return [Box(left, top, left + width, top + height) for top in tops for left in lefts]
