"""Thin bright and dark lines and small specks, pixel by pixel, in a luminance plane.

A line no wider than `WIDTH` survives an opening by a line element of its own direction and not
one by a square of `SQUARE` pixels: the greatest of the oriented openings less the square one is
high on lines and nowhere else (Zana and Klein 2001, IEEE Trans. Image Processing 10(7)). What
even the oriented openings take away is compact: a speck. Both are weighed against the local
activity, the mean top-hat around them, so that grass, lace and brickwork do not count.
Everything here has a finite reach (`REACH`), so that windows of a plane agree exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

WIDTH = 5
"""Widest line found, in pixels of the plane."""

SQUARE = 7
LENGTH = 13  # of the line elements
_ANGLES = 12
_ACTIVITY = 41  # side of the window the activity is averaged over
_ACTIVITY_CAP = 24  # 8-bit levels: one scratch must not raise the activity around itself
REACH = SQUARE + LENGTH + _ACTIVITY // 2 + 2
"""Pixels around a window that its responses depend on."""


@dataclass(frozen=True, slots=True)
class Responses:
    """What one polarity answers, HxW each, in 8-bit levels.

    `line` and `speck` are contrasts, `activity` the mean top-hat of either polarity around the
    pixel, `step` how much the background itself changes there (an outline of a thing lies
    between two tones, a scratch runs across one).
    """

    line: Plane
    speck: Plane
    activity: NDArray[np.float32]
    step: Plane


def _line_element(angle: float) -> Plane:
    """A line of `LENGTH` pixels through the middle, one pixel thin."""
    half = LENGTH // 2
    element = np.zeros((LENGTH, LENGTH), np.uint8)
    reach_x, reach_y = round(half * np.cos(angle)), round(half * np.sin(angle))
    cv2.line(element, (half - reach_x, half - reach_y), (half + reach_x, half + reach_y), 1)
    return cast(Plane, element)


_LINES = tuple(_line_element(np.pi * step / _ANGLES) for step in range(_ANGLES))
_SQUARE_ELEMENT = np.ones((SQUARE, SQUARE), np.uint8)
_STEP_ELEMENT = np.ones((9, 9), np.uint8)
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def responses(window: Plane) -> tuple[Responses, Responses]:
    """Responses of the bright and of the dark structures of `window`, HxW uint8."""
    polarities = [_one_polarity(plane) for plane in (window, np.bitwise_not(window))]
    hats = cv2.max(*(cv2.add(line, speck) for line, speck, _ in polarities))
    capped = cv2.threshold(hats, _ACTIVITY_CAP, 0, cv2.THRESH_TRUNC)[1]
    mean = cv2.boxFilter(capped, cv2.CV_32F, (_ACTIVITY, _ACTIVITY))
    activity = cast(NDArray[np.float32], mean)
    bright, dark = (Responses(line, speck, activity, step) for line, speck, step in polarities)
    return bright, dark


def _one_polarity(window: Plane) -> tuple[Plane, Plane, Plane]:
    """Line contrast, speck contrast and background step of the bright structures."""
    base = cv2.morphologyEx(window, cv2.MORPH_OPEN, _SQUARE_ELEMENT)
    # A break of a pixel or two in a faint scratch must not hide it from the openings.
    bridged = cv2.min(cv2.dilate(window, _NEIGHBOURS), cv2.blur(window, (3, 3)))
    bridged = cv2.max(window, bridged)
    lines = base
    for element in _LINES:
        lines = cv2.max(lines, cv2.morphologyEx(bridged, cv2.MORPH_OPEN, element))
    lines = cv2.min(lines, window)
    step = cv2.morphologyEx(base, cv2.MORPH_GRADIENT, _STEP_ELEMENT)
    return (
        cast(Plane, cv2.subtract(lines, base)),
        cast(Plane, cv2.subtract(window, lines)),
        cast(Plane, step),
    )
