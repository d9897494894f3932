"""What every kind of storage offers, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

EntryKind = Literal["file", "folder link", "unreadable folder"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a listing.

    `relative_path` is printable UTF-8 below the location, `/` between folders; `uri` opens
    the entry. `size` is in bytes; `modified_us` in microseconds since the epoch (UTC) and
    `etag` where the storage knows them. `problem` says why a file must not be opened. Kinds
    other than `file` are folders that the listing did not enter, and `problem` says why.
    """

    relative_path: str
    size: int
    modified_us: int | None
    etag: str | None
    uri: str = ""
    problem: str | None = None
    kind: EntryKind = "file"


class Store(Protocol):
    """A place that lists and opens files. Every method raises StorageError in one line."""

    def check_source(self) -> None:
        """Raise unless the place exists and can be listed."""

    def list_files(self, prefix: str) -> Iterator[Listed]:
        """Everything below `prefix` (a folder below the location, or ""), in path order.

        Streams: memory does not grow with the number of files. A prefix that does not exist
        yields nothing.
        """

    def open(self, uri: str, block_bytes: int) -> BinaryIO:
        """Open for reading and seeking; remote stores fetch at least `block_bytes` at a time."""

    def confine(self, uri: str) -> None:
        """Raise StorageError where `uri` leads out of the location."""

    def entry(self, uri: str) -> Listed | None:
        """The file as it is listed at this moment; None where there is none."""


class RemoteStore(Store, Protocol):
    """A place whose files are copied to this machine before they are decoded."""

    binds_to_etag: bool
    """Whether `download` itself refuses a file whose etag is another one by now."""

    def download(self, uri: str, size: int, etag: str | None, target: Path) -> None:
        """Copy a file of `size` bytes to `target`. Raises OSError where that cannot be written."""


class WritableStore(Store, Protocol):
    """A place that can also be written to: a local folder or an S3 prefix.

    A file appears under its name whole or not at all.
    """

    def check_destination(self) -> None:
        """Raise unless files can be written and removed here. Leaves nothing behind."""

    def write(self, relative_path: str, content: bytes | Path) -> Listed:
        """Write or replace a file; how it is listed afterwards."""

    def read(self, relative_path: str) -> tuple[bytes, str] | None:
        """Content and a token for `replace_if_same`; None where there is no such file."""

    def remove(self, relative_path: str) -> None:
        """Remove a file; not an error where there is none."""

    def create_exclusive(self, relative_path: str, data: bytes) -> str | None:
        """Create a file and return its token; None where it exists already."""

    def replace_if_same(self, relative_path: str, data: bytes, token: str) -> str | None:
        """Replace the content that `token` stands for; None where it is another by now."""

    def honours_conditions(self, relative_path: str) -> bool:
        """Whether this storage really refuses `create_exclusive` on an existing file."""

    def clear_unfinished(self) -> int:
        """Remove what interrupted writes left behind; the number of files removed."""
