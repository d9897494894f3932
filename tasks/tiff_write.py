"""Write TIFFs page by page: strips encoded as they go, EXIF directories put in afterwards."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import tifffile

from tasks import exif as exif_blocks
from tasks.records import Embedded, Photograph, Samples
from tasks.threads import workers
from tasks.tiff_structure import TiffStructure

_STRIP_BYTES = 1 << 20
_BIG = 3_900_000_000
_COMPRESSIONS = {"none": None, "lzw": "lzw", "packbits": "packbits", "zstd": "zstd"}
# tifffile writes no EXIF directories: an unused tag just before keeps the place in the order.
_PLACEHOLDERS = {
    exif_blocks.EXIF_POINTER: exif_blocks.EXIF_POINTER - 1,
    exif_blocks.GPS_POINTER: exif_blocks.GPS_POINTER + 1,
}

Page = tuple[Photograph, Samples, Embedded]


def write_tiff(target: Path, pages: Iterable[Page], expected_bytes: int | None = None) -> None:
    """Write one TIFF of `pages` (photograph, samples, blocks to embed), one page at a time.

    LZW, ZIP (deflate), PackBits, Zstandard and no compression stay what they were; everything
    else becomes deflate. BigTIFF is chosen where `expected_bytes` of samples, or as many pages
    as the first promises, might exceed 4 GB. Raises `OSError`, and `ValueError` where a classic
    TIFF overflows after all.
    """
    iterator = iter(pages)
    first = next(iterator)
    promised = max(expected_bytes or first[1].nbytes * first[0].page_count, first[1].nbytes)
    page: Page | None = first
    del first
    big = promised > _BIG
    blocks: list[bytes | None] = []
    with tifffile.TiffWriter(target, bigtiff=big) as writer:
        while page is not None:
            _write_page(writer, page, big)
            blocks.append(page[2].exif)
            page = None  # let it go before the next one is made
            page = next(iterator, None)
    _attach_exif(target, blocks)


def _write_page(writer: Any, page: Page, big: bool) -> None:
    photograph, samples, embedded = page
    height, width = samples.shape[:2]
    alpha = photograph.alpha
    pixels = samples if alpha is None else np.dstack([samples, alpha])
    contig = 1 if pixels.ndim == 2 else pixels.shape[2]
    compression = _COMPRESSIONS.get(photograph.compression or "deflate", "zlib")
    if photograph.format != "tiff":
        compression = "zlib"
    row_bytes = width * contig * pixels.itemsize
    writer.write(
        np.ascontiguousarray(pixels),
        photometric="rgb" if samples.ndim == 3 else "minisblack",
        planarconfig="contig" if contig > 1 else None,
        extrasamples=None if alpha is None else [photograph.alpha_kind or 0],
        compression=compression,
        predictor=compression in ("lzw", "zlib", "zstd"),
        rowsperstrip=max(1, min(height, _STRIP_BYTES // max(1, row_bytes))),
        resolution=embedded.resolution or (1, 1),
        resolutionunit="inch" if embedded.resolution else "none",
        metadata=None,
        software=False,
        contiguous=False,
        maxworkers=workers(),
        extratags=_extra_tags(embedded, big),
    )


def _extra_tags(embedded: Embedded, big: bool) -> list[tuple[int, int, int, bytes | int, bool]]:
    tags: list[tuple[int, int, int, bytes | int, bool]] = [(274, 3, 1, 1, True)]
    for code, text in sorted(embedded.tags.items()):
        raw = exif_blocks.encode_text(text)
        tags.append((code, 2, len(raw), raw, True))
    for code, kind, block in (
        (700, 1, embedded.xmp),
        (33723, 7, embedded.iptc),
        (34675, 7, embedded.icc),
    ):
        if block:
            tags.append((code, kind, len(block), block, True))
    if embedded.exif:
        exif = exif_blocks.parse(embedded.exif)
        for pointer, values in _pointed(exif):
            if values:
                tags.append((_PLACEHOLDERS[pointer], 16 if big else 4, 1, 0, True))
    return tags


def _pointed(exif: exif_blocks.Exif) -> tuple[tuple[int, exif_blocks.Values], ...]:
    return ((exif_blocks.EXIF_POINTER, exif.photo), (exif_blocks.GPS_POINTER, exif.gps))


def _attach_exif(target: Path, blocks: list[bytes | None]) -> None:
    if not any(blocks):
        return
    with target.open("r+b") as opened:
        file = cast(BinaryIO, opened)
        structure = TiffStructure(file, target.name)
        directories = list(structure.directories())
        for directory, block in zip(directories, blocks, strict=True):
            if not block:
                continue
            exif = exif_blocks.parse(block)
            for pointer, values in _pointed(exif):
                entry = directory.entries.get(_PLACEHOLDERS[pointer])
                if entry is None:
                    continue
                end = file.seek(0, 2)
                offset = end + end % 2
                file.write(bytes(end % 2))
                file.write(
                    exif_blocks.directory_bytes(
                        values, offset, exif.order, structure.order, structure.big
                    )
                )
                # `where` is the inline value: code, type and count stand right before it.
                file.seek(entry.where - (12 if structure.big else 8))
                file.write(struct.pack(structure.order + "H", pointer))
                file.seek(entry.where)
                file.write(struct.pack(structure.order + ("Q" if structure.big else "I"), offset))
