"""A page as the damage stages see it: its current luminance, its channels, what was changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np

from models.contract import Box, Rectangle, Samples, StageInput
from models.damage.ridges import Plane
from models.pixels import lay, luminance, reduced, strips, to_bytes

Crop = Callable[[Box], Samples]

_COPY = 512  # pixels of the copy that tone and light are measured on

HEAVY_DAMAGE = 0.05
"""Share of the photograph's pixels from which on damage is flagged as heavy."""


def current_luminance(item: StageInput) -> Plane:
    """The luminance plane of the picture as the earlier stages left it."""
    plane = luminance(item.pixels)
    for change in item.changes:
        lay(plane, change, luminance(change.pixels))
    return plane


def laid(item: StageInput, rectangles: Sequence[Rectangle]) -> StageInput:
    """The same page with further changes."""
    return StageInput(item.pixels, item.hints, (*item.changes, *rectangles))


def touched(rectangles: Sequence[Rectangle], shape: tuple[int, ...]) -> Plane:
    """HxW, 255 wherever a rectangle changes the picture."""
    touched = np.zeros(shape, np.uint8)
    for rectangle in rectangles:
        lay(touched, rectangle, np.full(rectangle.mask.shape, 255, np.uint8))
    return touched


def changed_pixels(rectangles: Sequence[Rectangle], shape: tuple[int, ...]) -> int:
    """How many pixels of a picture of `shape` some rectangle changes."""
    return int(cv2.countNonZero(touched(rectangles, shape))) if rectangles else 0


def is_grey(item: StageInput, area: Box) -> bool:
    """Whether the photograph has one channel, or three equal ones in every pixel."""
    if item.pixels.ndim == 2:
        return True
    for top, bottom in strips(area.height, area.width):
        part = item.crop(Box(area.left, area.top + top, area.right, area.top + bottom))
        if (part[..., 0] != part[..., 1]).any() or (part[..., 0] != part[..., 2]).any():
            return False
    return True


def cropper(item: StageInput, grey: bool) -> Crop:
    """What reads the picture: one channel where all three are equal."""
    if item.pixels.ndim == 2 or not grey:
        return item.crop
    return lambda box: cast(Samples, np.ascontiguousarray(item.crop(box)[..., 0]))


def as_scanned(rectangle: Rectangle, channels: tuple[int, ...]) -> Rectangle:
    """The rectangle with its one channel laid into all of the scan's."""
    if rectangle.pixels.ndim == 3 or not channels:
        return rectangle
    pixels = np.repeat(rectangle.pixels[..., None], 3, axis=2)
    return Rectangle(rectangle.top, rectangle.left, cast(Samples, pixels), rectangle.mask)


def small_copy(crop: Crop, area: Box) -> Plane:
    """The photograph `area` at some 512 pixels, reduced strip by strip, in 8 bits."""
    factor = max(1, max(area.width, area.height) // _COPY)
    rows = []
    for top, bottom in strips(area.height, area.width, factor):
        strip = crop(Box(area.left, area.top + top, area.right, area.top + bottom))
        size = (-(-area.width // factor), -(-(bottom - top) // factor))
        small = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
        rows.append(small.reshape(size[1], size[0], *strip.shape[2:]))
    return to_bytes(reduced(cast(Samples, np.concatenate(rows)), _COPY))


def damage_flags(
    pixels: int, area: Box, over_face: bool, left_alone: bool, over_feature: bool = False
) -> tuple[str, ...]:
    """What a curator should look at: of `pixels` damaged ones in the photograph `area`."""
    flags = []
    if pixels >= HEAVY_DAMAGE * area.width * area.height:
        flags.append("heavy damage")
    if over_face:
        flags.append("damage over a face")
    if over_feature:
        flags.append("damage over an eye or mouth")
    if left_alone:
        flags.append("loss too large to fill")
    return tuple(flags)
