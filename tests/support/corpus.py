"""Hostile and odd image files, and a few good ones, as a collection might hold them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image


@dataclass(frozen=True)
class CorpusCase:
    """One entry of the corpus: its path below the folder, and how it must end.

    `expected` is `ok` or the name of an error class; `or_else` are further allowed ends, where
    damage may or may not be detectable. `regular` is False for links and folders, which the
    inventory must deal with before anything opens them.
    """

    name: str
    expected: str
    or_else: tuple[str, ...] = ()
    regular: bool = True

    def allows(self, outcome: str) -> bool:
        return outcome == self.expected or outcome in self.or_else


def picture(height: int = 48, width: int = 64, channels: int = 3, dtype: Any = np.uint8) -> Any:
    """A smooth, colourful picture, always the same: HxW for one channel."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [
        0.5 + 0.45 * np.sin(x / (7 + 3 * k) + k) * np.cos(y / (9 + 2 * k)) for k in range(channels)
    ]
    stacked = np.rint(np.dstack(planes) * np.iinfo(dtype).max).astype(dtype)
    return stacked[..., 0] if channels == 1 else stacked


def tiff_bytes(data: Any, **options: Any) -> bytes:
    """`data` as a TIFF in memory, without tifffile's own tags."""
    options.setdefault("photometric", "rgb" if data.ndim == 3 else "minisblack")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, data, metadata=None, software=False, **options)
    return buffer.getvalue()


