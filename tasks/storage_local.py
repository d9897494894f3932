"""A local folder as storage."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tasks.errors import StorageError
from tasks.storage_local_listing import inside, list_folder, modified_us, printable, shown
from tasks.storage_types import Listed

UNFINISHED = ".albumen/tmp"
"""Where files grow until they are whole; the rename into place stays on one disk."""

_LOCK = ".albumen/lock"


class LocalStore:
    """A folder on this machine's disks (or mounted on it)."""

    def __init__(self, root: str) -> None:
        self._root = root

    # -- reading

    def check_source(self) -> None:
        """Raise unless the folder exists and can be listed."""
        try:
            with os.scandir(self._root):
                return
        except FileNotFoundError:
            advice = "Check the path, and that its disk is mounted."
            raise StorageError(f"{shown(self._root)} does not exist. {advice}") from None
        except NotADirectoryError:
            advice = "Name the folder it is in, and choose the file with --include."
            raise StorageError(f"{shown(self._root)} is a file, not a folder. {advice}") from None
        except OSError as error:
            raise _failed("cannot list", self._root, error) from None

    def list_files(self, prefix: str) -> Iterator[Listed]:
        """Files below `prefix` in the order of their paths' bytes."""
        return list_folder(self._root, self._path(prefix) if prefix else self._root)

    def open(self, uri: str, block_bytes: int) -> BinaryIO:  # noqa: ARG002
        """Open a file for reading. It must be a regular one: a pipe would block for ever."""
        try:
            descriptor = os.open(uri, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise _failed("cannot read", uri, error) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StorageError(f"cannot read {shown(uri)}: it is not a regular file")
        return os.fdopen(descriptor, "rb")

    def confine(self, uri: str) -> None:
        """Raise where a link on the way leads out of the folder."""
        if not inside(self._root, uri):
            real = shown(os.path.realpath(uri))
            raise StorageError(f"{shown(uri)} leads out of the source, to {real}")

    def entry(self, uri: str) -> Listed | None:
        """The file behind `uri` as it is at this moment."""
        try:
            found = Path(uri).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed("cannot read", uri, error) from None
        return Listed(printable(uri), found.st_size, modified_us(found), None, uri)

    # -- writing

    def check_destination(self) -> None:
        """Raise unless a file can be written to the folder, or to the nearest one above it
        that exists. Creates no folder and leaves no file."""
        folder = Path(self._root)
        while not os.path.lexists(folder):
            folder = folder.parent
        probe = folder / f".albumen-{secrets.token_hex(8)}"
        try:
            probe.touch(0o600, exist_ok=False)
            probe.unlink()
        except NotADirectoryError:
            raise StorageError(
                f"cannot write to {shown(self._root)}: {shown(str(folder))} is a file"
            ) from None
        except OSError as error:
            raise _failed("cannot write to", str(folder), error) from None

    def write(self, relative_path: str, content: bytes | Path) -> Listed:
        """Write a temporary file, flush it to the disk, rename it into place."""
        target = Path(self._path(relative_path))
        temporary = Path(self._path(f"{UNFINISHED}/{secrets.token_hex(16)}"))
        try:
            try:
                _fill(temporary, content)
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(target)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            _flush_folder(target)
            found = target.stat()
        except OSError as error:
            raise _failed("cannot write", str(target), error) from None
        return Listed(relative_path, found.st_size, modified_us(found), None, str(target))

    def read(self, relative_path: str) -> tuple[bytes, str] | None:
        """Content and, as its token, the content's checksum."""
        path = self._path(relative_path)
        try:
            data = Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _failed("cannot read", path, error) from None
        return data, hashlib.sha256(data).hexdigest()

    def remove(self, relative_path: str) -> None:
        """Remove a file; not an error where there is none."""
        path = self._path(relative_path)
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            raise _failed("cannot remove", path, error) from None

    def create_exclusive(self, relative_path: str, data: bytes) -> str | None:
        """Look and create while holding the destination's lock file."""
        with self._locked():
            if self.read(relative_path) is not None:
                return None
            self.write(relative_path, data)
        return hashlib.sha256(data).hexdigest()

    def replace_if_same(self, relative_path: str, data: bytes, token: str) -> str | None:
        """Compare and replace while holding the destination's lock file."""
        with self._locked():
            now = self.read(relative_path)
            if now is None or now[1] != token:
                return None
            self.write(relative_path, data)
        return hashlib.sha256(data).hexdigest()

    def honours_conditions(self, relative_path: str) -> bool:  # noqa: ARG002
        """Always, on a disk."""
        return True

    def clear_unfinished(self) -> int:
        """Remove temporary files that interrupted writes left behind."""
        leftovers = [found.relative_path for found in self.list_files(UNFINISHED)]
        for leftover in leftovers:
            self.remove(leftover)
        return len(leftovers)

    def _path(self, relative_path: str) -> str:
        return f"{self._root.rstrip('/')}/{relative_path}"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._path(_LOCK)
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _failed("cannot lock", path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise _failed("cannot lock", path, error) from None
        finally:
            os.close(descriptor)


def _fill(path: Path, content: bytes | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Make the new name itself survive a power cut; not every file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _failed(what: str, path: str, error: Exception) -> StorageError:
    reason = error.strerror if isinstance(error, OSError) else None
    return StorageError(f"{what} {shown(path)}: {reason or error}")
