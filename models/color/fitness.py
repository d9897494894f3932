"""Whether there is a photograph to colourize at all: told from the scan, before any network."""

from __future__ import annotations

from typing import Literal

import numpy as np

from models.color.space import luma
from models.color.working_copy import Read
from models.contract import Box

Unfit = Literal["too small", "blank", "line art"]

SMALLEST = 32
"""Pixels of the shorter side below which nothing in a picture can be recognised."""

_BLANK = 0.02  # of full scale between the 0.5th and 99.5th percentile: all black, all white
_SAMPLES = 512  # rows and columns looked at
_TWO_LEVELS = 0.97  # share of samples at ink's or paper's level
_NEAR = 0.08  # of full scale around a level
_APART = 0.4  # of full scale between ink and paper at least


def unfit(read: Read, box: Box) -> Unfit | None:
    """Why `box` of a scan, whose samples `read` gives, is not to be colourized; None if it is.

    `too small`: a side below `SMALLEST`. `blank`: one level, such as all black or all white.
    `line art`: nearly every sample at one of two levels (1-bit scans, drawings, writing): looked
    at sample by sample, since a reduced copy of it has tones. A grey photograph has them itself.
    """
    if min(box.width, box.height) < SMALLEST:
        return "too small"
    values = _samples(read, box)
    low, high = np.percentile(values, (0.5, 99.5))
    if high - low < _BLANK:
        return "blank"
    middle = (low + high) / 2
    ink, paper = np.median(values[values <= middle]), np.median(values[values > middle])
    if paper - ink < _APART:
        return None
    near = np.minimum(np.abs(values - ink), np.abs(values - paper)) <= _NEAR
    return "line art" if near.mean() >= _TWO_LEVELS else None


def _samples(read: Read, box: Box) -> np.ndarray:
    """Luma of up to 512 rows of 512 samples, evenly spread, none of them averaged."""
    across = np.linspace(0, box.width - 1, min(_SAMPLES, box.width)).astype(int)
    rows = np.linspace(box.top, box.bottom - 1, min(_SAMPLES, box.height)).astype(int)
    lines = [read(Box(box.left, row, box.right, row + 1))[:, across] for row in rows]
    return np.concatenate([luma(line) for line in lines])
