"""Where scans are read from and derivatives are written to: one set of functions for all.

Sources may be local folders, S3 prefixes or any fsspec URL; destinations local folders or S3
prefixes. A source is only ever opened for reading. A file appears at a destination under its
name whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from tasks.errors import (
    DerivativeUnwritable,
    OutsideSource,
    SourceChanged,
    SourceUnreadable,
    StorageError,
    UsageError,
)
from tasks.location import Location, parse_options
from tasks.records import Derivative, DerivativeKind, Scan
from tasks.storage_local import LocalStore
from tasks.storage_types import Listed, RemoteStore, Store, WritableStore

__all__ = ["Listed", "Location", "parse_options"]

_HEADER_BLOCK = 256 << 10
_COPY_BLOCK = 8 << 20


@lru_cache(maxsize=32)
def _store(location: Location) -> Store:
    options = dict(location.options)
    if location.is_local:
        return LocalStore(location.uri)
    # Imported where they are needed: aiohttp and botocore alone take a fifth of a second, in the
    # command and once more in each of its workers.
    if location.uri.startswith("s3://"):
        from tasks.storage_s3 import S3Store

        return S3Store(location.uri, options)
    from tasks.storage_fsspec import FsspecStore

    return FsspecStore(location.uri, options)


def writable(location: Location) -> WritableStore:
    """The store behind a destination. Raises UsageError where it can be none."""
    if not location.is_writable_kind:
        raise UsageError(
            f"{location.uri} cannot be a destination: give a local folder or s3://bucket/prefix."
        )
    return cast(WritableStore, _store(location))


# -- at the start


def check_source(location: Location) -> None:
    """Raise StorageError in one line, within seconds, unless the source can be listed."""
    _store(location).check_source()


def check_destination(location: Location) -> None:
    """Raise StorageError in one line, within seconds, unless files can be written there."""
    writable(location).check_destination()


def refuse_nesting(source: Location, destination: Location) -> None:
    """Raise UsageError where one lies in the other, or both are the same."""
    inner, outer = _comparable(source), _comparable(destination)
    if inner is None or outer is None or inner[0] != outer[0]:
        return
    a, b = inner[1].rstrip("/") + "/", outer[1].rstrip("/") + "/"
    if a == b:
        what = f"SOURCE and DESTINATION are the same, {source.uri}"
    elif b.startswith(a):
        what = f"DESTINATION {destination.uri} lies inside SOURCE {source.uri}"
    elif a.startswith(b):
        what = f"SOURCE {source.uri} lies inside DESTINATION {destination.uri}"
    else:
        return
    raise UsageError(f"{what}. Derivatives must be kept apart from masters: choose another.")


def _comparable(location: Location) -> tuple[str, str] | None:
    if location.is_local:
        return "file", os.path.realpath(location.uri)
    return dict(location.options).get("endpoint_url", location.uri[:5]), location.uri


# -- reading


def list_files(location: Location, prefix: str = "") -> Iterator[Listed]:
    """Everything below `prefix` in path order, as a stream. Raises StorageError."""
    return _store(location).list_files(prefix)


def open_for_reading(location: Location, uri: str) -> BinaryIO:
    """Open a scan where it lies, for headers: remote stores fetch 256 KiB at a time.

    Raises SourceUnreadable.
    """
    try:
        return _store(location).open(uri, _HEADER_BLOCK)
    except StorageError as error:
        raise SourceUnreadable(str(error)) from error


@contextmanager
def local_copy(location: Location, scan: Scan) -> Iterator[Path]:
    """A path on this machine that holds the scan's bytes; for reading only.

    A local scan's own path; a remote scan is streamed into a temporary file, which is removed
    afterwards. Raises OutsideSource, SourceUnreadable, or SourceChanged where the scan is no
    longer what the inventory listed, before it is used or by the time it has been.
    """
    if scan.problem:
        raise OutsideSource(f"{scan.relative_path}: {scan.problem}")
    store = _store(location)
    try:
        store.confine(scan.uri)
    except StorageError as error:
        raise OutsideSource(str(error)) from error
    if location.is_local:
        _same_as_listed(store, scan)
        with open_for_reading(location, scan.uri):
            pass
        yield Path(scan.uri)
        _same_as_listed(store, scan)
        return
    with tempfile.TemporaryDirectory(prefix="albumen-") as folder:
        copy = Path(folder) / "scan"
        _fetch(cast(RemoteStore, store), scan, copy)
        yield copy


def is_there(location: Location, scan: Scan) -> bool:
    """Whether a scan still lies where the inventory found it. Raises StorageError."""
    return _store(location).entry(scan.uri) is not None


def _fetch(store: RemoteStore, scan: Scan, copy: Path) -> None:
    if not store.binds_to_etag:
        _same_as_listed(store, scan)
    try:
        store.download(scan.uri, scan.size, scan.etag, copy)
    except StorageError as error:
        _same_as_listed(store, scan)
        raise SourceUnreadable(str(error)) from error
    except OSError as error:
        raise SourceUnreadable(f"cannot fetch {scan.uri}: {error.strerror or error}") from error
    if copy.stat().st_size != scan.size:
        raise SourceChanged(f"{scan.uri} was {scan.size} bytes, now {copy.stat().st_size}.")


def _same_as_listed(store: Store, scan: Scan) -> None:
    try:
        now = store.entry(scan.uri)
    except StorageError as error:
        raise SourceUnreadable(str(error)) from error
    if now is None:
        raise SourceUnreadable(f"{scan.relative_path} is no longer there.")
    if (now.size, now.etag or now.modified_us) != (scan.size, scan.etag or scan.modified_us):
        raise SourceChanged(
            f"{scan.relative_path} changed since it was listed; the next run takes it up again."
        )


# -- writing


def put_file(
    location: Location, relative_path: str, file: Path, kind: DerivativeKind, sha256: str
) -> Derivative:
    """Store a finished local file as a derivative. Raises DerivativeUnwritable."""
    try:
        listed = writable(location).write(relative_path, file)
    except StorageError as error:
        raise DerivativeUnwritable(str(error)) from error
    return Derivative(kind, relative_path, sha256, listed.size, listed.etag, listed.modified_us)


def put_bytes(
    location: Location, relative_path: str, data: bytes, kind: DerivativeKind
) -> Derivative:
    """Store bytes as a derivative. Raises DerivativeUnwritable."""
    try:
        listed = writable(location).write(relative_path, data)
    except StorageError as error:
        raise DerivativeUnwritable(str(error)) from error
    sha256 = hashlib.sha256(data).hexdigest()
    return Derivative(kind, relative_path, sha256, listed.size, listed.etag, listed.modified_us)


def write_bytes(location: Location, relative_path: str, data: bytes) -> None:
    """Write or replace a file that is no derivative (ledger, report). Raises StorageError."""
    writable(location).write(relative_path, data)


def write_file(location: Location, relative_path: str, file: Path) -> None:
    """Write or replace a file that is no derivative. Raises StorageError."""
    writable(location).write(relative_path, file)


def read_bytes(location: Location, relative_path: str) -> bytes:
    """The content of a file of the destination. Raises StorageError where it is missing."""
    found = writable(location).read(relative_path)
    if found is None:
        raise StorageError(f"{location.child(relative_path)} is missing")
    return found[0]


def open_derivative(location: Location, relative_path: str) -> BinaryIO:
    """Open a file of the destination for reading. Raises StorageError."""
    return _store(location).open(location.child(relative_path), _COPY_BLOCK)


def exists(location: Location, relative_path: str) -> bool:
    """Whether the destination holds such a file. Raises StorageError."""
    return _store(location).entry(location.child(relative_path)) is not None


def modified_us(location: Location, relative_path: str) -> int:
    """When a file of the destination was written, in microseconds since the epoch by the clock
    of its storage; 0 where there is no such file. Raises StorageError."""
    found = _store(location).entry(location.child(relative_path))
    return 0 if found is None else found.modified_us or 0


def remove(location: Location, relative_path: str) -> None:
    """Remove a file of the destination, if there is one. Raises StorageError."""
    writable(location).remove(relative_path)


def clear_unfinished(location: Location) -> int:
    """Remove what interrupted writes left; only for the holder of the lease."""
    return writable(location).clear_unfinished()
