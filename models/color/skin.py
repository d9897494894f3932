"""Whether the colour inside a face box is one that skin has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.color.space import Floats
from models.contract import Box

HUES = (15.0, 90.0)
"""CIELAB hue angles of skin, degrees: from pink to yellow, of all skins alike."""

CHROMA = (6.0, 48.0)
"""CIELAB chroma of skin: below is grey, above is paint."""

_LIGHT = (12.0, 97.0)  # L* between which skin shows a colour
_OVAL = 0.8  # of the box's sides: brow, cheeks and chin without background
_FEWEST = 12  # pixels


def skin_share(lightness: Floats, ab: Floats, box: Box) -> float:
    """Share, 0 to 1, of a face's oval whose hue and chroma are those of skin; nan where the face
    is too small or too dark to tell.

    `lightness` (L*) hxw and `ab` hxwx2 are CIELAB; `box` in their pixels, as the detector gives
    it, possibly reaching beyond them.
    """
    height, width = lightness.shape
    rows = np.arange(max(0, box.top), min(height, box.bottom))
    columns = np.arange(max(0, box.left), min(width, box.right))
    down = (rows + 0.5 - (box.top + box.bottom) / 2) / (_OVAL * box.height / 2)
    across = (columns + 0.5 - (box.left + box.right) / 2) / (_OVAL * box.width / 2)
    inside = down[:, None] ** 2 + across[None] ** 2 <= 1
    window = np.ix_(rows, columns)
    light = lightness[window]
    told = inside & (light > _LIGHT[0]) & (light < _LIGHT[1])
    if np.count_nonzero(told) < _FEWEST:
        return float("nan")
    return float(_like_skin(ab[window][told]).mean())


def _like_skin(ab: Floats) -> NDArray[np.bool_]:
    hue = np.degrees(np.arctan2(ab[:, 1], ab[:, 0]))
    chroma = np.hypot(ab[:, 0], ab[:, 1])
    right = (hue > HUES[0]) & (hue < HUES[1]) & (chroma > CHROMA[0]) & (chroma < CHROMA[1])
    return np.asarray(right, bool)
