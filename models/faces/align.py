"""From a face in the scan to the canonical crop and back, by one similarity transform.

The canonical crop has the eye centres and the nose base at fixed places (DESIGN §6: dlib's five
landmarks have no mouth, and the 68-point file may not be used commercially), so that every face
lies there upright and of one size. Coordinates are x, y in pixels, (0, 0) being the centre of
the first pixel; matrices are 2x3, as OpenCV takes them.
"""

from __future__ import annotations

import math
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Samples

Floats = NDArray[np.float32]
Numbers = NDArray[np.integer[Any] | np.floating[Any]]
Landmarks = NDArray[np.float64]
"""3x2: left eye's centre, right eye's centre (left and right in the picture), nose base."""

Matrix = NDArray[np.float64]
"""2x3: the similarity transform from the scan to the crop."""

TEMPLATE_SIDE = 256
TEMPLATE: Landmarks = np.array([[91.0, 112.0], [165.0, 112.0], [128.0, 168.0]])
"""Where the landmarks lie in a crop of 256 pixels (median distance of its corners from those of
the published alignment: 11 pixels, on 1,034 faces)."""

_SMALLEST, _FULL_SIZE = 48.0, 128.0  # pixels of the scan that the crop covers
_LARGEST_READ = 2.0  # crops are reduced from at most so many times their resolution as floats


class BadLandmarks(ValueError):
    """Three points from which no face can be aligned; the message says why."""


def template(side: int) -> Landmarks:
    """`TEMPLATE` in a crop of `side` pixels, 3x2."""
    # The centre of the first pixel is at 0: half a pixel at the edge scales with the rest.
    return (TEMPLATE + 0.5) * (side / TEMPLATE_SIDE) - 0.5


def similarity(landmarks: Landmarks, side: int) -> Matrix:
    """The similarity transform 2x3 from the scan to a crop of `side` pixels.

    `landmarks` 3x2 in pixels of the scan. Least squares over the three points: rotation, one
    scale, translation, never a reflection (Umeyama, IEEE PAMI 1991, eq. 39-42; in the plane it
    is linear in four unknowns). Raises `BadLandmarks` for other shapes, for numbers that are not
    finite and for points that coincide or are mirrored.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (3, 2) or not np.isfinite(points).all():
        raise BadLandmarks(f"landmarks must be three finite points x, y, not {points.tolist()}")
    targets = template(side)
    middle, aim = points.mean(axis=0), targets.mean(axis=0)
    source = (points - middle) @ np.array([1, 1j])
    target = (targets - aim) @ np.array([1, 1j])
    spread = float((np.abs(source) ** 2).sum())
    if spread < 1e-6:
        raise BadLandmarks(f"the landmarks {points.tolist()} are one point")
    across, down = points[1] - points[0], points[2] - points[:2].mean(axis=0)
    if across[0] * down[1] - across[1] * down[0] <= 0:
        raise BadLandmarks(f"the landmarks {points.tolist()} are no face: the nose is not below")
    turn = complex((source.conj() * target).sum()) / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, aim - linear @ middle])


def inverse(matrix: Matrix) -> Matrix:
    """The transform back, 2x3: from the crop to the scan, exact."""
    a, b = matrix[0, 0], matrix[1, 0]
    back = np.array([[a, b], [-b, a]]) / (a * a + b * b)
    return np.column_stack([back, -back @ matrix[:, 2]])


def scale(matrix: Matrix) -> float:
    """Pixels of the crop for one of the scan: above 1 the face is smaller than the crop."""
    return math.hypot(matrix[0, 0], matrix[1, 0])


def shifted(matrix: Matrix, left: float, top: float) -> Matrix:
    """The same transform for a window of the scan whose first pixel is (`left`, `top`)."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (left, top)
    return moved


def size_strength(matrix: Matrix, side: int) -> float:
    """How strongly a face of this size in the scan may be enhanced, 0 to 1.

    `matrix` leads to a crop of `side` pixels. 1 where that covers 128 pixels of the scan (eyes 37
    apart) or more, 0 at 48 (eyes 14 apart), even steps by octaves between. Measured with the
    embedded network, degraded portraits of the training split made small, gain at full strength:
    32 pixels -0.2 dB, 48 -0.1, 64 none, 96 0.8, 128 1.1, 192 2.1; what would be drawn in fewer
    pixels is mostly invented.
    """
    covered = side / scale(matrix)
    octaves = math.log2(covered / _SMALLEST) / math.log2(_FULL_SIZE / _SMALLEST)
    return float(np.clip(octaves, 0, 1))


