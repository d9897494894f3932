"""Random fields and curves that everything is painted with: smooth, gritty, seeded."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.severity import Range

Plane = NDArray[np.float32]
Generator = np.random.Generator

_BANK = 512


def chance(rng: Generator, probability: float) -> bool:
    """True with this probability; one draw either way."""
    return bool(rng.random() < probability)


def between(rng: Generator, limits: Range) -> float:
    """Uniform between two limits."""
    return limits[0] + (limits[1] - limits[0]) * float(rng.random())


def between_log(rng: Generator, low: float, high: float) -> float:
    """Log-uniform between two positive limits: every factor of two equally often."""
    return float(low * (high / low) ** rng.random())


def smooth_field(rng: Generator, height: int, width: int, cells: float) -> Plane:
    """HxW of about zero mean and unit deviation, varying over 1/`cells` of the long edge."""
    unit = max(height, width) / cells
    rows, columns = int(height / unit) + 2, int(width / unit) + 2
    knots = rng.standard_normal((rows, columns), dtype=np.float32)
    return cast(Plane, cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC))


def smooth_curve(rng: Generator, count: int, knots: int) -> Plane:
    """`count` values of about zero mean and unit deviation through so many random knots."""
    row = rng.standard_normal((1, max(2, knots)), dtype=np.float32)
    return cast(Plane, cv2.resize(row, (count, 1), interpolation=cv2.INTER_CUBIC)[0])


@lru_cache(maxsize=1)
def _bank() -> Plane:
    """512x512 of noise on four scales, uniform from 0 to 1: the roughness of broken emulsion."""
    rng = np.random.default_rng(1839)
    total = np.zeros((_BANK, _BANK), np.float32)
    for spread, share in ((0.7, 1.0), (1.5, 1.0), (3.5, 0.8), (9.0, 0.6)):
        noise = rng.standard_normal((_BANK, _BANK), dtype=np.float32)
        noise = np.pad(noise, 32, mode="wrap")
        layer = cv2.GaussianBlur(noise, (0, 0), spread)[32:-32, 32:-32]
        total += share * layer / layer.std()
    order = total.ravel().argsort().argsort().reshape(total.shape)
    return np.asarray(order / order.size, np.float32)


def grit(rng: Generator, height: int, width: int, size: float = 1.0) -> Plane:
    """HxW of rough noise, uniform from 0 to 1; `size` magnifies its grains."""
    rows, columns = int(height / size) + 2, int(width / size) + 2
    top, left, turn = (int(value) for value in rng.integers(0, (_BANK, _BANK, 8)))
    bank = np.rot90(_bank(), turn % 4)
    if turn >= 4:
        bank = bank[:, ::-1]
    if rows <= _BANK and columns <= _BANK:
        # A window that need not wrap is a view: no gathering.
        top, left = top % (_BANK - rows + 1), left % (_BANK - columns + 1)
        window = bank[top : top + rows, left : left + columns]
    else:
        window = bank[(np.arange(rows) + top) % _BANK][:, (np.arange(columns) + left) % _BANK]
    if size <= 1.0:
        return np.ascontiguousarray(window[:height, :width])
    return cast(Plane, cv2.resize(np.ascontiguousarray(window), (width, height)))
