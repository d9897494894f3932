"""EXIF blocks: read, neutralised in place, taken out of a TIFF and put into one.

CIPA DC-008 (EXIF 2.32). A block is patched where it stands, never rewritten, wherever that is
possible: maker notes hold offsets that do not survive being moved.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field

from tasks.errors import ScanError
from tasks.tiff_structure import KIND_SIZES, Directory, TiffStructure

ORIENTATION, EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 274, 34665, 34853, 40965
TEXT_TAGS = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)
"""DocumentName, ImageDescription, Make, Model, PageName, Software, DateTime, Artist,
HostComputer, Copyright."""

# Byte widths that swap when a value changes byte order.
_SWAP = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_POINTERS = (EXIF_POINTER, GPS_POINTER, INTEROP_POINTER, 330)

Values = dict[int, tuple[int, int, bytes]]
"""Entries of one directory by tag: field type, count, and bytes in the block's byte order."""


@dataclass(slots=True)
class Exif:
    """The directories of an EXIF block; `order` is `<` or `>`."""

    order: str
    main: Values = field(default_factory=dict)
    photo: Values = field(default_factory=dict)
    gps: Values = field(default_factory=dict)


def _values(structure: TiffStructure, directory: Directory, limit: int) -> Values:
    found: Values = {}
    for entry in directory.entries.values():
        raw = None if entry.code in _POINTERS else structure.raw(directory, entry.code, limit)
        if raw is not None:
            found[entry.code] = (entry.kind, entry.count, raw)
    return found


def _child(structure: TiffStructure, directory: Directory, code: int, limit: int) -> Values:
    offsets = structure.integers(directory, code, 1)
    return _values(structure, structure.directory(offsets[0]), limit) if offsets else {}


def from_structure(structure: TiffStructure, directory: Directory, limit: int) -> Exif:
    """The EXIF, GPS and text entries of one TIFF page, values above `limit` bytes left out.

    Raises `CorruptImage` where the EXIF directories do not lie in the file.
    """
    main = _values(structure, directory, limit)
    return Exif(
        order=structure.order,
        main={code: value for code, value in main.items() if code in TEXT_TAGS},
        photo=_child(structure, directory, EXIF_POINTER, limit),
        gps=_child(structure, directory, GPS_POINTER, limit),
    )


def parse(block: bytes) -> Exif:
    """The directories of an EXIF block (without the `Exif\\0\\0` prefix).

    Raises `ValueError` where it is damaged.
    """
    try:
        structure = TiffStructure(io.BytesIO(block), "EXIF block")
        main = structure.directory(structure.first_offset)
        return Exif(
            order=structure.order,
            main=_values(structure, main, len(block)),
            photo=_child(structure, main, EXIF_POINTER, len(block)),
            gps=_child(structure, main, GPS_POINTER, len(block)),
        )
    except (ScanError, struct.error) as error:
        raise ValueError(str(error)) from error


def orientation(block: bytes) -> int:
    """The orientation 1 to 8 a block asks for; 1 where it asks for none.

    Raises `ValueError` where the block is damaged.
    """
    try:
        structure = TiffStructure(io.BytesIO(block), "EXIF block")
        values = structure.integers(structure.directory(structure.first_offset), ORIENTATION, 16)
    except (ScanError, struct.error) as error:
        raise ValueError(str(error)) from error
    return values[0] if values and 1 <= values[0] <= 8 else 1


def neutralised(block: bytes, width: int, height: int) -> bytes:
    """The block with orientation 1, the pixel size given, and its thumbnail directory gone.

    Everything else stays byte for byte where it was. Raises `ValueError` where it is damaged.
    """
    patched = bytearray(block)
    try:
        structure = TiffStructure(io.BytesIO(block), "EXIF block")
        main = structure.directory(structure.first_offset)
        _patch(patched, structure.order, main, {ORIENTATION: 1, 256: width, 257: height})
        photo = structure.integers(main, EXIF_POINTER, 1)
        if photo:
            directory = structure.directory(photo[0])
            _patch(patched, structure.order, directory, {40962: width, 40963: height})
        if main.next_offset:
            struct.pack_into(structure.order + "I", patched, main.next_where, 0)
            _blank_thumbnail(patched, structure, main.next_offset)
    except (ScanError, struct.error) as error:
        raise ValueError(str(error)) from error
    return bytes(patched)


def _patch(block: bytearray, order: str, directory: Directory, wanted: dict[int, int]) -> None:
    for code, value in wanted.items():
        entry = directory.entries.get(code)
        if entry is not None and entry.kind in (3, 4) and entry.count == 1:
            form = "H" if entry.kind == 3 and value < 65_536 else "I"
            if form == "I" and entry.kind == 3:
                continue
            struct.pack_into(order + form, block, entry.where, value)