def footprint(matrix: Matrix, side: int, height: int, width: int) -> Box:
    """The part of a scan of `height` x `width` pixels that the crop is made from.

    Where the crop reaches beyond the frame, as much is read inside it as is reflected there.
    """
    left, top, right, bottom = _bounds(matrix, side)
    (left, right), (top, bottom) = (
        _reflected_span(first, last, length)
        for first, last, length in ((left, right, width), (top, bottom, height))
    )
    return Box(left, top, right, bottom)


def crop(pixels: Samples, matrix: Matrix, side: int) -> Floats:
    """The aligned crop, `side` x `side` x C float32 in [0, 1].

    `pixels` HxW (then C is 1) or HxWx3, uint8 or uint16; only the `footprint` is read. Bicubic
    where the face is enlarged, averaged over areas where it is reduced, so that grain does not
    alias. Beyond the frame the picture is reflected.
    """
    height, width = pixels.shape[:2]
    box = footprint(matrix, side, height, width)
    window: Numbers = pixels[box.top : box.bottom, box.left : box.right]
    to_crop = shifted(matrix, box.left, box.top)
    ratio = scale(matrix)
    if ratio * _LARGEST_READ < 1:
        # First in the scan's own type: floats of a face that fills a large scan are gigabytes.
        window, to_crop = _reduced(window, to_crop, ratio * _LARGEST_READ)
    values = window.astype(np.float32) * np.float32(1 / np.iinfo(pixels.dtype).max)
    if (ratio := scale(to_crop)) < 1:
        reduced, to_crop = _reduced(values, to_crop, ratio)
        values = cast(Floats, reduced)
    warped = cv2.warpAffine(
        values,
        to_crop,
        (side, side),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.clip(warped, 0, 1).astype(np.float32).reshape(side, side, -1)


def uncrop(values: Floats, matrix: Matrix, box: Box) -> Floats:
    """What lies in the crop, laid back over `box` of the scan: hxwxC float32.

    `values` SxSxC float32 of any range. Bicubic where the scan is finer than the crop, averaged
    over areas where it is coarser; 0 where the crop does not reach.
    """
    channels = values.shape[2]
    to_values = shifted(matrix, box.left, box.top)
    if (ratio := scale(matrix)) > 1:
        reduced, back = _reduced(values, inverse(to_values), 1 / ratio)
        values, to_values = cast(Floats, reduced), inverse(back)
    warped = cv2.warpAffine(
        values,
        to_values,
        (box.width, box.height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return warped.astype(np.float32).reshape(box.height, box.width, channels)


def _reduced(window: Numbers, matrix: Matrix, ratio: float) -> tuple[Numbers, Matrix]:
    """`window` at about `ratio` of its size, and the transform from there."""
    height, width = window.shape[:2]
    columns, rows = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = cv2.resize(window, (columns, rows), interpolation=cv2.INTER_AREA)
    across, down = width / columns, height / rows
    # x = (x' + 0.5) * across - 0.5
    enlarge = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
    return small, matrix @ enlarge


def _bounds(matrix: Matrix, side: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of the turned crop in the scan, and the pixels that
    bicubic interpolation takes in."""
    back = inverse(matrix)
    edge = side - 0.5
    corners = np.array([[-0.5, -0.5], [edge, -0.5], [edge, edge], [-0.5, edge]])
    placed = corners @ back[:, :2].T + back[:, 2]
    reach = 2 + 2 * max(1.0, 1 / scale(matrix))
    first = np.floor(placed.min(axis=0) - reach).astype(int)
    last = np.ceil(placed.max(axis=0) + reach).astype(int) + 1
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])


def _reflected_span(first: int, last: int, length: int) -> tuple[int, int]:
    """`first` to `last` within a frame of `length`, with what is reflected at its ends."""
    deepest = max(last, 1 - first)  # what lies at -n is read from n
    highest = min(first, 2 * length - 1 - last)
    start = min(max(0, highest), length - 1)
    return start, max(start + 1, min(length, deepest))
