"""Image files: what they are, their pages as photographs, and derivatives written from them.

The facade of the modules that know one format each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks import jp2, jpeg, rasters
from tasks.compose import Change, compose
from tasks.decoded import BLOCK_LIMIT, PIXEL_LIMIT, Decoded
from tasks.errors import DerivativeUnwritable, TooLarge, UnsupportedImage
from tasks.metadata import History, for_derivative, review_notes
from tasks.probe import probe
from tasks.profiles import cmyk_to_srgb, space_of, to_working
from tasks.records import Embedded, Photograph, Samples
from tasks.threads import set_threads
from tasks.tiff_read import read_tiff
from tasks.tiff_write import write_tiff

__all__ = [
    "BLOCK_LIMIT",
    "PIXEL_LIMIT",
    "Change",
    "compose",
    "decode_page",
    "format_of",
    "output_extension",
    "preview",
    "probe",
    "read_page",
    "set_threads",
    "to_eight_bits",
    "write_derivative",
    "write_mask",
]

_EXTENSIONS = {
    "tiff": (".tif", ".tiff"),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "jp2": (".jp2", ".jpf", ".jpx"),
    "avif": (".avif",),
}
_PREVIEW_QUALITY = 85


def decode_page(path: Path, page: int, name: str) -> Decoded:
    """One page as its file stores it, upright, its colour untouched: see `read_page`."""
    with path.open("rb") as file:
        header = probe(file, name)
    if page >= header.page_count:
        raise ValueError(f"{name} has {header.page_count} pages, no page {page + 1}")
    try:
        if header.format == "tiff":
            return read_tiff(path, page, name)
        if header.format == "jpeg":
            return jpeg.read_jpeg(path, name)
        if header.format == "jp2":
            return jp2.read_jp2(path, name)
        return rasters.read_raster(path, header.format, name)
    except MemoryError as error:
        raise TooLarge(f"{name}: there is not enough memory to decode it.") from error


def read_page(path: Path, page: int, source_sha256: str) -> Photograph:
    """Page `page` (from 0) of the image file at `path`.

    Samples are turned upright; CMYK becomes sRGB, palettes RGB, and fewer than 8 bits become
    8, each with a note. An ICC profile that cannot be used leaves the samples taken as sRGB,
    with the note `icc profile ignored: <why>`, and is carried over all the same. Raises
    `NotAnImage`, `CorruptImage`, `UnsupportedImage`, `TooLarge`.
    """
    decoded = decode_page(path, page, path.name)
    samples, notes = decoded.samples, list(decoded.notes)
    icc = decoded.embedded.icc
    if samples.ndim == 3 and samples.shape[2] == 4:
        samples, raised = cmyk_to_srgb(samples, icc)
        decoded.samples = samples
        notes += raised
        working = samples
    else:
        problem = space_of(icc, 1 if samples.ndim == 2 else 3).problem
        if problem:
            notes.append(f"icc profile ignored: {problem}")
        working = to_working(samples, icc)
    notes += review_notes(decoded.embedded)
    return Photograph(
        samples=samples,
        working=working,
        alpha=decoded.alpha,
        alpha_kind=decoded.alpha_kind,
        embedded=decoded.embedded,
        page=page,
        page_count=decoded.page_count,
        format=decoded.format,
        source_sha256=source_sha256,
        jpeg_tables=decoded.jpeg_tables,
        jpeg_subsampling=decoded.jpeg_subsampling,
        compression=decoded.compression,
        notes=tuple(notes),
    )


def format_of(source_format: str, wanted: str) -> str:
    """The format to write: `wanted`, or the source's own for `source` (HEIF becomes AVIF)."""
    written = source_format if wanted == "source" else wanted
    return "avif" if written == "heif" else written


def output_extension(header_format: str, format: str, relative_path: str) -> str:  # noqa: A002
    """The extension of a derivative, with its dot: the source's own where it fits the format."""
    written = _EXTENSIONS[format_of(header_format, format)]
    own = PurePosixPath(relative_path).suffix
    return own if own.lower() in written else written[0]


