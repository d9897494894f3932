"""What a file is, by its content: sizes and kind from the header, in bounded reads."""

from __future__ import annotations

import struct
from typing import BinaryIO

from tasks import jp2
from tasks.decoded import PIXEL_LIMIT, check_size
from tasks.errors import CorruptImage, NotAnImage, UnsupportedImage
from tasks.jpeg_segments import Frame, read_segments
from tasks.rasters import heif_header
from tasks.records import Header
from tasks.tiff_layout import pages_of, palette_of
from tasks.tiff_structure import TiffStructure

_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"SIMPLE", "a FITS image"),
)
_AVIF = (b"avif", b"avis")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_LIMIT = 4096


def sniff(head: bytes, name: str) -> str:
    """The format that the first 64 bytes of a file announce; raises `NotAnImage`."""
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:8] == _PNG_SIGNATURE:
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:12] == jp2.SIGNATURE or head[:4] == jp2.CODESTREAM:
        return "jp2"
    if head[4:8] == b"ftyp":
        brands = [head[at : at + 4] for at in range(8, len(head) - 3, 4)]
        if any(brand in _AVIF for brand in brands):
            return "avif"
        if any(brand in _HEIF for brand in brands):
            return "heif"
    if not head:
        raise NotAnImage(f"{name}: is empty (0 bytes). Copy the file again.")
    for magic, kind in _OTHERS:
        if head.startswith(magic):
            raise NotAnImage(f"{name}: is {kind}, which Albumen does not read. Convert it to TIFF.")
    raise NotAnImage(
        f"{name}: its content is no image of a format Albumen reads (TIFF, JPEG, PNG, WebP, "
        "JPEG 2000, AVIF, HEIF), whatever its name says."
    )


def probe(file: BinaryIO, name: str, pixel_limit: int = PIXEL_LIMIT) -> Header:
    """What the file's header says, by content and not by name; nothing is decoded.

    Raises `NotAnImage`, `CorruptImage`, `UnsupportedImage`, or `TooLarge` for a page of more
    than `pixel_limit` pixels.
    """
    file.seek(0)
    image_format = sniff(file.read(64), name)
    try:
        header = _READERS[image_format](file, name)
    except (struct.error, EOFError) as error:
        raise CorruptImage(f"{name}: its header is cut off. Copy the file again.") from error
    check_size(name, header.width, header.height, pixel_limit)
    return header


def _header(
    image_format: str, width: int, height: int, channels: int, bits: int, name: str
) -> Header:
    if width <= 0 or height <= 0:
        raise CorruptImage(f"{name}: its header gives no size. Copy the file again.")
    return Header(
        width=width,
        height=height,
        channels=channels,
        bit_depth=bits,
        page_count=1,
        format=image_format,
        decoded_bytes=width * height * channels * bits // 8,
    )


def _tiff(file: BinaryIO, name: str) -> Header:
    structure = TiffStructure(file, name)
    pages = pages_of(structure)
    first = pages[0]
    palette = palette_of(structure, first)
    return Header(
        width=first.width,
        height=first.height,
        channels=1 if first.planes == 1 and palette is None else 3,
        bit_depth=first.depth if palette is None else 8 * palette.itemsize,
        page_count=len(pages),
        format="tiff",
        decoded_bytes=max(page.decoded_bytes for page in pages),
    )


def _jpeg(file: BinaryIO, name: str) -> Header:
    frame = read_segments(file).frame
    if frame is None:
        raise CorruptImage(f"{name}: a JPEG without a frame header. Copy the file again.")
    check_jpeg_frame(frame, name)
    channels = 1 if frame.components == 1 else 3
    return _header("jpeg", frame.width, frame.height, channels, 8, name)


def check_jpeg_frame(frame: Frame, name: str) -> None:
    """Raise `UnsupportedImage` for a JPEG that is not 8-bit, baseline or progressive."""
    if frame.precision != 8 or frame.kind not in (0, 1, 2, 9, 10):
        raise UnsupportedImage(
            f"{name}: a {frame.precision}-bit or lossless JPEG (SOF{frame.kind}). "
            "Convert it to an 8-bit JPEG or a 16-bit TIFF."
        )
    if frame.components not in (1, 3, 4):
        raise UnsupportedImage(f"{name}: a JPEG with {frame.components} channels. Convert to RGB.")


def _png(file: BinaryIO, name: str) -> Header:
    file.seek(8)
    for number in range(_CHUNK_LIMIT):
        size, kind = struct.unpack(">I4s", file.read(8))
        if number == 0:
            if kind != b"IHDR" or size != 13:
                raise CorruptImage(f"{name}: a PNG without its header. Copy the file again.")
            width, height, bits, color = struct.unpack(">IIBB", file.read(10))
            file.seek(3 + 4, 1)
            continue
        if kind == b"acTL":
            raise UnsupportedImage(f"{name}: an animated PNG. Export single pictures.")
        if kind in (b"IDAT", b"IEND"):
            break
        file.seek(size + 4, 1)
    channels = 1 if color in (0, 4) else 3
    return _header("png", width, height, channels, 16 if bits == 16 else 8, name)


def _webp(file: BinaryIO, name: str) -> Header:
    end = file.seek(0, 2)
    file.seek(4)
    size = struct.unpack("<I", file.read(4))[0]
    if size + 8 > end:
        raise CorruptImage(f"{name}: is cut off: {end} of {size + 8} bytes. Copy the file again.")
    file.seek(12)
    head = file.read(18)
    kind, data = head[:4], head[8:]
    if kind == b"VP8X":
        if data[0] & 0b10:
            raise UnsupportedImage(f"{name}: an animated WebP. Export single pictures.")
        width = 1 + int.from_bytes(data[4:7], "little")
        height = 1 + int.from_bytes(data[7:10], "little")
    elif kind == b"VP8L":
        packed = int.from_bytes(data[1:5], "little")
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (value & 0x3FFF for value in struct.unpack("<HH", data[6:10]))
    else:
        raise CorruptImage(f"{name}: a WebP without a picture. Copy the file again.")
    return _header("webp", width, height, 3, 8, name)


def _jp2(file: BinaryIO, name: str) -> Header:
    layout = jp2.inspect(file, name)
    channels = 1 if layout.components < 3 else 3
    return _header("jp2", layout.width, layout.height, channels, layout.bits, name)


def _avif(file: BinaryIO, name: str) -> Header:
    width, height, channels = heif_header(file, name)
    return _header("avif", width, height, channels, 8, name)


def _heif(file: BinaryIO, name: str) -> Header:
    width, height, channels = heif_header(file, name)
    return _header("heif", width, height, channels, 8, name)


_READERS = {
    "tiff": _tiff,
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "jp2": _jp2,
    "avif": _avif,
    "heif": _heif,
}
