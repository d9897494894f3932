"""Read one page of a TIFF: strips or tiles decoded straight into upright samples."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import tifffile
from numpy.typing import NDArray

from tasks import exif as exif_blocks
from tasks.decoded import BLOCK_LIMIT, Decoded
from tasks.errors import CorruptImage, UnsupportedImage
from tasks.jpeg_segments import iptc_of, read_frame
from tasks.orientation import stored_view, upright_shape
from tasks.records import Embedded, Samples
from tasks.threads import workers
from tasks.tiff_layout import COMPRESSIONS, JPEG, MIN_IS_WHITE, PageLayout, pages_of, palette_of
from tasks.tiff_structure import TiffStructure

# What tifffile would log about odd files is found and said here, by name of the scan.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_READ_BUFFER = 16 << 20
_TAGS = {"icc": 34675, "xmp": 700, "iptc": 33723, "photoshop": 34377}

Segment = tuple[Any, tuple[int, int, int, int, int], Any]


def read_tiff(path: Path, page: int, name: str) -> Decoded:
    """Page number `page` (from 0) of the TIFF at `path`, upright, min-is-black.

    Palettes and 1, 2 and 4-bit greys are expanded, with a note. Peak memory is the samples
    plus what is in flight between file and decoder. Raises `CorruptImage` where a strip or
    tile is missing, cut off or undecodable, and `UnsupportedImage`.
    """
    with path.open("rb") as file:
        structure = TiffStructure(file, name)
        layouts = pages_of(structure)
        if page >= len(layouts):
            raise CorruptImage(f"{name}: has {len(layouts)} pages, no page {page + 1}.")
        layout = layouts[page]
        notes: list[str] = []
        embedded = _embedded(structure, layout, notes)
        table = palette_of(structure, layout)
    samples, alpha = _decode(path, layout, table, name)
    if layout.bits < 8 and table is None:
        notes.append(f"{layout.bits}-bit samples expanded to 8")
    if table is not None:
        notes.append("palette expanded")
    return Decoded(
        samples=samples,
        alpha=alpha,
        alpha_kind=layout.extra,
        embedded=embedded,
        format="tiff",
        page_count=len(layouts),
        compression=COMPRESSIONS[layout.compression],
        notes=notes,
    )


def _decode(
    path: Path, layout: PageLayout, table: Samples | None, name: str
) -> tuple[Samples, Samples | None]:
    dtype = np.dtype(np.uint16 if layout.depth == 16 else np.uint8)
    out_dtype, planes = (dtype, layout.planes) if table is None else (table.dtype, 3)
    shape = upright_shape(layout.height, layout.width, layout.orientation)
    samples = np.empty(shape if planes == 1 else (*shape, planes), out_dtype)
    alpha = np.empty(shape, dtype) if layout.extra is not None else None
    place = _placer(
        name,
        layout,
        stored_view(samples if planes > 1 else samples[..., None], layout.orientation),
        None if alpha is None else stored_view(alpha, layout.orientation),
        _expander(layout, table),
    )
    try:
        with tifffile.TiffFile(path) as tif:
            tif.filehandle.seek(layout.directory.offset)
            page = tifffile.TiffPage(tif, index=layout.index)
            _check_segments(page, layout, tif.filehandle.size, name)
            if _is_plain(page):
                for segment in _plain_segments(path, page):
                    place(segment)
                return cast(Samples, samples), cast("Samples | None", alpha)
            if layout.compression == JPEG:
                _check_jpeg_segments(page, name)
            for _ in page.segments(
                func=place,
                maxworkers=workers(),
                buffersize=_READ_BUFFER,
                sort=True,
                _fullsize=False,
            ):
                pass
    except (CorruptImage, UnsupportedImage, MemoryError):
        raise
    except Exception as error:
        # Whatever a codec raises on bytes it cannot decode, the scan is damaged.
        raise CorruptImage(f"{name}: cannot be decoded ({error}). Copy the file again.") from error
    return cast(Samples, samples), cast("Samples | None", alpha)


def _placer(
    name: str,
    layout: PageLayout,
    target: NDArray[Any],
    alpha: NDArray[Any] | None,
    expand: Callable[[NDArray[Any]], NDArray[Any]],
) -> Callable[[Segment], None]:
    def place(segment: Segment) -> None:
        data, (plane, _, top, left, _), shape = segment
        rows = min(shape[1], layout.height - top)
        columns = min(shape[2], layout.width - left)
        if data is None or data.shape[1] < rows or data.shape[2] < columns:
            raise CorruptImage(
                f"{name}: the strip or tile at row {top}, column {left} is cut off. "
                "Copy the file again."
            )
        pixels = data[0, :rows, :columns]
        area = (slice(top, top + rows), slice(left, left + columns))
        if not layout.separate:
            target[area] = expand(pixels[..., : layout.planes])
            if alpha is not None:
                alpha[area] = pixels[..., layout.planes]
        elif plane < layout.planes:
            target[(*area, plane)] = expand(pixels)[..., 0]
        elif alpha is not None:
            alpha[area] = pixels[..., 0]

    return place


def _expander(layout: PageLayout, table: Samples | None) -> Callable[[NDArray[Any]], NDArray[Any]]:
    if table is not None:
        return lambda pixels: table[pixels[..., 0]]
    scale = 255 // (2**layout.bits - 1) if layout.bits < 8 else 1
    top = 2**layout.depth - 1
    if layout.photometric == MIN_IS_WHITE:
        return lambda pixels: top - pixels.astype(np.uint16 if top > 255 else np.uint8) * scale
    if scale > 1:
        return lambda pixels: pixels.astype(np.uint8) * scale
    return lambda pixels: pixels


def _check_segments(page: Any, layout: PageLayout, size: int, name: str) -> None:
    wanted = int(np.prod(page.chunked))
    offsets = np.asarray(page.dataoffsets[:wanted], np.int64)
    counts = np.asarray(page.databytecounts[:wanted], np.int64)
    if (page.imagewidth, page.imagelength) != (layout.width, layout.height):
        raise CorruptImage(f"{name}: its TIFF tags contradict one another. Copy the file again.")
    if len(offsets) < wanted or len(counts) < wanted:
        raise CorruptImage(f"{name}: strips or tiles are missing. Copy the file again.")
    if (offsets <= 0).any() or (counts <= 0).any():
        raise CorruptImage(f"{name}: {int((counts <= 0).sum())} strips or tiles are empty.")
    if (offsets + counts > size).any():
        raise CorruptImage(
            f"{name}: is cut off: {int((offsets + counts > size).sum())} of {wanted} strips or "
            "tiles lie beyond its end. Copy the file again."
        )
    if counts.sum() > 4 * size:
        raise CorruptImage(f"{name}: its strips or tiles overlap. Copy the file again.")


def _check_jpeg_segments(page: Any, name: str) -> None:
    # The decoder fills what is missing with grey and trusts any size: look before it does.
    handle = page.parent.filehandle
    rows = page.tilelength if page.is_tiled else page.rowsperstrip
    columns = page.tilewidth if page.is_tiled else page.imagewidth
    for data, _ in handle.read_segments(
        page.dataoffsets, page.databytecounts, length=int(np.prod(page.chunked)), flat=True
    ):
        frame = read_frame(data)
        if not data.rstrip(b"\0").endswith(b"\xff\xd9"):
            raise CorruptImage(f"{name}: a JPEG strip or tile is cut off. Copy the file again.")
        if frame is None or frame.height > rows or frame.width > columns:
            raise CorruptImage(f"{name}: a JPEG strip or tile has an impossible size.")


def _is_plain(page: Any) -> bool:
    return bool(
        page.compression == 1
        and page.predictor == 1
        and page.fillorder == 1
        and not page.is_tiled
        and page.bitspersample in (8, 16)
    )


def _plain_segments(path: Path, page: Any) -> Iterator[Segment]:
    """Uncompressed strips in blocks of a few rows, so that a one-strip file is never held twice."""
    order = page.parent.byteorder
    dtype = np.dtype(f"{order}u{page.bitspersample // 8}")
    contig = page.samplesperpixel if page.planarconfig == 1 else 1
    row_bytes = page.imagewidth * contig * dtype.itemsize
    strip_rows = min(page.rowsperstrip, page.imagelength)
    strips = -(-page.imagelength // strip_rows)
    block_rows = max(1, _READ_BUFFER // max(1, row_bytes))
    with path.open("rb") as file:
        for index, (offset, count) in enumerate(
            zip(page.dataoffsets, page.databytecounts, strict=False)
        ):
            plane, strip = divmod(index, strips)
            if plane * contig >= page.samplesperpixel:
                return
            first = strip * strip_rows
            rows = min(strip_rows, page.imagelength - first)
            if count < rows * row_bytes:
                raise CorruptImage(f"{path.name}: the strip at row {first} is cut off.")
            file.seek(offset)
            for top in range(first, first + rows, block_rows):
                take = min(block_rows, first + rows - top)
                data = np.fromfile(file, dtype, take * page.imagewidth * contig)
                shape = (1, take, page.imagewidth, contig)
                yield data.reshape(shape), (plane, 0, top, 0, 0), shape


def _embedded(structure: TiffStructure, layout: PageLayout, notes: list[str]) -> Embedded:
    directory = layout.directory
    blocks: dict[str, bytes | None] = {}
    for kind, code in _TAGS.items():
        blocks[kind] = structure.raw(directory, code, BLOCK_LIMIT)
        entry = directory.entries.get(code)
        if entry is not None and entry.count > 0 and blocks[kind] is None:
            notes.append(f"{kind} left out: too large or outside the file")
    exif = exif_blocks.Exif(structure.order)
    try:
        exif = exif_blocks.from_structure(structure, directory, BLOCK_LIMIT)
    except CorruptImage:
        notes.append("exif left out: its directory is damaged")
    iptc = blocks["iptc"]
    if iptc is None and blocks["photoshop"] is not None:
        iptc = iptc_of(blocks["photoshop"])
    return Embedded(
        icc=blocks["icc"],
        exif=exif_blocks.build(exif) if exif.main or exif.photo or exif.gps else None,
        xmp=blocks["xmp"],
        iptc=iptc,
        resolution=_resolution(structure, layout),
        tags=exif_blocks.texts(exif),
    )


def _resolution(structure: TiffStructure, layout: PageLayout) -> tuple[float, float] | None:
    pair = exif_blocks.resolution_of(structure, layout.directory)
    # A quarter turn exchanges the axes.
    return pair[::-1] if pair and 5 <= layout.orientation <= 8 else pair
