"""Listing of a local folder: streamed, in path order, links looked through but not followed."""

# Names are handled as bytes, and a flat folder may hold a million of them: no pathlib here.
# ruff: noqa: PTH112, PTH114, PTH115, PTH116

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from tasks.storage_types import EntryKind, Listed

_YEAR_1_US, _YEAR_9999_US = -62_135_596_800_000_000, 253_402_300_799_000_000


def printable(path: str) -> str:
    r"""A path as valid UTF-8: bytes that are not become `\udcXX`, `XX` being the byte.

    Different paths stay different: one that already holds the text `\udc`, or needs an
    escape, has its backslashes doubled; all others stay as they are.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.replace("\\", "\\\\").encode(errors="backslashreplace").decode()
    return path.replace("\\", "\\\\") if "\\udc" in path else path


def shown(path: str) -> str:
    """A path for a message of one line: control characters escaped."""
    text = printable(path)
    return text if text.isprintable() else "".join(map(_shown_character, text))


def _shown_character(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def modified_us(found: os.stat_result) -> int:
    """Microseconds since the epoch, within the years that a timestamp can name."""
    return min(max(found.st_mtime_ns // 1000, _YEAR_1_US), _YEAR_9999_US)


def inside(root: str, path: str) -> bool:
    """Whether `path`, links resolved, lies in the folder `root`."""
    real_root, real = os.path.realpath(root), os.path.realpath(path)
    return real == real_root or real.startswith(real_root.rstrip("/") + "/")


def list_folder(root: str, top: str) -> Iterator[Listed]:
    """Every entry below the folder `top`, itself below `root` or equal to it, named from
    `root`, in the order of the paths' bytes. Nothing where `top` is no folder.

    Links to folders and folders that cannot be listed are reported, not entered.
    """
    if not os.path.isdir(top):
        return
    base = len(os.fsencode(root.rstrip("/"))) + 1
    pending = [iter([os.fsencode(top.rstrip("/")) + b"/"])]
    is_top = True
    while pending:
        path = next(pending[-1], None)
        if path is None:
            pending.pop()
        elif not path.endswith(b"/"):
            entry = _file(root, path, base)
            if entry is not None:
                yield entry
        elif os.path.islink(path[:-1]) and not is_top:
            yield _folder(path, base, "folder link", f"a link to {_target(path[:-1])}")
        else:
            try:
                pending.append(_children(path))
            except OSError as error:
                yield _folder(path, base, "unreadable folder", error.strerror or str(error))
        is_top = False


def _children(folder: bytes) -> Iterator[bytes]:
    """The paths in a folder in byte order; folders, and links to folders, end in `/`.

    Ending in `/` makes a folder sort where the paths inside it belong, as on S3.
    """
    names: list[bytes] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            names.append(entry.name + b"/" if is_folder else entry.name)
    names.sort()
    return (folder + name for name in names)


def _file(root: str, path: bytes, base: int) -> Listed | None:
    uri = os.fsdecode(path)
    size, modified, problem = 0, None, None
    try:
        found = os.lstat(path)
    except OSError:
        return None  # removed since its folder was listed
    try:
        size, modified = found.st_size, modified_us(found)
        if stat.S_ISLNK(found.st_mode):
            found = os.stat(path)
            if inside(root, uri):
                size, modified = found.st_size, modified_us(found)
            else:
                problem = f"a symbolic link that leads out of the source, to {_target(path)}"
        if not stat.S_ISREG(found.st_mode):
            problem = problem or "not a regular file, but a pipe, a socket or a device"
    except FileNotFoundError:
        problem = f"a symbolic link that leads nowhere, to {_target(path)}"
    except OSError as error:
        problem = f"a symbolic link that cannot be resolved: {error.strerror}"
    return Listed(printable(os.fsdecode(path[base:])), size, modified, None, uri, problem)


def _folder(path: bytes, base: int, kind: EntryKind, reason: str) -> Listed:
    name = printable(os.fsdecode(path[base:-1])) or "."
    return Listed(name, 0, None, None, os.fsdecode(path[:-1]), reason, kind)


def _target(link: bytes) -> str:
    try:
        return printable(os.fsdecode(os.readlink(link)))
    except OSError:
        return "an unknown place"
