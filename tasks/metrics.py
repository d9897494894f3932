"""How faithful a derivative is where nothing was meant to change, measured on the file itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.compose import Change, union_mask
from tasks.errors import DerivativeUnwritable, ScanError
from tasks.images import decode_page, to_eight_bits
from tasks.records import Photograph, Samples

_BAND_ROWS = 256
_TILE = 256
_MAX_TILES = 48
_SIGMA, _WINDOW = 1.5, 11


class Fidelity(TypedDict):
    """Manifest columns: see `tasks.manifest`; None where the mask leaves nothing to compare."""

    changed_fraction: float
    psnr_outside_mask: float | None
    ssim_outside_mask: float | None


def compare_outside(
    written: Path, page: int, photograph: Photograph, changes: Sequence[Change]
) -> Fidelity:
    """Read page `page` of the derivative back and compare it with its source outside `changes`.

    PSNR is over every sample outside the union of the masks (inf where all are equal, which is
    what lossless formats give); SSIM (Wang et al. 2004: 11x11 Gaussian, sigma 1.5, of the mean
    over channels) is over at most 48 tiles of 256 pixels spread evenly, so that its cost does
    not grow with the scan. A derivative of 8 bits is compared with the source at 8 bits.

    Raises `DerivativeUnwritable` where the file does not read back with the size, channels and
    depth it was written with.
    """
    try:
        decoded = decode_page(written, page, written.name)
    except ScanError as error:
        raise DerivativeUnwritable(f"{written}: does not read back: {error}") from error
    source, result = photograph.samples, decoded.samples
    if result.dtype == np.uint8 and decoded.format in ("jpeg", "webp", "avif"):
        source = to_eight_bits(source)
    if source.ndim == 2 and result.ndim == 3 and decoded.format in ("webp", "avif"):
        result = result[..., 0]  # these know no grey: three equal channels
    if source.shape != result.shape or source.dtype != result.dtype:
        raise DerivativeUnwritable(
            f"{written}: reads back as {result.dtype} {result.shape}, written as {source.dtype} "
            f"{source.shape}."
        )
    height, width = source.shape[:2]
    mask = union_mask(changes, height, width)
    total, squares = _squared_error(source, result, mask)
    changed = float(np.count_nonzero(mask)) / mask.size
    if total == 0:
        return Fidelity(changed_fraction=changed, psnr_outside_mask=None, ssim_outside_mask=None)
    if squares == 0:
        return Fidelity(changed_fraction=changed, psnr_outside_mask=math.inf, ssim_outside_mask=1.0)
    peak = float(np.iinfo(source.dtype).max)
    return Fidelity(
        changed_fraction=changed,
        psnr_outside_mask=10 * math.log10(peak * peak * total / squares),
        ssim_outside_mask=_ssim(source, result, mask),
    )


def check_reads_back(written: Path, page: int, samples: tuple[int, ...], dtype: np.dtype) -> None:
    """Read page `page` of a derivative back and hold it to the shape and depth it was written
    with: `samples` HxW or HxWx3 of `dtype`, 8 bits where the format has no more.

    Raises `DerivativeUnwritable`.
    """
    try:
        decoded = decode_page(written, page, written.name)
    except ScanError as error:
        raise DerivativeUnwritable(f"{written}: does not read back: {error}") from error
    few = decoded.format in ("jpeg", "webp", "avif")
    shape, found = decoded.samples.shape, decoded.samples.dtype
    if few and len(samples) == 2:  # two of these know no grey: three equal channels
        shape = shape[:2]
    if shape != samples or found != (np.uint8 if few else dtype):
        raise DerivativeUnwritable(
            f"{written}: reads back as {found} {shape}, written as {dtype} {samples}."
        )


def _squared_error(source: Samples, result: Samples, mask: NDArray[np.bool_]) -> tuple[int, float]:
    """Number of samples outside the mask, and the sum of their squared differences."""
    total, squares = 0, 0.0
    for top in range(0, len(source), _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        first, second, inside = source[rows], result[rows], mask[rows]
        channels = 1 if first.ndim == 2 else first.shape[2]
        total += channels * (inside.size - int(np.count_nonzero(inside)))
        unequal = first != second
        if unequal.ndim == 3:
            unequal = unequal[..., 0] | unequal[..., 1] | unequal[..., 2]
        unequal &= ~inside
        if unequal.any():
            difference = first[unequal].astype(np.float64) - second[unequal]
            squares += float((difference * difference).sum())
    return total, squares


def _ssim(source: Samples, result: Samples, mask: NDArray[np.bool_]) -> float | None:
    values, weights = [], []
    peak = float(np.iinfo(source.dtype).max)
    for rows, columns in _tiles(*source.shape[:2]):
        outside = ~mask[rows, columns]
        if outside.any():
            quality = _ssim_map(_grey(source[rows, columns]), _grey(result[rows, columns]), peak)
            values.append(float(quality[outside].sum()))
            weights.append(int(outside.sum()))
    return sum(values) / sum(weights) if weights else None


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    down, across = math.ceil(height / _TILE), math.ceil(width / _TILE)
    count = down * across
    step = max(1.0, count / _MAX_TILES)
    for number in range(min(count, _MAX_TILES)):
        row, column = divmod(int(number * step), across)
        yield (
            slice(row * _TILE, min(height, (row + 1) * _TILE)),
            slice(column * _TILE, min(width, (column + 1) * _TILE)),
        )


def _grey(samples: Samples) -> NDArray[np.float64]:
    if samples.ndim == 2:
        return samples.astype(np.float64)
    # Plane by plane: a mean along three neighbours takes several times as long, for the same.
    total = samples[..., 0].astype(np.float64)
    total += samples[..., 1]
    total += samples[..., 2]
    total /= 3
    return total


def _ssim_map(
    first: NDArray[np.float64], second: NDArray[np.float64], peak: float
) -> NDArray[np.float64]:
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2

    def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return cast(
            "NDArray[np.float64]",
            cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT_101),
        )

    mean_1, mean_2 = blurred(first), blurred(second)
    var_1 = blurred(first * first) - mean_1 * mean_1
    var_2 = blurred(second * second) - mean_2 * mean_2
    covariance = blurred(first * second) - mean_1 * mean_2
    return ((2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)) / (
        (mean_1 * mean_1 + mean_2 * mean_2 + c1) * (var_1 + var_2 + c2)
    )
