"""Any other storage that fsspec opens, as a source."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from tasks.errors import StorageError, UsageError
from tasks.storage_local_listing import shown
from tasks.storage_types import Listed

_COPY_BLOCK = 8 << 20


class FsspecStore:
    """A folder of an fsspec file system, for reading."""

    binds_to_etag = False

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        self._uri = uri.rstrip("/")
        protocol = uri.partition("://")[0]
        try:
            self._filesystem: Any = fsspec.filesystem(protocol, **options, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise UsageError(f"cannot use {uri}: {error}") from None
        self._protocol = protocol
        self._top = str(self._filesystem._strip_protocol(self._uri))

    def check_source(self) -> None:
        """Raise unless the folder exists."""
        with _explained("cannot list", self._uri):
            is_folder = self._filesystem.isdir(self._top)
        if not is_folder:
            raise StorageError(f"{self._uri} does not exist, or is not a folder.")

    def list_files(self, prefix: str) -> Iterator[Listed]:
        """Files below `prefix`, folder by folder, each folder in the order of its names."""
        top = f"{self._top.rstrip('/')}/{prefix}".rstrip("/") if prefix else self._top
        if prefix and not self._filesystem.isdir(top):
            return
        pending = [iter([{"name": top, "type": "directory"}])]
        while pending:
            entry = next(pending[-1], None)
            if entry is None:
                pending.pop()
            elif entry["type"] != "directory":
                yield self._listed(entry)
            else:
                try:
                    with _explained("cannot list", entry["name"]):
                        found = self._filesystem.ls(entry["name"], detail=True)
                except StorageError as error:
                    yield Listed(
                        self._relative(entry["name"]) or ".",
                        0,
                        None,
                        None,
                        self._uri_of(entry["name"]),
                        str(error),
                        "unreadable folder",
                    )
                    continue
                inner = [e for e in found if e["name"].rstrip("/") != entry["name"].rstrip("/")]
                pending.append(iter(sorted(inner, key=_order)))

    def open(self, uri: str, block_bytes: int) -> BinaryIO:
        """Open for reading."""
        with _explained("cannot read", uri):
            return cast(BinaryIO, self._filesystem.open(uri, mode="rb", block_size=block_bytes))

    def download(self, uri: str, size: int, etag: str | None, target: Path) -> None:  # noqa: ARG002
        """Stream a file to `target`."""
        with self.open(uri, _COPY_BLOCK) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, _COPY_BLOCK)

    def confine(self, uri: str) -> None:
        """Whether links lead out is for the file system to know."""

    def entry(self, uri: str) -> Listed | None:
        """The file as it is at this moment."""
        with _explained("cannot read", uri):
            try:
                return self._listed(self._filesystem.info(uri))
            except FileNotFoundError:
                return None

    def _listed(self, entry: Mapping[str, Any]) -> Listed:
        name = entry["name"]
        modified = next(
            (entry[k] for k in ("mtime", "LastModified", "last_modified", "updated", "created")
             if entry.get(k)),
            None,
        )  # fmt: skip
        etag = next((entry[k] for k in ("ETag", "etag", "md5Hash") if entry.get(k)), None)
        return Listed(
            self._relative(name),
            int(entry.get("size") or 0),
            _microseconds(modified),
            str(etag).strip('"') if etag else None,
            self._uri_of(name),
        )

    def _relative(self, name: str) -> str:
        return name.rstrip("/").removeprefix(self._top).lstrip("/")

    def _uri_of(self, name: str) -> str:
        return f"{self._protocol}://{name.lstrip('/')}"


def _order(entry: Mapping[str, Any]) -> bytes:
    name = str(entry["name"]).rstrip("/") + ("/" if entry["type"] == "directory" else "")
    return name.encode(errors="surrogateescape")


def _microseconds(modified: Any) -> int | None:
    if isinstance(modified, datetime.datetime):
        modified = modified.timestamp()
    elif isinstance(modified, str):
        try:
            modified = datetime.datetime.fromisoformat(modified).timestamp()
        except ValueError:
            return None
    return int(modified * 1_000_000) if isinstance(modified, int | float) else None


@contextmanager
def _explained(what: str, where: str) -> Iterator[None]:
    """File systems of many makers raise errors of many kinds: all become one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(f"{what} {shown(where)}: there is no such file or folder") from error
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise StorageError(f"{what} {shown(where)}: {text}") from error
