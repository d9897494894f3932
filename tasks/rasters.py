"""PNG, WebP, AVIF and HEIF by libvips, 16-bit PNG exactly."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyvips

from tasks import exif as exif_blocks
from tasks.decoded import BLOCK_LIMIT, Decoded
from tasks.errors import CorruptImage, UnsupportedImage
from tasks.orientation import turned
from tasks.records import Embedded, Samples

LOADERS = {"png": "pngload", "webp": "webpload", "avif": "heifload", "heif": "heifload"}
_MM_PER_INCH = 25.4
_WEBP_SIDE = 16_383
_PNG_HEAD = 33  # signature and IHDR


def open_image(path: Path, image_format: str, name: str) -> Any:
    """The file opened by libvips' loader for `image_format`, header only.

    Raises `CorruptImage`, or `UnsupportedImage` for animations and unusual sample formats.
    """
    try:
        # Bytes that claim to be one format must never reach another's decoder.
        image = getattr(pyvips.Image, LOADERS[image_format])(
            os.fsencode(path), access="sequential", fail_on="warning"
        )
    except pyvips.Error as error:
        raise _damaged(name, error) from error
    _check_kind(image, image_format, name)
    return image


def heif_header(file: BinaryIO, name: str) -> tuple[int, int, int]:
    """Width, height (as turned) and channels of an AVIF or HEIF, read through libheif.

    Raises as `open_image` does.
    """
    source = pyvips.SourceCustom()
    source.on_read(file.read)
    source.on_seek(file.seek)
    file.seek(0)
    try:
        image = pyvips.Image.heifload_source(source, access="sequential", fail_on="warning")
    except pyvips.Error as error:
        raise _damaged(name, error) from error
    _check_kind(image, "avif", name)
    return image.width, image.height, 1 if image.bands < 3 else 3


def _check_kind(image: Any, image_format: str, name: str) -> None:
    if "n-pages" in image.get_fields() and image.get("n-pages") > 1:
        raise UnsupportedImage(f"{name}: an animation or a set of images. Export single pictures.")
    bits = image.get("bits-per-sample") if "bits-per-sample" in image.get_fields() else 8
    if image.format not in ("uchar", "ushort") or (image_format != "png" and bits > 8):
        raise UnsupportedImage(
            f"{name}: {bits} bits a sample in {image_format.upper()}. Convert it to 8-bit, or to "
            "a 16-bit TIFF or PNG."
        )


def read_raster(path: Path, image_format: str, name: str) -> Decoded:
    """The PNG, WebP, AVIF or HEIF at `path`, upright: grey or RGB, with its alpha plane.

    libvips turns HEIF and AVIF itself; the others are turned by their EXIF orientation.
    """
    image = open_image(path, image_format, name)
    try:
        pixels = np.asarray(image.numpy())
    except pyvips.Error as error:
        raise _damaged(name, error) from error
    bands = pixels.shape[2] if pixels.ndim == 3 else 1
    if bands > 4:
        raise UnsupportedImage(f"{name}: it has {bands} channels. Convert it to grey or RGB.")
    embedded, orientation = _embedded(image, image_format)
    alpha = pixels[..., -1] if bands in (2, 4) else None
    colors = (
        pixels.reshape(pixels.shape[:2]) if bands == 1 else pixels[..., : 1 if bands == 2 else 3]
    )
    if bands == 2:
        colors = colors[..., 0]
    return Decoded(
        samples=cast(Samples, np.ascontiguousarray(turned(colors, orientation))),
        alpha=None
        if alpha is None
        else cast(Samples, np.ascontiguousarray(turned(alpha, orientation))),
        alpha_kind=None if alpha is None else 2,
        embedded=embedded,
        format=image_format,
        notes=_notes(image),
    )


def write_raster(
    target: Path, samples: Samples, alpha: Samples | None, image_format: str, embedded: Embedded
) -> None:
    """Encode losslessly as `image_format`: png (8 or 16 bit), webp or avif (8 bit).

    Raises `UnsupportedImage` where the format cannot hold the picture, and `OSError`.
    """
    height, width = samples.shape[:2]
    if image_format == "webp" and max(height, width) > _WEBP_SIDE:
        raise UnsupportedImage(f"{width} x {height} pixels do not fit into WebP. Choose tiff.")
    pixels = samples if alpha is None else np.dstack([samples, alpha])
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    depth = "ushort" if pixels.dtype == np.uint16 else "uchar"
    pixels = np.ascontiguousarray(pixels)
    image = pyvips.Image.new_from_memory(pixels.data, width, height, bands, depth)
    grey = bands < 3
    kinds = {"uchar": ("b-w", "srgb"), "ushort": ("grey16", "rgb16")}
    image = image.copy(interpretation=kinds[depth][0 if grey else 1])
    try:
        if image_format == "png":
            image.pngsave(str(target), keep="none")
            _insert_chunks(target, embedded)
            return
        _attach(image, embedded)
        if image_format == "webp":
            image.webpsave(str(target), lossless=True, exact=True)
        else:
            image.heifsave(str(target), compression="av1", lossless=True)
    except pyvips.Error as error:
        raise OSError(str(error.detail or error.message).strip()) from error


def _attach(image: Any, embedded: Embedded) -> None:
    for field, block in (
        ("icc-profile-data", embedded.icc),
        ("exif-data", embedded.exif),
        ("xmp-data", embedded.xmp),
    ):
        if block:
            image.set_type(pyvips.GValue.blob_type, field, block)


def _embedded(image: Any, image_format: str) -> tuple[Embedded, int]:
    def block(field: str) -> bytes | None:
        data = bytes(image.get(field)) if field in image.get_fields() else b""
        return data if 0 < len(data) <= BLOCK_LIMIT else None

    exif = block("exif-data")
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    orientation, resolution = 1, None
    if exif:
        try:
            orientation = exif_blocks.orientation(exif) if image_format in ("png", "webp") else 1
            resolution = exif_blocks.resolution(exif)
        except ValueError:
            pass  # `tasks.metadata.review_notes` flags it
    # 1 pixel per millimetre is what libvips says where a PNG says nothing.
    if image_format == "png" and (image.xres, image.yres) != (1.0, 1.0):
        resolution = (image.xres * _MM_PER_INCH, image.yres * _MM_PER_INCH)
    if resolution and orientation >= 5:
        resolution = resolution[::-1]
    embedded = Embedded(
        icc=block("icc-profile-data"),
        exif=exif,
        xmp=block("xmp-data"),
        iptc=block("iptc-data"),
        resolution=resolution,
        tags=exif_blocks.texts_of(exif),
    )
    return embedded, orientation


def _notes(image: Any) -> list[str]:
    fields = image.get_fields()
    notes = []
    if "palette" in fields and image.get("palette"):
        notes.append("palette expanded")
    bits = image.get("bits-per-sample") if "bits-per-sample" in fields else 8
    if bits < 8 and not notes:
        notes.append(f"{bits}-bit samples expanded to 8")
    return notes


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _insert_chunks(target: Path, embedded: Embedded) -> None:
    # libvips rewrites EXIF through libexif and packs XMP into a chunk few programs read;
    # PNG's third edition says how both are to be stored.
    chunks = b""
    if embedded.icc:
        chunks += _chunk(b"iCCP", b"icc\0\0" + zlib.compress(embedded.icc, 9))
    if embedded.resolution:
        x, y = (round(value / 0.0254) for value in embedded.resolution)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", x, y, 1))
    if embedded.exif:
        chunks += _chunk(b"eXIf", embedded.exif)
    if embedded.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + embedded.xmp)
    beside = target.with_name(target.name + ".chunks")
    try:
        with target.open("rb") as source, beside.open("wb") as sink:
            sink.write(source.read(_PNG_HEAD) + chunks)
            while True:
                head = source.read(8)
                if head[4:] != b"pHYs":  # libvips writes one, made up where nothing is known
                    break
                source.seek(9 + 4, 1)
            sink.write(head)
            shutil.copyfileobj(source, sink, 1 << 20)
        os.replace(beside, target)  # noqa: PTH105
    finally:
        beside.unlink(missing_ok=True)


def _damaged(name: str, error: Any) -> CorruptImage | UnsupportedImage:
    lines = str(error.detail or error.message).strip().splitlines()
    text = "; ".join(list(dict.fromkeys(lines))[:2])
    if "nsupported" in text or "decoding plugin" in text:
        return UnsupportedImage(f"{name}: {text}. Convert it to TIFF or PNG.")
    return CorruptImage(f"{name}: damaged or cut off ({text}). Copy the file again.")
