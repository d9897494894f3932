"""Faces on a scan, found with YuNet (Wu, Peng, Yu 2023) as OpenCV runs it; the file is imported.

The network sees faces of some 10 to 300 pixels. The scan's copy of at most 3000 pixels, its
luminance stretched as for dlib's detector (`models.faces.pyramid`), is searched whole and reduced
2.5, 6.25 and 15.6 times, and lying where nothing was found upright. Every copy goes through in
overlapping tiles of the 640 pixels the file was made for: not every engine of OpenCV takes
another size (opencv/opencv#28769), and memory stays that of one tile. A face of up to 208 pixels
of a copy lies whole in one of its tiles; what a tile cuts is left out, a larger face is found on
a smaller copy.

Not measured on labelled pictures of this project, unlike dlib's detector: the threshold is that
of the authors.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Face, Samples
from models.faces.merging import merged
from models.faces.pyramid import Base, Copy, Look, Plane, base
from models.weights.published import YUNET
from models.weights.store import checked_file

LEAST_SCORE = 0.9
"""Root of face score times objectness, from which on OpenCV and the authors call it a face."""

SMALLEST = 10
"""Pixels of the smallest face the network was trained on."""

TILE = 640
OVERLAP = 208

_OVERLAPPING = 0.3  # intersection over union, within a tile
_CANDIDATES = 5000  # within a tile
_AT_EDGE = 2.0  # pixels
_UPRIGHT = tuple(Look(f"1/{2.5**n:.3g}", 0.0, 0.4**n, 9e6) for n in range(4))
_ENOUGH = 320  # a copy so small shows a face that fills it
_LYING = tuple(
    Look(f"lying, {budget:.0f} pixels", angle, 1.0, budget)
    for angle in (90.0, -90.0)
    for budget in (2e6, 2e5)
)

_MOUTH_BELOW = 1.15  # eyes to mouth, interocular distances (of a face seen from the front)
_EDGE, _MIDDLE = 2.4, 0.47  # of dlib's box: its edge, its middle below the eyes; interocular
# distances, medians over 40 portraits of the training split

Points = NDArray[np.float64]


def detect(pixels: Samples) -> tuple[Face, ...]:
    """Faces on `pixels` (HxW or HxWx3, uint8 or uint16), best score first, boxes in its pixels.

    Boxes are squares from brows to chin, as dlib's are: the landmarks and everything after them
    start from such. They are clipped to the picture; the score is 0.9 to 1. Raises
    `WeightsMissing`, `WeightsTruncated` or `WeightsMismatch` where the imported file is not there
    or is not the published one. Needs some 100 MB beside `pixels`, of any size.
    """
    network = _network(str(checked_file(YUNET.name)))
    copies = base(pixels)
    if min(copies.plane.shape) < SMALLEST:
        return ()
    found: list[Face] = []
    for look in _UPRIGHT:
        copy = copies.copy(look)
        found += _on_copy(network, copies, copy)
        if max(copy.plane.shape) <= _ENOUGH:
            break
    if not found:
        found = [face for copy in copies.copies(_LYING) for face in _on_copy(network, copies, copy)]
    return merged(found)


@cache
def _network(path: str) -> Any:
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # not that there is no choice of target
    try:
        size = (TILE, TILE)
        return cv2.FaceDetectorYN.create(path, "", size, LEAST_SCORE, _OVERLAPPING, _CANDIDATES)
    finally:
        logging.setLogLevel(level)


def _on_copy(network: Any, copies: Base, copy: Copy) -> list[Face]:
    """What the network finds in the tiles of one copy, in the scan."""
    found = []
    for left, top, tile in _tiles(copy.plane):
        _, rows = network.detect(cv2.cvtColor(tile, cv2.COLOR_GRAY2BGR))
        for row in () if rows is None else np.asarray(rows, np.float64):
            if not np.isfinite(row).all() or _is_cut(row, left, top, copy.plane):
                continue
            # Corners, then right eye, left eye, nose, corners of the mouth.
            x, y, width, height = row[:4]
            corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
            points = np.concatenate([np.array(corners), row[4:14].reshape(5, 2)])
            points += (left, top)
            box = _as_dlib(copy.in_scan(points), copies.width, copies.height)
            if box is not None:
                found.append(Face(box, float(row[14])))
    return found


def _tiles(plane: Plane) -> Iterator[tuple[int, int, Plane]]:
    """Left, top and samples of tiles that cover `plane`; a smaller plane is filled up below and
    to the right, as OpenCV does it."""
    rows, columns = plane.shape
    for top in _starts(rows):
        for left in _starts(columns):
            part = plane[top : top + TILE, left : left + TILE]
            if part.shape != (TILE, TILE):
                tile = np.zeros((TILE, TILE), np.uint8)
                tile[: part.shape[0], : part.shape[1]] = part
                part = tile
            yield left, top, np.ascontiguousarray(part)


def _starts(length: int) -> list[int]:
    """Where tiles of `TILE` that overlap by `OVERLAP` at least begin."""
    if length <= TILE:
        return [0]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    return [round(number * (length - TILE) / (count - 1)) for number in range(count)]


def _is_cut(row: Points, left: int, top: int, plane: Plane) -> bool:
    """Whether the box lies at an edge of its tile which is none of the picture's."""
    x, y, width, height = row[:4]
    rows, columns = plane.shape
    return bool(
        (left > 0 and x < _AT_EDGE)
        or (top > 0 and y < _AT_EDGE)
        or (left + TILE < columns and x + width > TILE - _AT_EDGE)
        or (top + TILE < rows and y + height > TILE - _AT_EDGE)
    )


def _as_dlib(points: Points, width: int, height: int) -> Box | None:
    """The square that dlib's detector would give, in a scan of `width` x `height`; None outside.

    `points` 9x2: corners of YuNet's box, then its five points. Where these say nothing (a
    profile, points laid together) the square around YuNet's own box.
    """
    corners, eyes, mouth = points[:4], points[4:6].mean(axis=0), points[7:9].mean(axis=0)
    least, most = corners.min(axis=0), corners.max(axis=0)
    own = float((most - least).max())
    down = mouth - eyes
    far = float(np.hypot(*down))
    apart = max(float(np.hypot(*(points[5] - points[4]))), far / _MOUTH_BELOW)
    middle, edge = (least + most) / 2, own
    if 0.5 * own < _EDGE * apart < 1.5 * own and far > 0:
        middle, edge = eyes + _MIDDLE * apart * down / far, _EDGE * apart
    box = Box(
        max(0, round(middle[0] - edge / 2)),
        max(0, round(middle[1] - edge / 2)),
        min(width, round(middle[0] + edge / 2)),
        min(height, round(middle[1] + edge / 2)),
    )
    return box if box.width > 0 and box.height > 0 else None
