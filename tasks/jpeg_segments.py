"""The marker segments of a JPEG: its frame and its metadata, without decoding.

ITU-T T.81 annex B; EXIF, XMP (ISO 16684-3), ICC.1 annex B.4 and Photoshop's APP13.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _PHOTOSHOP = b"ICC_PROFILE\0", b"Photoshop 3.0\0"
# Place in rows of the n-th coefficient: along the diagonals, turning at each end.
_ZIGZAG = sorted(
    range(64),
    key=lambda place: (
        place // 8 + place % 8,
        place // 8 if (place // 8 + place % 8) % 2 else place % 8,
    ),
)
_SEGMENT_LIMIT = 4096
_TOTAL_LIMIT = 64 << 20
PAYLOAD_LIMIT = 65_533
"""Bytes a marker segment can hold after its length."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame header (SOFn): sizes in pixels, `kind` the n of the marker.

    `factors` are each component's horizontal and vertical sampling factors, `tables` the
    number of its quantisation table.
    """

    width: int
    height: int
    components: int
    precision: int
    kind: int
    factors: tuple[tuple[int, int], ...] = ()
    tables: tuple[int, ...] = ()


@dataclass(slots=True)
class Segments:
    """What the segments before the first scan hold; blocks as in `tasks.records.Embedded`.

    `tables` are the quantisation tables by number, 64 values each in rows, not in zigzag.
    """

    frame: Frame | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    xmp_extension: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None
    adobe_transform: int | None = None
    tables: dict[int, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_frame(data: bytes) -> Frame | None:
    """The frame header of a JPEG held in memory, or None where there is none to be found."""
    for marker, payload in _markers(io.BytesIO(data)):
        if _is_frame(marker):
            return _frame(marker, payload)
    return None


def read_segments(file: BinaryIO) -> Segments:
    """Everything before the first scan of the JPEG in `file`, within 64 MiB."""
    found = Segments()
    icc: dict[int, bytes] = {}
    icc_total = 0
    extension: dict[bytes, dict[int, bytes]] = {}
    photoshop = b""
    for marker, payload in _markers(file):
        if _is_frame(marker) and found.frame is None:
            found.frame = _frame(marker, payload)
        elif marker == 0xDB:
            found.tables |= _quantisation(payload)
        elif marker == 0xE0 and payload[:5] == b"JFIF\0":
            found.resolution = _density(payload)
        elif marker == 0xE1 and payload[:6] == _EXIF and found.exif is None:
            found.exif = payload[6:] if _has_entries(payload[6:]) else None
        elif marker == 0xE1 and payload.startswith(_XMP) and found.xmp is None:
            found.xmp = payload[len(_XMP) :]
        elif marker == 0xE1 and payload.startswith(_XMP_MORE):
            start = len(_XMP_MORE)
            if len(payload) >= start + 40:
                offset = struct.unpack(">I", payload[start + 36 : start + 40])[0]
                parts = extension.setdefault(payload[start : start + 32], {})
                parts[offset] = payload[start + 40 :]
        elif marker == 0xE2 and payload.startswith(_ICC) and len(payload) > 14:
            icc[payload[12]] = payload[14:]
            icc_total = payload[13]
        elif marker == 0xED and payload.startswith(_PHOTOSHOP):
            photoshop += payload[len(_PHOTOSHOP) :]
        elif marker == 0xEE and payload[:5] == b"Adobe" and len(payload) >= 12:
            found.adobe_transform = payload[11]
    if icc and sorted(icc) == list(range(1, icc_total + 1)):
        found.icc = b"".join(icc[number] for number in sorted(icc))
    elif icc:
        found.notes.append("icc profile ignored: parts of it are missing")
    found.iptc = iptc_of(photoshop)
    found.xmp_extension = _extension(found.xmp, extension)
    return found


def _has_entries(exif: bytes) -> bool:
    """False for the empty block that some software writes in place of none."""
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack(order + "I", exif[4:8])
        (count,) = struct.unpack(order + "H", exif[offset : offset + 2])
    except struct.error:
        return True  # damaged: said where it is parsed
    return bool(count)


def iptc_of(photoshop: bytes) -> bytes | None:
    """The IPTC records (resource 0x0404) of Photoshop image resources, or None."""
    at = 0
    while at + 12 <= len(photoshop) and photoshop[at : at + 4] == b"8BIM":
        resource = struct.unpack(">H", photoshop[at + 4 : at + 6])[0]
        name = photoshop[at + 6] + 1
        at += 6 + name + name % 2
        size = struct.unpack(">I", photoshop[at : at + 4].rjust(4, b"\0"))[0]
        if resource == 0x0404:
            return photoshop[at + 4 : at + 4 + size] or None
        at += 4 + size + size % 2
    return None


def photoshop_of(iptc: bytes) -> bytes:
    """IPTC records as Photoshop image resources: the reverse of `iptc_of`."""
    size = struct.pack(">I", len(iptc))
    return b"8BIM\x04\x04\0\0" + size + iptc + bytes(len(iptc) % 2)


def _extension(xmp: bytes | None, parts: dict[bytes, dict[int, bytes]]) -> bytes | None:
    # The standard packet names the digest of the extension that belongs to it.
    for digest, pieces in parts.items():
        if xmp is not None and digest in xmp:
            whole, expected = bytearray(), 0
            for offset in sorted(pieces):
                if offset != expected:
                    return None
                whole += pieces[offset]
                expected += len(pieces[offset])
            return bytes(whole)
    return None


def _is_frame(marker: int) -> bool:
    return 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)


def _frame(marker: int, payload: bytes) -> Frame | None:
    if len(payload) < 6:
        return None
    precision, height, width, components = struct.unpack(">BHHB", payload[:6])
    rows = [payload[at : at + 3] for at in range(6, 6 + 3 * components, 3)]
    return Frame(
        width=width,
        height=height,
        components=components,
        precision=precision,
        kind=marker - 0xC0,
        factors=tuple((row[1] >> 4, row[1] & 15) for row in rows if len(row) == 3),
        tables=tuple(row[2] for row in rows if len(row) == 3),
    )


def _quantisation(payload: bytes) -> dict[int, list[int]]:
    tables: dict[int, list[int]] = {}
    at = 0
    while at < len(payload):
        wide, number = payload[at] >> 4, payload[at] & 15
        size = 128 if wide else 64
        values = payload[at + 1 : at + 1 + size]
        if len(values) < size:
            break
        zigzag = struct.unpack(">64H" if wide else ">64B", values)
        table = [0] * 64
        for value, place in zip(zigzag, _ZIGZAG, strict=True):
            table[place] = value
        tables[number] = table
        at += 1 + size
    return tables


def _density(payload: bytes) -> tuple[float, float] | None:
    if len(payload) < 12:
        return None
    unit, x, y = struct.unpack(">BHH", payload[7:12])
    factor = {1: 1.0, 2: 2.54}.get(unit)
    return (x * factor, y * factor) if factor and x and y else None


def _markers(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of every segment up to the first scan; stops where they stop."""
    file.seek(0)
    if file.read(2) != b"\xff\xd8":
        return
    total = 0
    for _ in range(_SEGMENT_LIMIT):
        byte = file.read(1)
        if byte != b"\xff":
            return
        while byte == b"\xff":
            byte = file.read(1)
        if not byte or byte[0] in (0xD9, 0xDA):
            return
        if byte[0] == 0x01 or 0xD0 <= byte[0] <= 0xD7:
            continue
        length = file.read(2)
        if len(length) < 2:
            return
        size = struct.unpack(">H", length)[0] - 2
        payload = file.read(size) if size > 0 else b""
        total += size
        if len(payload) < size or total > _TOTAL_LIMIT:
            return
        yield byte[0], payload
