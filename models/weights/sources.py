"""Where the known files lie in what a user has: an archive, a folder, or a single file."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.weights.errors import UnsafeWeights, WeightsTruncated
from models.weights.row import WeightFile
from models.weights.safe import ZIP_MAGIC

_CHUNK = 1 << 20
_MOST_MEMBERS = 10_000
_DRIVE = re.compile(r"[A-Za-z]:")
_PICKLE_OF_TORCH = re.compile(r"[^/]+/data\.pkl")


def is_archive(path: Path) -> bool:
    """Whether `path` is a zip of files, rather than one checkpoint in torch's own zip form.

    Raises `WeightsTruncated` for a zip that is cut off.
    """
    with path.open("rb") as file:
        if not file.read(4).startswith(ZIP_MAGIC):
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(_PICKLE_OF_TORCH.fullmatch(name) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsTruncated(f"{path.name} is cut off or damaged: {error}") from error


class Source(Protocol):
    """A place with files in it."""

    def find(self, row: WeightFile) -> list[str]:
        """The paths in it that are known as the file of `row`."""
        ...

    def opened(self, path: str, row: WeightFile, room: Path) -> AbstractContextManager[Path]:
        """The file at `path` on disk; what has to be unpacked goes to the folder `room`."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on disk, searched to its depths; links to folders are not followed."""

    root: Path
    files: tuple[str, ...]

    @classmethod
    def at(cls, root: Path) -> Folder:
        """List the folder once."""
        found = [
            (Path(folder) / name).relative_to(root).as_posix()
            for folder, _, names in os.walk(root)
            for name in names
        ]
        return cls(root, tuple(sorted(found)))

    def find(self, row: WeightFile) -> list[str]:
        """See `Source`."""
        # The folder may be the very one that a file is known by.
        above = self.root.resolve().parts
        return _known(row, {path: (*above, *path.split("/")) for path in self.files})

    def opened(self, path: str, row: WeightFile, room: Path) -> AbstractContextManager[Path]:  # noqa: ARG002
        """See `Source`."""
        return nullcontext(self.root / path)


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file of files. Nothing is unpacked under a name that the archive chose."""

    path: Path
    members: tuple[str, ...]

    @classmethod
    def at(cls, path: Path) -> Archive:
        """List the archive once. Raises `UnsafeWeights` for one that tries anything."""
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise UnsafeWeights(f"{path.name} holds {len(members)} files; nothing was unpacked")
        for member in members:
            if reason := _hostile(member):
                raise UnsafeWeights(
                    f"{path.name} holds {member.filename!r}, {reason}; nothing was unpacked. "
                    "Get the archive again from where it was published."
                )
        return cls(path, tuple(member.filename for member in members if not member.is_dir()))

    def find(self, row: WeightFile) -> list[str]:
        """See `Source`."""
        return _known(row, {name: _parts(name) for name in self.members})

    @contextmanager
    def opened(self, path: str, row: WeightFile, room: Path) -> Iterator[Path]:
        """Unpack one member, no more bytes than its row allows; gone again afterwards."""
        unpacked = room / "member"
        with zipfile.ZipFile(self.path) as archive:
            if archive.getinfo(path).file_size > row.limit:
                raise UnsafeWeights(f"{path} unpacks to more than the {row.limit} bytes it may be")
            try:
                with archive.open(path) as inside, unpacked.open("wb") as outside:
                    written = 0
                    while chunk := inside.read(_CHUNK):
                        written += len(chunk)
                        if written > row.limit:
                            raise UnsafeWeights(f"{path} unpacks to more than {row.limit} bytes")
                        outside.write(chunk)
            except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
                raise WeightsTruncated(f"{path} in {self.path.name}: {error}") from error
        try:
            yield unpacked
        finally:
            unpacked.unlink()


def _hostile(member: zipfile.ZipInfo) -> str:
    """What is wrong with a member; empty where nothing is."""
    name = member.filename
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "an absolute path"
    if ".." in _parts(name):
        return "a path that leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a symbolic link"
    if member.flag_bits & 1:
        return "which is encrypted"
    return ""


def _parts(name: str) -> tuple[str, ...]:
    return tuple(re.split(r"[/\\]", name))


def _known(row: WeightFile, files: Mapping[str, Sequence[str]]) -> list[str]:
    """The files (name to parts of its path) that `row` is known by: as published, or where
    there is none such, as converted by an earlier import."""
    member = tuple((row.member or row.file).split("/"))
    published = [name for name, parts in files.items() if tuple(parts[-len(member) :]) == member]
    return published or [name for name, parts in files.items() if parts[-1] == row.file]
