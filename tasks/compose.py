"""Lay restored rectangles into a photograph, in the one place where that is done (DESIGN 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tasks.profiles import from_working, space_of
from tasks.records import Photograph, Samples

_BAND_PIXELS = 1 << 20


class Change(Protocol):
    """Changed pixels in working space; `pixels` counts only where the hxw `mask` is true."""

    @property
    def top(self) -> int:
        """First row."""

    @property
    def left(self) -> int:
        """First column."""

    @property
    def pixels(self) -> Samples:
        """HxW or hxwx3, of the photograph's dtype."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Hxw."""


def compose(photograph: Photograph, changes: Sequence[Change]) -> Samples:
    """The photograph's samples with `changes` laid in, in order, in the source's own space.

    Outside the union of the masks every sample is the source's own, bit for bit; inside it is
    source + profile(restored) - profile(working), so that colours outside sRGB survive. The
    very array `photograph.samples` comes back where nothing changes. RGB changes on a grey
    photograph give an RGB picture in sRGB, the rest of it being the grey working pixels.
    Memory beside the result is bounded by bands of a million pixels.

    Raises `ValueError` for a change that does not fit the photograph.
    """
    for change in changes:
        _check(photograph, change)
    if not any(change.mask.any() for change in changes):
        return photograph.samples
    if photograph.samples.ndim == 2 and any(change.pixels.ndim == 3 for change in changes):
        return _colorized(photograph, changes)
    result = photograph.samples.copy()
    same = photograph.working is photograph.samples or (
        space_of(photograph.embedded.icc, 1 if result.ndim == 2 else 3).icc is None
    )
    for change in changes:
        for rows, columns, pixels, mask in _bands(change):
            if same:
                result[rows, columns][mask] = pixels[mask]
            else:
                _shift(photograph, result[rows, columns], rows, columns, pixels, mask)
    return result


def union_mask(changes: Sequence[Change], height: int, width: int) -> NDArray[np.bool_]:
    """HxW, true wherever any change may have touched a pixel."""
    union = np.zeros((height, width), bool)
    for change in changes:
        h, w = change.mask.shape
        union[change.top : change.top + h, change.left : change.left + w] |= change.mask
    return union


def _shift(
    photograph: Photograph,
    target: Samples,
    rows: slice,
    columns: slice,
    pixels: Samples,
    mask: NDArray[np.bool_],
) -> None:
    icc = photograph.embedded.icc
    top = np.iinfo(target.dtype).max
    source = photograph.samples[rows, columns][mask]
    restored = from_working(pixels[mask], icc)
    before = from_working(photograph.working[rows, columns][mask], icc)
    moved = source + (restored.astype(np.float64) - before) * top
    target[mask] = np.clip(np.rint(moved), 0, top).astype(target.dtype)


def _colorized(photograph: Photograph, changes: Sequence[Change]) -> Samples:
    grey = photograph.working
    result = np.empty((*grey.shape, 3), grey.dtype)
    result[...] = grey[..., None]
    for change in changes:
        for rows, columns, pixels, mask in _bands(change):
            colors = pixels if pixels.ndim == 3 else pixels[..., None]
            result[rows, columns][mask] = np.broadcast_to(colors, (*mask.shape, 3))[mask]
    return result


def _bands(
    change: Change,
) -> Iterator[tuple[slice, slice, Samples, NDArray[np.bool_]]]:
    height, width = change.mask.shape
    step = max(1, _BAND_PIXELS // max(1, width))
    columns = slice(change.left, change.left + width)
    for start in range(0, height, step):
        mask = change.mask[start : start + step]
        if mask.any():
            rows = slice(change.top + start, change.top + start + len(mask))
            yield rows, columns, cast(Any, change.pixels[start : start + step]), mask


def _check(photograph: Photograph, change: Change) -> None:
    height, width = photograph.samples.shape[:2]
    h, w = change.mask.shape
    if change.top < 0 or change.left < 0 or change.top + h > height or change.left + w > width:
        raise ValueError(
            f"a change of {w} x {h} at ({change.left}, {change.top}) does not lie inside a "
            f"photograph of {width} x {height}"
        )
    if change.pixels.dtype != photograph.samples.dtype or change.pixels.shape[:2] != (h, w):
        raise ValueError(
            f"changed pixels {change.pixels.dtype} {change.pixels.shape} do not fit the mask "
            f"{(h, w)} of a photograph of {photograph.samples.dtype}"
        )
    if photograph.samples.ndim == 3 and change.pixels.ndim == 2:
        raise ValueError("grey changes cannot be laid into a colour photograph")
