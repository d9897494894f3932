"""The arithmetic every stage shares: what is accepted, luminance planes, reduced copies.

All functions take working pixels as `models.contract` defines them: HxW or HxWx3, uint8 or
uint16, never written to. Whole float copies of a scan are never made: planes are filled strip
by strip, so that the memory beyond the result stays within a few megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import BadStageInput, Box, Rectangle, Samples, StageInput

_STRIP_PIXELS = 4_000_000


def check_pixels(pixels: object) -> None:
    """Raise `BadStageInput` unless `pixels` is HxW or HxWx3, uint8 or uint16, not empty."""
    if not isinstance(pixels, np.ndarray):
        raise BadStageInput(f"pixels must be a numpy array, not {type(pixels).__name__}")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise BadStageInput(f"pixels must be uint8 or uint16, not {pixels.dtype}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise BadStageInput(f"pixels must be HxW or HxWx3, not of shape {pixels.shape}")
    if pixels.size == 0:
        raise BadStageInput(f"pixels are empty: shape {pixels.shape}")


def check_input(item: StageInput) -> None:
    """Raise `BadStageInput` unless pixels and hints of `item` fit together."""
    check_pixels(item.pixels)
    height, width = item.pixels.shape[:2]
    area = item.hints.photograph
    if not (0 <= area.left < area.right <= width and 0 <= area.top < area.bottom <= height):
        raise BadStageInput(f"photograph area {area} does not lie in a picture {width}x{height}")
    for change in item.changes:
        rows, columns = change.mask.shape
        inside = 0 <= change.top <= height - rows and 0 <= change.left <= width - columns
        fits = change.pixels.shape == (rows, columns, *item.pixels.shape[2:])
        if not (inside and fits and change.pixels.dtype == item.pixels.dtype):
            raise BadStageInput(
                f"a change of shape {change.pixels.shape} ({change.pixels.dtype}) at "
                f"({change.top}, {change.left}) does not fit a picture {item.pixels.shape}"
            )


def unit(pixels: Samples) -> float:
    """Sample value of one 8-bit level: 1.0 for uint8, 257.0 for uint16."""
    return 1.0 if pixels.dtype == np.uint8 else 257.0


def whole(pixels: Samples) -> Box:
    """The box of the whole picture."""
    return Box(0, 0, pixels.shape[1], pixels.shape[0])


def halved_box(box: Box) -> Box:
    """`box` in pixels of a `halved` copy, rounded inwards."""
    return Box((box.left + 1) // 2, (box.top + 1) // 2, box.right // 2, box.bottom // 2)


def reduced_box(box: Box, depth: int) -> Box:
    """`box` in pixels of a copy that was `halved` `depth` times, rounded outwards."""
    last = (1 << depth) - 1
    return Box(
        box.left >> depth,
        box.top >> depth,
        (box.right + last) >> depth,
        (box.bottom + last) >> depth,
    )


def strips(height: int, width: int, multiple: int = 1) -> Iterator[tuple[int, int]]:
    """Row ranges (top, bottom) of about four megapixels, tops at multiples of `multiple`."""
    rows = max(1, _STRIP_PIXELS // (width * multiple)) * multiple
    for top in range(0, height, rows):
        yield top, min(height, top + rows)


def luminance(pixels: Samples) -> NDArray[np.uint8]:
    """Rec. 601 luma HxW in 8-bit levels; of grey, and of RGB with R=G=B, the value itself."""
    height, width = pixels.shape[:2]
    plane = np.empty((height, width), np.uint8)
    for top, bottom in strips(height, width):
        strip = pixels[top:bottom]
        if strip.ndim == 3:
            strip = cast(Samples, cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY))
        plane[top:bottom] = _to_bytes(strip).reshape(bottom - top, width)
    return plane


def reduced(pixels: Samples, long_edge: int) -> Samples:
    """An area-averaged copy no longer than `long_edge` pixels, never enlarged, same dtype."""
    height, width = pixels.shape[:2]
    size = reduced_size(width, height, long_edge)
    if size == (width, height):
        return pixels.copy()
    return cast(Samples, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def reduced_size(width: int, height: int, long_edge: int) -> tuple[int, int]:
    """(width, height) of the copy `reduced` makes; no side falls below one pixel."""
    scale = min(1.0, long_edge / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def reduced_current(item: StageInput, long_edge: int) -> Samples:
    """Like `reduced`, with the earlier stages' changes laid in, strip by strip.

    The strips are reduced by a whole factor first, so that they meet without a seam.
    """
    if not item.changes:
        return reduced(item.pixels, long_edge)
    height, width = item.pixels.shape[:2]
    factor = max(1, max(height, width) // long_edge)
    rows = []
    for top, bottom in strips(height, width, factor):
        strip = item.crop(Box(0, top, width, bottom))
        size = (-(-width // factor), -(-(bottom - top) // factor))
        rows.append(
            cv2.resize(strip, size, interpolation=cv2.INTER_AREA).reshape(
                size[1], size[0], *item.pixels.shape[2:]
            )
        )
    return reduced(cast(Samples, np.concatenate(rows)), long_edge)


def halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of two by two pixels of an HxW plane; an odd last row or column is left out."""
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    if not (height and width):
        return plane[:0, :0]
    even = plane[: 2 * height, : 2 * width]
    return cast(NDArray[np.uint8], cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))


def to_bytes(pixels: Samples) -> NDArray[np.uint8]:
    """The same samples rounded to uint8; meant for reduced copies and crops."""
    return _to_bytes(pixels)


def lay(plane: NDArray[np.uint8], rectangle: Rectangle, values: NDArray[np.uint8]) -> None:
    """Write `values` hxw into `plane` HxW wherever the mask of `rectangle` is true."""
    height, width = rectangle.mask.shape
    target = plane[rectangle.top : rectangle.top + height, rectangle.left : rectangle.left + width]
    np.copyto(target, values, where=rectangle.mask)


def _to_bytes(samples: Samples) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return cast(NDArray[np.uint8], samples)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