def write_derivative(
    target: Path,
    pages: Iterable[tuple[Photograph, Samples]],
    format: str,  # noqa: A002
    history: History,
    expected_bytes: int | None = None,
) -> None:
    """Write `pages` (photograph, samples to show: HxW or HxWx3) to the local file `target`.

    `format` is `source`, tiff, jpeg, png, webp, jp2 or avif. A TIFF takes all pages, streamed
    one by one (`expected_bytes` of samples decides whether it becomes a BigTIFF); the others
    hold one page of at most 8 bits, but for png and jp2. Alpha is written back untouched,
    except into JPEG, which has none. Raises `DerivativeUnwritable` where the disk refuses, and
    `UnsupportedImage` where the format cannot hold the picture.
    """
    iterator = iter(pages)
    first = next(iterator)
    written = format_of(first[0].format, format)
    try:
        if written == "tiff":
            blocks = _with_blocks(first, iterator, history)
            del first  # the first page of many must not stay
            write_tiff(target, blocks, expected_bytes)
            return
        photograph, samples = first
        if photograph.page_count > 1:
            raise UnsupportedImage(
                f"a {written.upper()} holds one page, the scan has {photograph.page_count}. "
                "Choose --format source or tiff."
            )
        _write_single(target, photograph, samples, written, history)
    except (OSError, struct.error) as error:
        # struct.error: a classic TIFF that grew beyond what its offsets can hold.
        reason = getattr(error, "strerror", None) or str(error)
        raise DerivativeUnwritable(f"{target}: cannot be written: {reason}.") from error


def _with_blocks(
    first: tuple[Photograph, Samples],
    rest: Iterator[tuple[Photograph, Samples]],
    history: History,
) -> Iterator[tuple[Photograph, Samples, Embedded]]:
    page: tuple[Photograph, Samples] | None = first
    del first
    while page is not None:
        yield (*page, for_derivative(*page, history))
        page = None  # let it go before the next one is made
        page = next(rest, None)


def _write_single(
    target: Path, photograph: Photograph, samples: Samples, written: str, history: History
) -> None:
    embedded = for_derivative(photograph, samples, history)
    alpha = photograph.alpha
    if written in ("jpeg", "webp", "avif"):
        samples = to_eight_bits(samples)
        alpha = None if alpha is None else to_eight_bits(alpha)
    if written == "jpeg":
        jpeg.write_jpeg(target, cast("NDArray[np.uint8]", samples), photograph, embedded)
    elif written == "jp2":
        jp2.write_jp2(target, samples, alpha, embedded)
    else:
        rasters.write_raster(target, samples, alpha, written, embedded)


def to_eight_bits(samples: Samples) -> NDArray[np.uint8]:
    """`samples` at 8 bits, rounded; the same array where they already are."""
    if samples.dtype == np.uint8:
        return cast("NDArray[np.uint8]", samples)
    result = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), 256):
        band = samples[top : top + 256].astype(np.uint32)
        result[top : top + 256] = (band * 255 + 32_767) // 65_535
    return result


def preview(samples: Samples, photograph: Photograph, long_edge: int = 1024) -> bytes:
    """A JPEG in sRGB of `samples`, at most `long_edge` pixels long; grey stays grey.

    `samples` are in the photograph's own space, as `compose` gives them.
    """
    height, width = samples.shape[:2]
    scale = min(1.0, long_edge / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = samples if scale == 1.0 else cv2.resize(samples, size, interpolation=cv2.INTER_AREA)
    shown = replace(photograph.embedded, icc=None)
    if samples.ndim == photograph.samples.ndim and photograph.working is not photograph.samples:
        shown = photograph.embedded
    eight = to_eight_bits(to_working(cast(Samples, small), shown.icc))
    ordered = eight if eight.ndim == 2 else cv2.cvtColor(eight, cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, _PREVIEW_QUALITY])
    if not encoded:
        raise DerivativeUnwritable("the preview could not be encoded.")
    return bytes(data.tobytes())


def write_mask(mask: NDArray[np.uint8]) -> bytes:
    """A lossless PNG of a damage mask (HxW, 0 or 255), one byte a pixel."""
    encoded, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not encoded:
        raise DerivativeUnwritable("the mask could not be encoded.")
    return bytes(data.tobytes())
