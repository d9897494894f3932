"""The eight orientations of TIFF 6.0 and EXIF (tag 274): turning samples upright, once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Only the two quarter turns are not their own inverse.
_INVERSE = {6: 8, 8: 6}


def upright_view(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of `stored` (HxW...) as it is meant to be seen; values other than 1-8 mean 1."""
    if orientation >= 5 and orientation <= 8:
        stored = stored.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    return stored


def stored_view(upright: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of `upright` laid out as the file stores it: write there, and it is turned.

    This is how a decoder turns a scan without ever holding it twice.
    """
    return upright_view(upright, _INVERSE.get(orientation, orientation))


def upright_shape(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Height and width after turning."""
    return (width, height) if 5 <= orientation <= 8 else (height, width)


def turned(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`stored` turned upright, contiguous; the same array where nothing is to be turned."""
    if not 2 <= orientation <= 8:
        return stored
    return np.ascontiguousarray(upright_view(stored, orientation))
