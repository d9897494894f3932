"""Takes measured noise off a scan: Wiener filtering, and a median for isolated wrong pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Samples
from models.pixels import unit

MARGIN = 4
"""Pixels around a tile that its filtering depends on."""

WARRANTED = 2.0
"""Standard deviation of noise, 8-bit levels, from which on it is worth filtering."""

_WIENER_SIDE = 5
_IMPULSE = (5.0, 40.0)  # a pixel so many deviations, and levels, off the median of nine
_FEWEST_IMPULSES = 0.004  # share of pixels in the median window; fewer are highlights


def denoised(
    pixels: Samples, sigma: NDArray[np.float64], strength: float, impulses: bool
) -> Samples:
    """`pixels` HxW or HxWx3 with noise of `sigma` (per channel, 8-bit levels) taken off.

    The adaptive Wiener filter of Lee 1980 (IEEE PAMI 2(2); scipy.signal.wiener) over five by
    five pixels, joined to the picture by `strength`, 0 (nothing) to 1. Where the share of
    isolated wrong pixels is that of a noisy scan, they get the median of nine first. Local
    means are kept, and with them the tone; equal channels stay equal.
    """
    scale = unit(pixels)
    planes = pixels.astype(np.float32).reshape(*pixels.shape[:2], -1) / np.float32(scale)
    result = np.empty_like(planes)
    for channel in range(planes.shape[2]):
        plane = np.ascontiguousarray(planes[..., channel])
        deviation = float(sigma[min(channel, len(sigma) - 1)])
        calm = _without_impulses(plane, deviation) if impulses else plane
        result[..., channel] = plane + strength * (_wiener(calm, deviation) - plane)
    top = np.iinfo(pixels.dtype).max
    clean = np.clip(np.rint(result * np.float32(scale)), 0, top).astype(pixels.dtype)
    return cast(Samples, clean.reshape(pixels.shape))


def _wiener(plane: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    side = (_WIENER_SIDE, _WIENER_SIDE)
    mean = cv2.boxFilter(plane, cv2.CV_32F, side)
    # Squares about the mean of the whole tile would lose float32's precision in bright parts.
    spread = cv2.boxFilter((plane - mean) ** 2, cv2.CV_32F, side)
    noise = np.float32(deviation**2)
    gain = np.maximum(spread - noise, 0) / np.maximum(np.maximum(spread, noise), 1e-6)
    return np.asarray(mean + gain * (plane - mean), np.float32)


def _without_impulses(plane: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    wrong, median = _wrong(plane, deviation)
    return np.asarray(np.where(wrong, median, plane), np.float32)


def _wrong(
    plane: NDArray[np.float32], deviation: float
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which pixels are wrong, and the median of nine at every pixel."""
    median = np.asarray(cv2.medianBlur(plane, 3), np.float32)
    return np.abs(plane - median) > max(_IMPULSE[0] * deviation, _IMPULSE[1]), median


def has_impulses(samples: Sequence[Samples]) -> bool:
    """Whether sample windows of a scan hold so many isolated wrong pixels that it is noise.

    The deviation is not asked for: these pixels would dominate it.
    """
    shares = []
    for window in samples:
        planes = window.astype(np.float32).reshape(*window.shape[:2], -1) / unit(window)
        for channel in range(planes.shape[2]):
            plane = np.ascontiguousarray(planes[..., channel])
            shares.append(float(_wrong(plane, 0.0)[0].mean()))
    return bool(shares) and float(np.median(shares)) >= _FEWEST_IMPULSES
