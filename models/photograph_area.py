"""Where the photograph lies on the scan: mounts, film edges and scanner beds cut off.

Only what is certainly a border goes: a band along a side that is nearly all of one level and
ends in an abrupt straight edge. A white sky, a night, a vignette have no such edge, and then
the side stays: a border taken for picture does less harm than picture taken for a border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.contract import Box

_TOLERANCE = 16  # 8-bit levels a border may vary by
_UNIFORM = 0.8  # share of a line at the border's level; the rest is writing, perforations
_EDGE = 0.6  # share of a line that must leave that level at once where the picture begins
_EDGE_PIXELS = 3  # "at once": within so many pixels of the copy
_DEEPEST = 0.3  # of a side's extent; a deeper band is picture
_DEEPEST_ALONE = 0.1  # the same where no second side agrees; a deeper band may well be sky
_SMALLEST = 0.3  # of the scan's area; less cannot be trusted
_BLACK, _WHITE = 45, 225  # levels at which a single side is believed
_LAYERS = 3  # a black film edge inside a white sheet on a grey bed


def photograph_area(copy: NDArray[np.uint8]) -> Box:
    """The picture's box in pixels of `copy`, an HxW luminance copy of 300 to 1000 pixels.

    The whole copy where no border is certain.
    """
    height, width = copy.shape
    area = Box(0, 0, width, height)
    for _ in range(_LAYERS):
        inner = _peel(copy, area)
        if inner == area or inner.width * inner.height < _SMALLEST * width * height:
            break
        area = inner
    return area


def _peel(copy: NDArray[np.uint8], area: Box) -> Box:
    """`area` without one layer of border."""
    view = copy[area.top : area.bottom, area.left : area.right].astype(np.int16)
    if min(view.shape) < 32:
        return area
    sides = {
        "left": view.T,
        "top": view,
        "right": view[:, ::-1].T,
        "bottom": view[::-1],
    }
    bands = {side: _band(lines) for side, lines in sides.items()}
    found = [level for depth, level in bands.values() if depth]
    depths = {
        side: depth if depth and _believed(level, found, depth / len(sides[side])) else 0
        for side, (depth, level) in bands.items()
    }
    return Box(
        area.left + depths["left"],
        area.top + depths["top"],
        area.right - depths["right"],
        area.bottom - depths["bottom"],
    )


def _believed(level: int, found: list[int], share: float) -> bool:
    """Black and white are believed alone if shallow, else on two sides; others on three."""
    alike = sum(abs(other - level) <= 2 * _TOLERANCE for other in found)
    if level <= _BLACK or level >= _WHITE:
        return alike >= 2 or share <= _DEEPEST_ALONE
    return alike >= 3


def _band(lines: NDArray[np.int16]) -> tuple[int, int]:
    """(depth, level) of the border on the first lines; depth 0 where there is none."""
    level = int(np.median(lines[:2]))
    near = np.abs(lines - level) <= _TOLERANCE
    uniform = near.mean(axis=1) >= _UNIFORM
    depth = len(uniform) if uniform.all() else int(np.argmin(uniform))
    if depth < 2 or depth + _EDGE_PIXELS >= _DEEPEST * len(lines):
        return 0, level
    # Corners may be rounded and neighbouring sides framed: look at the middle of the line.
    margin = lines.shape[1] // 6
    beyond = ~near[depth : depth + _EDGE_PIXELS, margin : lines.shape[1] - margin]
    if beyond.any(axis=0).mean() < _EDGE:
        return 0, level
    # The lines of the edge itself are mixtures of border and picture.
    return depth + 1, level
