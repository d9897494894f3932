"""A long sequence of small records, kept packed, and on disk where it grows large."""

from __future__ import annotations

import pickle
import struct
import tempfile
import zlib
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_BLOCK = 1000
_MEMORY_BYTES = 64 << 20


class Spool(Generic[T]):
    """Records in the order they were appended; may be read any number of times.

    They are pickled by this process and read by it alone: the file has no name.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        self._block: list[T] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, record: T) -> None:
        """Add a record at the end."""
        self._block.append(record)
        self._length += 1
        if len(self._block) >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        packed = zlib.compress(pickle.dumps(self._block, pickle.HIGHEST_PROTOCOL), 1)
        self._file.seek(0, 2)
        self._file.write(struct.pack("<Q", len(packed)) + packed)
        self._block = []

    def __iter__(self) -> Iterator[T]:
        position = 0
        if self._block:
            self._flush()
        while True:
            self._file.seek(position)  # another reader may have moved it meanwhile
            header = self._file.read(8)
            if not header:
                return
            (size,) = struct.unpack("<Q", header)
            block = pickle.loads(zlib.decompress(self._file.read(size)))
            position += 8 + size
            yield from block
