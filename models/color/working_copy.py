"""The luma a network sees, area-averaged from the scan in strips: any size, bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np

from models.color.space import Floats, luma
from models.contract import Box, Samples
from models.pixels import strips

Read = Callable[[Box], Samples]
"""Gives the samples in a box of the scan: `StageInput.crop`, or a slice of an array."""

RENDER_FACTORS = (12, 35)
"""Least and most that is chosen without being asked: 192 to 560 pixels of a square's side."""

_UNIT = 16  # pixels of a square's side per render factor


def chosen_render_factor(width: int, height: int) -> int:
    """The render factor for a scan of `width` x `height` pixels where none is asked for.

    Working copies are not finer than the scan, and not finer than what the networks were made
    for: 35 for all scans above 0.3 megapixels.
    """
    own = round((width * height) ** 0.5 / _UNIT)
    return int(np.clip(own, *RENDER_FACTORS))


def working_luma(read: Read, box: Box, width: int, height: int) -> Floats:
    """Luma of `box` of a scan as `height` x `width` float32 in [0, 1], never enlarged.

    Where the box is smaller than that, its own size is kept. Every pixel is the mean of exactly
    the area it stands for, also where that is no whole number of samples, so that chroma found
    on the copy lies where it belongs.
    """
    columns, rows = min(width, box.width), min(height, box.height)
    copy = np.zeros((rows, columns), np.float32)
    for top, bottom in strips(box.height, box.width):
        strip = luma(read(Box(box.left, box.top + top, box.right, box.top + bottom)))
        narrow = cast(
            Floats, cv2.resize(strip, (columns, len(strip)), interpolation=cv2.INTER_AREA)
        ).reshape(len(strip), columns)
        first, last = top * rows // box.height, -(-bottom * rows // box.height)
        # Overlap of each pixel's area with each sample's, both in rows of the copy.
        edges = np.arange(top, bottom + 1) * (rows / box.height)
        pixel = np.arange(first, last)[:, None]
        overlap = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
        copy[first:last] += np.maximum(overlap, 0).astype(np.float32) @ narrow
    return np.clip(copy, 0, 1, out=copy)
