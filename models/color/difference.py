"""How far colours lie apart: CIEDE2000 and the PSNR of chroma."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from models.color.space import Floats

_FAR = 25.0**7


def ciede2000(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    """CIEDE2000 of CIELAB colours ...x3 (L*, a*, b*), element by element, as float32.

    Weights k_L = k_C = k_H = 1. Source: Sharma, Wu, Dalal, Color Research and Application 30(1),
    2005, equations 2 to 22. Raises `ValueError` for shapes that differ or do not end in 3.
    """
    if first.shape != second.shape or first.shape[-1:] != (3,):
        raise ValueError(f"CIELAB colours ...x3 of one shape: {first.shape}, {second.shape}")
    (light_1, a_1, b_1), (light_2, a_2, b_2) = (
        np.moveaxis(colors.astype(np.float64), -1, 0) for colors in (first, second)
    )
    seventh = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(seventh / (seventh + _FAR))
    a_1, a_2 = stretch * a_1, stretch * a_2
    chroma_1, chroma_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    hue_1, hue_2 = np.arctan2(b_1, a_1), np.arctan2(b_2, a_2)

    both = chroma_1 * chroma_2 > 0  # a grey has no hue: no difference, and no say in the mean
    turn = np.where(both, np.remainder(hue_2 - hue_1 + math.pi, 2 * math.pi) - math.pi, 0.0)
    hue = np.where(both, hue_1 + turn / 2, np.where(chroma_1 > 0, hue_1, hue_2))
    light, chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2
    d_light, d_chroma = light_2 - light_1, chroma_2 - chroma_1
    d_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(turn / 2)

    t = (
        1
        - 0.17 * np.cos(hue - math.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6))
        - 0.20 * np.cos(4 * hue - math.radians(63))
    )
    middle = (light - 50) ** 2
    by_light = d_light / (1 + 0.015 * middle / np.sqrt(20 + middle))
    by_chroma = d_chroma / (1 + 0.045 * chroma)
    by_hue = d_hue / (1 + 0.015 * chroma * t)
    degrees = np.remainder(np.degrees(hue), 360)
    rotated = np.radians(60 * np.exp(-(((degrees - 275) / 25) ** 2)))
    seventh = chroma**7
    rotation = -2 * np.sqrt(seventh / (seventh + _FAR)) * np.sin(rotated)
    squared = by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue
    return cast(Floats, np.sqrt(np.maximum(squared, 0)).astype(np.float32))


def chroma_psnr(made: Floats, true: Floats) -> float:
    """PSNR (dB) of Cb and Cr (`models.color.space`, both ...x2, full range 1); inf for equal."""
    error = float(np.mean((made - true) ** 2, dtype=np.float64))
    return math.inf if error == 0 else -10 * math.log10(error)