def jpeg_bytes(data: Any, **options: Any) -> bytes:
    """`data` as a JPEG in memory."""
    buffer = io.BytesIO()
    mode = "CMYK" if data.ndim == 3 and data.shape[2] == 4 else None
    image = Image.frombytes(mode, data.shape[1::-1], data.tobytes()) if mode else None
    (image or Image.fromarray(data)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def png_bytes(data: Any) -> bytes:
    """`data` (RGB order) as a PNG in memory."""
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    ordered = data if data.ndim == 2 else cv2.cvtColor(data, codes[data.shape[2]])
    return bytes(cv2.imencode(".png", ordered)[1].tobytes())


def png_declaring(width: int, height: int, bits: int = 8, color: int = 2) -> bytes:
    """A PNG whose header declares any size, over a few bytes of picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def raw_tiff(
    entries: dict[int, tuple[int, int, int]], next_offset: int = 0, tail: bytes = bytes(64)
) -> bytes:
    """A little-endian TIFF of one directory at byte 8, with inline values only."""
    table = struct.pack("<H", len(entries))
    for code in sorted(entries):
        table += struct.pack("<HHII", code, *entries[code])
    return b"II*\0" + struct.pack("<I", 8) + table + struct.pack("<I", next_offset) + tail


def _grey_entries(width: int, height: int, **changes: tuple[int, int, int]) -> Any:
    offset = 8 + 2 + 9 * 12 + 4
    entries = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, offset),
        277: (3, 1, 1),
        278: (4, 1, height),
        279: (4, 1, min(width * height, 2**32 - 1)),
    }
    return entries | {int(code.removeprefix("t")): value for code, value in changes.items()}


def _patched_tag(data: bytes, code: int, kind: int, count: int, value: int) -> bytes:
    """A little-endian classic TIFF with the first directory's entry `code` replaced."""
    offset = struct.unpack("<I", data[4:8])[0]
    for index in range(struct.unpack_from("<H", data, offset)[0]):
        at = offset + 2 + 12 * index
        if struct.unpack_from("<H", data, at)[0] == code:
            return data[:at] + struct.pack("<HHII", code, kind, count, value) + data[at + 12 :]
    raise KeyError(code)


def _flipped(data: bytes, seed: int, flips: int) -> bytes:
    random = np.random.default_rng(seed)
    damaged = bytearray(data)
    for _ in range(flips):
        damaged[int(random.integers(16, len(damaged)))] ^= 1 << int(random.integers(0, 8))
    return bytes(damaged)


def _palette(bits: int, count: int) -> Any:
    random = np.random.default_rng(bits)
    return random.integers(0, 65_536, (3, count)).astype(np.uint16)


def _truncated(add: Callable[..., None]) -> None:
    sources = {
        "jpg": jpeg_bytes(picture(), quality=90),
        "tif": tiff_bytes(picture(dtype=np.uint16), rowsperstrip=8),
        "lzw.tif": tiff_bytes(picture(), compression="lzw", rowsperstrip=8),
        "png": png_bytes(picture()),
    }
    for suffix, data in sources.items():
        for percent in (1, 20, 55, 90, 99):
            keep = max(9, len(data) * percent // 100)
            # An incomplete signature is no image at all; 9 bytes hold each one's.
            add(f"truncated/{percent} percent.{suffix}", data[:keep], "CorruptImage")
        add(f"truncated/last byte.{suffix}", data[:-1], "CorruptImage", "ok")
    webp, jp2 = _saved("WEBP"), imagecodecs.jpeg2k_encode(picture(), level=0, codecformat="jp2")
    avif = _saved("AVIF")
    add("truncated/half.webp", webp[: len(webp) // 2], "CorruptImage")
    add("truncated/half.jp2", jp2[: len(jp2) // 2], "CorruptImage")
    add("truncated/half.avif", avif[: len(avif) // 2], "CorruptImage")
    jpeg = sources["jpg"]
    add(
        "truncated/half, end mark put back.jpg",
        jpeg[: len(jpeg) // 2] + b"\xff\xd9",
        "CorruptImage",
    )
    zeros = tiff_bytes(picture(), compression="zlib", rowsperstrip=8)
    with tifffile.TiffFile(io.BytesIO(zeros)) as tif:
        where = tif.pages[0].tags["StripByteCounts"].valueoffset
    emptied = zeros[:where] + bytes(2) + zeros[where + 2 :]
    add("truncated/one empty strip.tif", emptied, "CorruptImage")


def _saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, kind)
    return buffer.getvalue()


def _disguised(add: Callable[..., None]) -> None:
    add("empty.jpg", b"", "NotAnImage")
    add("empty.tif", b"", "NotAnImage")
    add("text.jpg", b"This is a note about the box, not a photograph.\n" * 9, "NotAnImage")
    add("zeros.tif", bytes(5000), "NotAnImage")
    add("animation.jpg", _saved("GIF"), "NotAnImage")
    add("bitmap.png", _saved("BMP"), "NotAnImage")
    add("png in disguise.tif", png_bytes(picture()), "ok")
    add("jpeg in disguise.png", jpeg_bytes(picture()), "ok")
    add("only a signature.png", b"\x89PNG\r\n\x1a\n", "CorruptImage")
    add("only a signature.jpg", b"\xff\xd8\xff\xe0", "CorruptImage")
    add("only a signature.tif", b"II*\0", "CorruptImage")


def _absurd(add: Callable[..., None]) -> None:
    add("bomb.png", png_declaring(100_000, 100_000), "TooLarge")
    add("bomb.tif", raw_tiff(_grey_entries(200_000, 200_000)), "TooLarge")
    add("no size.tif", raw_tiff(_grey_entries(0, 0)), "CorruptImage")
    add("no size.png", png_declaring(0, 0), "CorruptImage")
    add("too short for its size.png", png_declaring(500, 500), "CorruptImage")
    loop = raw_tiff(_grey_entries(8, 8), next_offset=8)
    add("directories in a circle.tif", loop, "CorruptImage")
    add("directory beyond the end.tif", b"II*\0" + struct.pack("<I", 10**9), "CorruptImage")
    beyond = raw_tiff(_grey_entries(8, 8), next_offset=10**9)
    add("second directory beyond the end.tif", beyond, "CorruptImage")
    absurd = raw_tiff(_grey_entries(8, 8, t273=(4, 2**31, 8), t279=(4, 2**31, 8)))
    add("absurd tag counts.tif", absurd, "CorruptImage")
    many = b"II*\0" + struct.pack("<IH", 8, 65_535) + bytes(100)
    add("absurd number of entries.tif", many, "CorruptImage")
    huge_text = raw_tiff(_grey_entries(8, 8) | {270: (2, 2**32 - 1, 8)}, tail=bytes(100))
    add("description of 4 GB.tif", _shift_data(huge_text), "ok")
    add(
        "strip beyond the end.tif",
        raw_tiff(_grey_entries(8, 8, t273=(4, 1, 10**6))),
        "CorruptImage",
    )
    cyclic = raw_tiff(_grey_entries(8, 8) | {330: (4, 1, 8), 34665: (4, 1, 8)}, tail=bytes(200))
    add("cyclic sub-directories.tif", _shift_data(cyclic, 2), "ok")
    overlap = tiff_bytes(picture(400, 64, 1), rowsperstrip=1)
    add("bigtiff header cut off.tif", b"II+\0\x08\0\0\0", "CorruptImage")
    add("many strips.tif", overlap, "ok")


def _shift_data(data: bytes, extra: int = 1) -> bytes:
    # One more entry moves the pixels by 12 bytes: the strip offset must follow.
    moved = 8 + 2 + (9 + extra) * 12 + 4
    return _patched_tag(data, 273, 4, 1, moved)


def _odd(add: Callable[..., None]) -> None:
    add("1x1.tif", tiff_bytes(picture(1, 1)), "ok")
    add("1x1.jpg", jpeg_bytes(picture(1, 1)), "ok")
    add("1x60000.tif", tiff_bytes(picture(60_000, 1, 1)), "ok")
    add("60000x1.png", png_bytes(picture(1, 60_000, 1)), "ok")
    floats = picture(channels=1).astype(np.float32) / 255
    floats[3, 3] = np.nan
    add("nan.tif", tiff_bytes(floats), "UnsupportedImage")
    add("complex.tif", tiff_bytes(floats.astype(np.complex64)), "UnsupportedImage")
    add("int32.tif", tiff_bytes(picture(channels=1).astype(np.int32)), "UnsupportedImage")
    add("uint32.tif", tiff_bytes(picture(channels=1).astype(np.uint32)), "UnsupportedImage")
    twelve = _patched_tag(tiff_bytes(picture(channels=1, dtype=np.uint16)), 258, 3, 1, 12)
    add("12-bit.tif", twelve, "UnsupportedImage")
    five = tiff_bytes(picture(channels=5), extrasamples=["unspecified"] * 2)
    add("5 channels.tif", five, "UnsupportedImage")
    lab = _patched_tag(tiff_bytes(picture()), 262, 3, 1, 8)
    add("lab.tif", lab, "UnsupportedImage")
    unknown = _patched_tag(tiff_bytes(picture()), 259, 3, 1, 64_999)
    add("unknown compression.tif", unknown, "UnsupportedImage")
    add("1-bit.tif", tiff_bytes(picture(channels=1) > 127), "ok")
    cmyk = picture(channels=4)
    add("cmyk.tif", tiff_bytes(cmyk, photometric="separated"), "ok")
    add("cmyk.jpg", jpeg_bytes(cmyk), "ok")
    add(
        "palette.tif",
        tiff_bytes(picture(channels=1), photometric="palette", colormap=_palette(8, 256)),
        "ok",
    )
    indices = picture(channels=1, dtype=np.uint16)
    wide = tiff_bytes(indices, photometric="palette", colormap=_palette(16, 65_536))
    add("16-bit palette.tif", wide, "ok")
    add("16-bit palette cut off.tif", _patched_tag(wide, 320, 3, 768, 8), "CorruptImage")
    add("alpha.png", png_bytes(picture(channels=4)), "ok")
    alpha = tiff_bytes(picture(channels=4, dtype=np.uint16), extrasamples=["unassalpha"])
    add("alpha.tif", alpha, "ok")
    broken = [(34675, 7, 200, b"not a profile at all".ljust(200, b"!"), True)]
    add("broken profile.tif", tiff_bytes(picture(), extratags=broken), "ok")
    add("broken profile.jpg", jpeg_bytes(picture(), icc_profile=b"garbage" * 40), "ok")
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    add("huge exif.jpg", jpeg_bytes(picture(), exif=exif.tobytes()), "ok")
    add("damaged exif.jpg", jpeg_bytes(picture(), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"), "ok")
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>'
    add(
        "xmp with entities.tif",
        tiff_bytes(picture(), extratags=[(700, 1, len(bomb), bomb, True)]),
        "ok",
    )
    add(
        "huge xmp.tif",
        tiff_bytes(picture(), extratags=[(700, 1, 9 << 20, b"<" * (9 << 20), True)]),
        "ok",
    )


def _flips(add: Callable[..., None]) -> None:
    sources = {
        "jpg": jpeg_bytes(picture(), quality=90),
        "lzw.tif": tiff_bytes(picture(), compression="lzw", predictor=True, rowsperstrip=8),
        "zip.tif": tiff_bytes(picture(dtype=np.uint16), compression="zlib", tile=(16, 16)),
        "png": png_bytes(picture()),
        "webp": _saved("WEBP"),
    }
    ends = ("CorruptImage", "UnsupportedImage", "TooLarge", "NotAnImage")
    for suffix, data in sources.items():
        for seed in (1, 2):
            add(f"flipped/{seed}.{suffix}", _flipped(data, seed, 12), "ok", *ends)


def _good(add: Callable[..., None]) -> None:
    add("good/grey 16.tif", tiff_bytes(picture(channels=1, dtype=np.uint16)), "ok")
    add("good/color 16, lzw.tif", tiff_bytes(picture(dtype=np.uint16), compression="lzw"), "ok")
    add("good/photo.jpg", jpeg_bytes(picture(), quality=92), "ok")
    add("good/ünï cödé.png", png_bytes(picture(dtype=np.uint16)), "ok")
    add("good/lossy.webp", _saved("WEBP"), "ok")
    add("good/-dash.jp2", imagecodecs.jpeg2k_encode(picture(), level=0, codecformat="jp2"), "ok")


def make_corpus(folder: Path) -> list[CorpusCase]:
    """Write the corpus below `folder`; the cases in the order they were written."""
    cases: list[CorpusCase] = []

    def add(name: str, data: bytes, expected: str, *or_else: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        cases.append(CorpusCase(name, expected, or_else))

    for group in (_good, _truncated, _disguised, _absurd, _odd, _flips):
        group(add)
    outside = folder.with_name(folder.name + "-outside.jpg")
    outside.write_bytes(jpeg_bytes(picture()))
    (folder / "link out of the tree.jpg").symlink_to(outside)
    (folder / "link to nowhere.jpg").symlink_to("nowhere.jpg")
    (folder / "folder.jpg").mkdir()
    cases.append(CorpusCase("link out of the tree.jpg", "OutsideSource", regular=False))
    cases.append(CorpusCase("link to nowhere.jpg", "OutsideSource", regular=False))
    cases.append(CorpusCase("folder.jpg", "not listed", regular=False))
    return cases