def _blank_thumbnail(block: bytearray, structure: TiffStructure, offset: int) -> None:
    # The thumbnail shows the unrestored picture: without its bytes nobody can be misled.
    try:
        directory = structure.directory(offset)
        start = structure.integers(directory, 513, 1)
        length = structure.integers(directory, 514, 1)
    except ScanError:
        return
    if start and length and start[0] >= 8 and start[0] + length[0] <= len(block):
        block[start[0] : start[0] + length[0]] = bytes(length[0])


def build(exif: Exif) -> bytes:
    """A stand-alone block (classic TIFF structure, in `exif.order`) of its directories."""
    head = (b"II*\0" if exif.order == "<" else b"MM\0*") + struct.pack(exif.order + "I", 8)
    main = dict(exif.main)
    size = (
        8 + len(_directory(main, 8, exif.order, False)) + 12 * (bool(exif.photo) + bool(exif.gps))
    )
    tail = b""
    for code, values in ((EXIF_POINTER, exif.photo), (GPS_POINTER, exif.gps)):
        if values:
            main[code] = (4, 1, struct.pack(exif.order + "I", size + len(tail)))
            tail += _directory(values, size + len(tail), exif.order, False)
    return head + _directory(main, 8, exif.order, False) + tail


def directory_bytes(values: Values, offset: int, source_order: str, order: str, big: bool) -> bytes:
    """One directory to be put at `offset` (even) of a TIFF of byte order `order`."""
    if source_order != order:
        values = {code: (k, n, _swapped(k, raw)) for code, (k, n, raw) in values.items()}
    return _directory(values, offset, order, big)


def _swapped(kind: int, raw: bytes) -> bytes:
    width = _SWAP.get(kind, 1)
    if width == 1:
        return raw
    return b"".join(raw[at : at + width][::-1] for at in range(0, len(raw), width))


def _directory(values: Values, offset: int, order: str, big: bool) -> bytes:
    count, entry, pointer, inline = ("Q", "HHQ", "Q", 8) if big else ("H", "HHI", "I", 4)
    table = struct.pack(order + count, len(values))
    heap_at = offset + len(table) + len(values) * (20 if big else 12) + inline
    heap = b""
    for code in sorted(values):
        kind, number, raw = values[code]
        if len(raw) != KIND_SIZES[kind] * number:
            raise ValueError(f"EXIF tag {code} has {len(raw)} bytes, not what its count says")
        table += struct.pack(order + entry, code, kind, number)
        if len(raw) <= inline:
            table += raw.ljust(inline, b"\0")
        else:
            table += struct.pack(order + pointer, heap_at + len(heap))
            heap += raw + bytes(len(raw) % 2)
    return table + bytes(inline) + heap + bytes(len(heap) % 2)


def texts(exif: Exif) -> dict[int, str]:
    """The text tags of a block, by TIFF tag number."""
    return {
        code: decode_text(raw)
        for code, (kind, _, raw) in exif.main.items()
        if code in TEXT_TAGS and kind in (1, 2, 7) and raw.strip(b"\0 ")
    }


def texts_of(block: bytes | None) -> dict[int, str]:
    """`texts` of a block as bytes; empty where there is none or it is damaged."""
    try:
        return texts(parse(block)) if block else {}
    except ValueError:
        return {}


def decode_text(raw: bytes) -> str:
    """TIFF text as a string; bytes that are not UTF-8 survive as surrogates, both ways."""
    return raw.rstrip(b"\0").decode("utf-8", "surrogateescape")


def encode_text(text: str) -> bytes:
    """The NUL-terminated bytes of a text tag: the reverse of `decode_text`."""
    return text.encode("utf-8", "surrogateescape") + b"\0"


def resolution(block: bytes) -> tuple[float, float] | None:
    """`resolution_of` a block's main directory; raises `ValueError` where it is damaged."""
    try:
        structure = TiffStructure(io.BytesIO(block), "EXIF block")
        return resolution_of(structure, structure.directory(structure.first_offset))
    except (ScanError, struct.error) as error:
        raise ValueError(str(error)) from error


def resolution_of(structure: TiffStructure, directory: Directory) -> tuple[float, float] | None:
    """Pixels per inch of a directory, horizontal and vertical; None where it gives no unit."""
    try:
        unit = structure.integers(directory, 296, 1) or (2,)
        x, y = structure.rationals(directory, 282), structure.rationals(directory, 283)
    except ScanError:
        return None  # a value outside the file: the picture is none the worse for it
    factor = {2: 1.0, 3: 2.54}.get(unit[0])
    return (x[0] * factor, y[0] * factor) if factor and x and y and x[0] > 0 < y[0] else None
