"""JPEG: decoded strictly, and re-encoded with the source's own quantisation tables."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from tasks import exif as exif_blocks
from tasks.decoded import Decoded
from tasks.errors import CorruptImage, UnsupportedImage
from tasks.jpeg_segments import PAYLOAD_LIMIT, Segments, photoshop_of, read_segments
from tasks.orientation import turned
from tasks.records import Embedded, Photograph, Samples
from tasks.xmp import Packet, joined

_SIDE_LIMIT = 65_500
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_DEFAULT_QUALITY = 95


def read_jpeg(path: Path, name: str) -> Decoded:
    """The JPEG at `path`, upright: grey, RGB, or CMYK with full scale meaning full ink.

    Every warning of the decoder that means lost pixels raises `CorruptImage`: libjpeg itself
    would fill them with grey and go on.
    """
    with path.open("rb") as file:
        segments = read_segments(file)
    notes = list(segments.notes)
    orientation = _orientation(segments)
    samples = _decode(path, name, notes)
    resolution = segments.resolution or _exif_resolution(segments)
    if resolution and orientation >= 5:
        resolution = resolution[::-1]
    return Decoded(
        samples=cast(Samples, turned(samples, orientation)),
        embedded=Embedded(
            icc=segments.icc,
            exif=segments.exif,
            xmp=_packet(segments, notes),
            iptc=segments.iptc,
            resolution=resolution,
            tags=exif_blocks.texts_of(segments.exif),
        ),
        format="jpeg",
        jpeg_tables=_tables(segments),
        jpeg_subsampling=_subsampling(segments),
        compression="jpeg-rgb" if _is_plain_rgb(segments) else "jpeg",
        notes=notes,
    )


def write_jpeg(
    target: Path, samples: NDArray[np.uint8], photograph: Photograph, embedded: Embedded
) -> None:
    """Encode `samples` (HxW or HxWx3) with the source's tables where it was a JPEG itself.

    Other sources get quality 95 without chroma subsampling. Raises `UnsupportedImage` for more
    than 65,500 pixels on a side, and `OSError`.
    """
    if max(samples.shape[:2]) > _SIDE_LIMIT:
        raise UnsupportedImage(
            f"{samples.shape[1]} x {samples.shape[0]} pixels do not fit into a JPEG. "
            "Choose --format tiff."
        )
    options: dict[str, Any] = {"quality": _DEFAULT_QUALITY, "subsampling": 0}
    tables = photograph.jpeg_tables
    if tables:
        kept = [tables[number] for number in sorted(tables)]
        options = {"qtables": kept, "subsampling": photograph.jpeg_subsampling or 0}
        if samples.ndim == 2:
            options = {"qtables": kept[:1]}
        elif photograph.compression == "jpeg-rgb":
            options |= {"qtables": kept[:1], "keep_rgb": True}
    if embedded.resolution:
        x, y = (max(1, min(65_535, round(value))) for value in embedded.resolution)
        options["dpi"] = (x, y)
    if embedded.icc:
        options["icc_profile"] = embedded.icc
    # Pillow turns a block above one segment away; `tasks.metadata` flagged it when reading.
    if embedded.exif and len(embedded.exif) + 6 <= PAYLOAD_LIMIT:
        options["exif"] = b"Exif\0\0" + embedded.exif
    options["extra"] = _xmp_segments(embedded.xmp) + _iptc_segment(embedded.iptc)
    Image.fromarray(samples).save(target, "JPEG", optimize=True, **options)


def _decode(path: Path, name: str, notes: list[str]) -> NDArray[np.uint8]:
    try:
        return _pixels(path, "warning")
    except pyvips.Error as error:
        reason = _reason(error)
    # Stray bytes after the last row of pixels cost nothing: cameras and scanners leave them.
    if reason and all("before marker 0xd9" in line for line in reason):
        notes.append("jpeg with stray bytes at its end")
        return _pixels(path, "truncated")
    raise CorruptImage(
        f"{name}: damaged or cut off ({'; '.join(reason) or 'no reason given'}). "
        "Copy the file again."
    )


def _pixels(path: Path, fail_on: str) -> NDArray[np.uint8]:
    # By loader, not by content: what begins like a JPEG must be decoded as one.
    image = pyvips.Image.jpegload(os.fsencode(path), access="sequential", fail_on=fail_on)
    array = np.asarray(image.numpy())
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return cast("NDArray[np.uint8]", array)


def _reason(error: pyvips.Error) -> list[str]:
    lines = [line.strip() for line in str(error.detail or error.message).splitlines()]
    cleaned = [line.removeprefix("VipsJpeg: ") for line in lines if line.startswith("VipsJpeg")]
    return list(dict.fromkeys(cleaned or [line for line in lines if line]))[:3]


def _tables(segments: Segments) -> dict[int, list[int]] | None:
    """The tables of the first two components, as numbers 0 and 1."""
    numbers = segments.frame.tables[:2] if segments.frame else ()
    if not numbers or any(number not in segments.tables for number in numbers):
        return None
    return {place: segments.tables[number] for place, number in enumerate(numbers)}


def _subsampling(segments: Segments) -> int:
    """Pillow's number of the chroma subsampling; full chroma for one it cannot write."""
    factors = segments.frame.factors if segments.frame else ()
    if len(factors) < 3 or factors[1] != (1, 1) or factors[2] != (1, 1):
        return 0
    return {(2, 1): 1, (2, 2): 2}.get(factors[0], 0)


def _is_plain_rgb(segments: Segments) -> bool:
    frame = segments.frame
    return frame is not None and frame.components == 3 and segments.adobe_transform == 0


def _orientation(segments: Segments) -> int:
    if segments.exif is None:
        return 1
    try:
        return exif_blocks.orientation(segments.exif)
    except ValueError:
        return 1


def _exif_resolution(segments: Segments) -> tuple[float, float] | None:
    try:
        return exif_blocks.resolution(segments.exif) if segments.exif else None
    except ValueError:
        return None


def _packet(segments: Segments, notes: list[str]) -> bytes | None:
    if segments.xmp is None or segments.xmp_extension is None:
        return segments.xmp
    try:
        return joined(segments.xmp, segments.xmp_extension)
    except ValueError as error:
        notes.append(f"extended xmp left out: {error}")
        return segments.xmp


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _xmp_segments(packet: bytes | None) -> bytes:
    """One APP1, or a short standard packet and the rest as extension (ISO 16684-3, 1.1.3.1)."""
    if packet is None:
        return b""
    if len(_XMP) + len(packet) <= PAYLOAD_LIMIT:
        return _segment(0xE1, _XMP + packet)
    short, whole = Packet(), Packet(packet)
    source_type = whole.get("Iptc4xmpExt", "DigitalSourceType")
    if source_type:  # where every reader finds it
        short.set("Iptc4xmpExt", "DigitalSourceType", source_type)
        whole.remove("Iptc4xmpExt", "DigitalSourceType")
    packet = whole.to_bytes()
    digest = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper()
    short.set("xmpNote", "HasExtendedXMP", digest)
    written = _segment(0xE1, _XMP + short.to_bytes())
    step = 65_000
    for start in range(0, len(packet), step):
        head = _XMP_MORE + digest.encode() + struct.pack(">II", len(packet), start)
        written += _segment(0xE1, head + packet[start : start + step])
    return written


def _iptc_segment(iptc: bytes | None) -> bytes:
    if not iptc:
        return b""
    resources = photoshop_of(iptc)
    step = PAYLOAD_LIMIT - 14
    return b"".join(
        _segment(0xED, b"Photoshop 3.0\0" + resources[start : start + step])
        for start in range(0, len(resources), step)
    )
