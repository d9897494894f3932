"""JPEG 2000 by OpenJPEG (imagecodecs), 16 bits exact and lossless; its boxes by ISO 15444-1."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import imagecodecs
import numpy as np

from tasks import exif as exif_blocks
from tasks.decoded import BLOCK_LIMIT, Decoded
from tasks.errors import CorruptImage, UnsupportedImage
from tasks.orientation import turned
from tasks.records import Embedded, Samples

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"
_XMP = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_IPTC = bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38")
_EXIF = b"JpgTiffExif->JP2"
_COLOR_SPACES = {12: "CMYK", 14: "CIE L*a*b*", 18: "sYCC"}


@dataclass(frozen=True, slots=True)
class Box:
    """A box of a JP2 file: its type and where its contents start and end."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Jp2Layout:
    """What the boxes and the SIZ marker say, and where the codestream lies in the file."""

    width: int
    height: int
    components: int
    bits: int
    embedded: Embedded
    start: int
    end: int


def inspect(file: BinaryIO, name: str) -> Jp2Layout:
    """Header of a JP2 file or bare codestream; raises `CorruptImage` or `UnsupportedImage`."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(4) == CODESTREAM:
        return _layout(file, name, 0, size, Embedded())
    blocks: dict[str, bytes] = {}
    resolution = None
    stream: Box | None = None
    for box in _boxes(file, name, 0, size):
        if box.kind == b"jp2h":
            for inner in _boxes(file, name, box.start, box.end):
                if inner.kind == b"colr":
                    _color(_contents(file, inner), name, blocks)
                elif inner.kind == b"pclr":
                    raise UnsupportedImage(f"{name}: JPEG 2000 with a palette. Convert to RGB.")
                elif inner.kind == b"res ":
                    resolution = _resolution(file, name, inner)
        elif box.kind == b"uuid":
            contents = _contents(file, box)
            blocks.setdefault(contents[:16].hex(), contents[16:])
        elif box.kind == b"jp2c" and stream is None:
            stream = box
    if stream is None:
        raise CorruptImage(f"{name}: a JPEG 2000 file without a picture. Copy the file again.")
    exif = blocks.get(_EXIF.hex())
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    embedded = Embedded(
        icc=blocks.get("icc"),
        exif=exif,
        xmp=blocks.get(_XMP.hex()),
        iptc=blocks.get(_IPTC.hex()),
        resolution=resolution,
        tags=exif_blocks.texts_of(exif),
    )
    return _layout(file, name, stream.start, stream.end, embedded)


def read_jp2(path: Path, name: str) -> Decoded:
    """The JPEG 2000 file at `path`, upright: grey or RGB, with its alpha plane."""
    with path.open("rb") as file:
        layout = inspect(file, name)
        file.seek(layout.start)
        stream = file.read(layout.end - layout.start)
    try:
        # Only the codestream: given the boxes, OpenJPEG applies the ICC profile itself.
        pixels = imagecodecs.jpeg2k_decode(stream)
    except Exception as error:
        raise CorruptImage(f"{name}: cannot be decoded ({error}). Copy the file again.") from error
    planes = 1 if pixels.ndim == 2 else pixels.shape[2]
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[:2] != (
        layout.height,
        layout.width,
    ):
        raise CorruptImage(f"{name}: its picture is not what its header says. Copy it again.")
    orientation = 1
    if layout.embedded.exif:
        try:
            orientation = exif_blocks.orientation(layout.embedded.exif)
        except ValueError:
            orientation = 1
    alpha = pixels[..., -1] if planes in (2, 4) else None
    colors = pixels
    if planes > 1:
        colors = pixels[..., :3] if planes >= 3 else pixels[..., 0]
    return Decoded(
        samples=cast(Samples, np.ascontiguousarray(turned(colors, orientation))),
        alpha=None
        if alpha is None
        else cast(Samples, np.ascontiguousarray(turned(alpha, orientation))),
        alpha_kind=None if alpha is None else 2,
        embedded=layout.embedded,
        format="jp2",
    )


def write_jp2(target: Path, samples: Samples, alpha: Samples | None, embedded: Embedded) -> None:
    """Encode losslessly, 8 or 16 bit, with ICC, resolution, XMP, EXIF and IPTC boxes."""
    pixels = samples if alpha is None else np.dstack([samples, alpha])
    encoded = imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(pixels), level=0, reversible=True, codecformat="jp2"
    )
    raw = target.with_name(target.name + ".raw")
    try:
        raw.write_bytes(encoded)
        del encoded
        with raw.open("rb") as source, target.open("wb") as sink:
            for box in _boxes(source, target.name, 0, source.seek(0, 2)):
                if box.kind == b"jp2c":
                    _write_uuids(sink, embedded)
                    sink.write(struct.pack(">I4s", 0, b"jp2c"))  # 0: up to the end of the file
                    source.seek(box.start)
                    shutil.copyfileobj(source, sink, 1 << 20)
                elif box.kind == b"jp2h":
                    sink.write(_header(source, box, embedded))
                else:
                    sink.write(_box(box.kind, _contents(source, box)))
    finally:
        raw.unlink(missing_ok=True)


def _layout(file: BinaryIO, name: str, start: int, end: int, embedded: Embedded) -> Jp2Layout:
    file.seek(start)
    head = file.read(42)
    if head[:4] != CODESTREAM or len(head) < 42:
        raise CorruptImage(f"{name}: a JPEG 2000 picture without a header. Copy the file again.")
    file.seek(end - 2)
    if file.read(2) != b"\xff\xd9":
        raise CorruptImage(f"{name}: cut off before its end. Copy the file again.")
    right, bottom, left, top = struct.unpack(">4I", head[8:24])
    components = struct.unpack(">H", head[40:42])[0]
    if not 1 <= components <= 4:
        raise UnsupportedImage(f"{name}: it has {components} channels. Convert it to grey or RGB.")
    file.seek(start + 42)
    details = file.read(3 * components)
    if len(details) < 3 * components:
        raise CorruptImage(f"{name}: a JPEG 2000 header cut off. Copy the file again.")
    depths = set(details[::3])
    if depths not in ({7}, {15}) or any(step != 1 for step in details[1::3] + details[2::3]):
        raise UnsupportedImage(
            f"{name}: its samples are not all 8 or 16 bits at full resolution. Convert it."
        )
    if right <= left or bottom <= top:
        raise CorruptImage(f"{name}: a JPEG 2000 picture without a size. Copy the file again.")
    return Jp2Layout(right - left, bottom - top, components, depths.pop() + 1, embedded, start, end)


def _boxes(file: BinaryIO, name: str, start: int, end: int) -> Iterator[Box]:
    at = start
    for _ in range(4096):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))[0], 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            raise CorruptImage(f"{name}: a JPEG 2000 box runs past the end. Copy the file again.")
        yield Box(kind, at + head, at + size)
        at += size


def _contents(file: BinaryIO, box: Box) -> bytes:
    if box.end - box.start > BLOCK_LIMIT:
        return b""
    file.seek(box.start)
    return file.read(box.end - box.start)


def _color(contents: bytes, name: str, blocks: dict[str, bytes]) -> None:
    if contents[:1] == b"\x02":
        blocks.setdefault("icc", contents[3:])
    elif contents[:1] == b"\x01" and len(contents) >= 7:
        space = struct.unpack(">I", contents[3:7])[0]
        if space in _COLOR_SPACES:
            raise UnsupportedImage(f"{name}: JPEG 2000 in {_COLOR_SPACES[space]}. Convert to RGB.")


def _resolution(file: BinaryIO, name: str, box: Box) -> tuple[float, float] | None:
    for inner in _boxes(file, name, box.start, box.end):
        contents = _contents(file, inner)
        if inner.kind in (b"resc", b"resd") and len(contents) >= 10:
            yn, yd, xn, xd, ye, xe = struct.unpack(">4H2b", contents[:10])
            if yd and xd and yn and xn:
                return (xn / xd * 10.0**xe * 0.0254, yn / yd * 10.0**ye * 0.0254)
    return None


def _box(kind: bytes, contents: bytes) -> bytes:
    return struct.pack(">I4s", len(contents) + 8, kind) + contents


def _header(source: BinaryIO, box: Box, embedded: Embedded) -> bytes:
    inner = b""
    for child in _boxes(source, "jp2", box.start, box.end):
        contents = _contents(source, child)
        if child.kind == b"colr" and embedded.icc:
            contents = b"\x02\0\0" + embedded.icc
        inner += _box(child.kind, contents)
    if embedded.resolution:
        x, y = (min(65_535, round(value / 0.0254 / 10)) for value in embedded.resolution)
        captured = struct.pack(">4H2b", y, 1, x, 1, 1, 1)
        inner += _box(b"res ", _box(b"resc", captured))
    return _box(b"jp2h", inner)


def _write_uuids(sink: BinaryIO, embedded: Embedded) -> None:
    for kind, contents in (
        (_XMP, embedded.xmp),
        (_EXIF, embedded.exif),
        (_IPTC, embedded.iptc),
    ):
        if contents:
            sink.write(_box(b"uuid", kind + contents))
