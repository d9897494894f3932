"""Random access to one version of an S3 object."""

from __future__ import annotations

import io
from collections import deque
from typing import Any

from fsspec.asyn import sync

from tasks.storage_s3_errors import explained
from tasks.storage_types import Listed

_ATTEMPTS = 4
_KEPT, _KEPT_BYTES = 4, 256 << 10


def fetch(filesystem: Any, **request: str) -> tuple[bytes, str]:
    """One GET, body and etag; a body that breaks off on the way is asked for again."""
    for attempt in range(1, _ATTEMPTS + 1):
        answer = filesystem.call_s3("get_object", **request)
        try:
            body = sync(filesystem.loop, answer["Body"].read)
            return bytes(body), str(answer["ETag"]).strip('"')
        except Exception:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


class RangeReader(io.RawIOBase):
    """Reads byte ranges, each on the condition that the object is still the one listed.

    Raises StorageError where it is not, or cannot be read.
    """

    def __init__(self, filesystem: Any, bucket: str, key: str, found: Listed, uri: str) -> None:
        super().__init__()
        self._filesystem = filesystem
        self._request = {"Bucket": bucket, "Key": key, "IfMatch": f'"{found.etag}"'}
        self._size = found.size
        self._uri = uri
        self._position = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position, in bytes from the beginning."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move without asking the service for anything."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(f"seek to {start + offset}, before the beginning of {self._uri}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the position on, as far as the object reaches, or as far as what
        was read of it lately."""
        view = memoryview(buffer).cast("B")
        data = self._known(len(view)) or self._fetch(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Everything from the position on."""
        return self._fetch(self._size - self._position)

    def _known(self, length: int) -> bytes:
        """Headers are read in leaps, to and fro: what was fetched for one serves the next."""
        for start, data in self._kept:
            first = self._position - start
            if 0 <= first < len(data):
                found = data[first : first + length]
                self._position += len(found)
                return found
        return b""

    def _fetch(self, length: int) -> bytes:
        end = min(self._position + length, self._size)
        if end <= self._position:
            return b""
        wanted = f"bytes={self._position}-{end - 1}"
        with explained("cannot read", self._uri):
            data, _ = fetch(self._filesystem, Range=wanted, **self._request)
        if len(data) != end - self._position:
            raise OSError(f"{self._uri}: asked for {wanted}, got {len(data)} bytes")
        if len(data) <= _KEPT_BYTES:
            self._kept.append((self._position, data))
        self._position = end
        return data
