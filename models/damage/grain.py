"""Grain for what was filled: smooth scars look pasted, so the surroundings lend them theirs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Plane = NDArray[np.uint8]

_GRAIN_BLUR = 1.5  # standard deviation, pixels
_OFFSETS = 24  # candidate displacements of the grain


def transferred(
    planes: Floats, filled: Floats, unknown: Plane, random: np.random.Generator
) -> Floats:
    """Grain hxwxC for the unknown pixels, taken from the known ones, 0 elsewhere.

    All channels take it from the same place, so that grey stays grey.
    """
    grain = planes - cv2.GaussianBlur(filled, (0, 0), _GRAIN_BLUR).reshape(planes.shape)
    known = (unknown == 0)[..., None]
    # Next to the hole the blur mixes in what was filled; a little distance keeps it honest.
    ring = cv2.dilate(unknown, np.ones((5, 5), np.uint8)) == 0
    sample = np.abs(grain[ring]) if ring.any() else np.zeros((1, planes.shape[2]), np.float32)
    spread = 1.4826 * np.median(sample, axis=0)
    grain = np.where(known, np.clip(grain, -3 * spread, 3 * spread), 0).astype(np.float32)
    hole = unknown > 0
    rows, columns = np.nonzero(hole)
    best: Floats | None = None
    least = np.inf
    reach = 8 + int(np.ptp(rows)) // 4, 8 + int(np.ptp(columns)) // 4
    for _ in range(_OFFSETS):
        down, across = (int(random.integers(-r, r + 1)) for r in reach)
        y = np.clip(rows + down, 0, hole.shape[0] - 1)
        x = np.clip(columns + across, 0, hole.shape[1] - 1)
        missing = float(hole[y, x].mean())
        energy = float(np.abs(np.sqrt((grain[y, x] ** 2).mean(axis=0)) - spread).mean())
        cost = missing + energy / (float(spread.mean()) + 1e-3)
        if cost < least:
            least, best = cost, grain[y, x]
    laid = np.zeros_like(grain)
    if best is not None:
        laid[rows, columns] = best
    return laid


def lacking(planes: Floats, filled: Floats, unknown: Plane) -> float:
    """The share of the surroundings' grain that the filling has not already, 0 to 1.

    A network draws some texture of its own; grain adds in squares.
    """
    around = planes - cv2.GaussianBlur(filled, (0, 0), _GRAIN_BLUR).reshape(planes.shape)
    inside = filled - cv2.GaussianBlur(filled, (0, 0), _GRAIN_BLUR).reshape(filled.shape)
    ring = cv2.dilate(unknown, np.ones((5, 5), np.uint8)) == 0
    if not ring.any():
        return 0.0
    wanted = float(np.median(np.abs(around[ring])))
    there = float(np.median(np.abs(inside[unknown > 0])))
    return float(np.sqrt(max(0.0, wanted**2 - there**2))) / max(wanted, 1e-6)
