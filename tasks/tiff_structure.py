"""The skeleton of a TIFF file or EXIF block: directories and entries, read within bounds.

TIFF 6.0 section 2 and the BigTIFF proposal. Nothing here decodes pixels; every read is
bounded, so that a damaged or hostile file costs a few kilobytes and ends in `CorruptImage`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tasks.errors import CorruptImage, UnsupportedImage

# Bytes of one value, by field type; types of EXIF, TIFF 6.0 and BigTIFF.
KIND_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
KIND_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

MAX_ENTRIES = 4096
MAX_DIRECTORIES = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry; `where` is the offset of its value's first byte in the file."""

    code: int
    kind: int
    count: int
    where: int

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return KIND_SIZES.get(self.kind, 1) * self.count


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory (IFD): where it starts, its entries, where the next one is."""

    offset: int
    entries: dict[int, Entry]
    next_offset: int
    next_where: int


class TiffStructure:
    """A TIFF file's directories. `file` stays the caller's to close.

    Raises `CorruptImage` where the header is no TIFF header.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self.size = file.seek(0, 2)
        header = self._bytes(0, min(16, self.size))
        self.order = {b"II": "<", b"MM": ">"}.get(header[:2], "")
        if not self.order or len(header) < 8:
            raise CorruptImage(f"{name}: the TIFF header is damaged. Copy the file again.")
        version = struct.unpack(self.order + "H", header[2:4])[0]
        self.big = version == 43
        if self.big and len(header) < 16:
            raise CorruptImage(f"{name}: the BigTIFF header is cut off. Copy the file again.")
        self.first_offset = int(
            struct.unpack(
                self.order + ("Q" if self.big else "I"), header[8:] if self.big else header[4:8]
            )[0]
        )

    def directories(self) -> Iterator[Directory]:
        """The chain of directories, in order; raises `CorruptImage` where it loops or breaks."""
        offset, seen = self.first_offset, set[int]()
        while offset:
            if offset in seen:
                raise CorruptImage(
                    f"{self.name}: its TIFF directories run in a circle. Copy the file again, "
                    "or have it repaired."
                )
            if len(seen) >= MAX_DIRECTORIES:
                raise UnsupportedImage(
                    f"{self.name}: more than {MAX_DIRECTORIES} TIFF directories. Split the file."
                )
            seen.add(offset)
            directory = self.directory(offset)
            yield directory
            offset = directory.next_offset
        if not seen:
            raise CorruptImage(f"{self.name}: a TIFF without a single image. Copy the file again.")

    def directory(self, offset: int) -> Directory:
        """The directory at `offset`; raises `CorruptImage` where it does not lie in the file."""
        count_format, entry_size = ("Q", 20) if self.big else ("H", 12)
        head = struct.calcsize(count_format)
        inline = 8 if self.big else 4
        count = struct.unpack(self.order + count_format, self._bytes(offset, head))[0]
        if not 0 < count <= MAX_ENTRIES:
            raise CorruptImage(
                f"{self.name}: a TIFF directory at byte {offset} claims {count} entries. "
                "Copy the file again, or have it repaired."
            )
        table = self._bytes(offset + head, count * entry_size + inline)
        entries: dict[int, Entry] = {}
        for index in range(count):
            start = index * entry_size
            code, kind, values = struct.unpack_from(
                self.order + ("HHQ" if self.big else "HHI"), table, start
            )
            size = KIND_SIZES.get(kind, 1) * values
            where = offset + head + start + entry_size - inline
            if size > inline:
                where = struct.unpack_from(
                    self.order + ("Q" if self.big else "I"), table, start + entry_size - inline
                )[0]
            entries.setdefault(code, Entry(code, kind, values, where))
        next_where = offset + head + count * entry_size
        pointer = self.order + ("Q" if self.big else "I")
        next_offset = struct.unpack_from(pointer, table, count * entry_size)[0]
        return Directory(offset, entries, next_offset, next_where)

    def integers(self, directory: Directory, code: int, limit: int = 65_536) -> tuple[int, ...]:
        """The values of an integer entry; empty where it is absent or not of integers.

        Raises `CorruptImage` where they lie outside the file or number more than `limit`.
        """
        entry = directory.entries.get(code)
        if entry is None or entry.kind not in _INTEGERS:
            return ()
        if entry.count > limit:
            raise CorruptImage(
                f"{self.name}: TIFF tag {code} claims {entry.count} values. Copy the file again."
            )
        form = f"{self.order}{entry.count}{_INTEGERS[entry.kind]}"
        return struct.unpack(form, self._bytes(entry.where, entry.size))

    def rationals(self, directory: Directory, code: int) -> tuple[float, ...]:
        """The values of a RATIONAL entry, at most 16; empty where absent, 0.0 for x/0."""
        entry = directory.entries.get(code)
        if entry is None or entry.kind != 5 or not 0 < entry.count <= 16:
            return ()
        numbers = struct.unpack(
            f"{self.order}{2 * entry.count}I", self._bytes(entry.where, entry.size)
        )
        return tuple(n / d if d else 0.0 for n, d in zip(numbers[::2], numbers[1::2], strict=True))

    def raw(self, directory: Directory, code: int, limit: int) -> bytes | None:
        """The value's bytes as stored; None where absent, above `limit` or outside the file."""
        entry = directory.entries.get(code)
        if entry is None or entry.kind not in KIND_SIZES or not 0 < entry.size <= limit:
            return None
        if entry.where + entry.size > self.size:
            return None
        return self._bytes(entry.where, entry.size)

    def _bytes(self, offset: int, size: int) -> bytes:
        # The check comes first: a read of an absurd size would allocate it.
        if offset < 0 or offset + size > self.size:
            raise CorruptImage(
                f"{self.name}: points at byte {offset + size} but has only {self.size}: it is "
                "cut off or damaged. Copy the file again."
            )
        self.file.seek(offset)
        data = self.file.read(size)
        if len(data) != size:
            raise CorruptImage(f"{self.name}: ends while it is being read. Copy the file again.")
        return data
