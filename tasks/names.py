"""The name a restored scan gets: its own, or its own with the extension of another format.

Two scans never get the same name. A name the manifest records for a scan stays its name. Of
several scans that would meet in one name (`a.jpg` and `a.tif`, written as PNG), the one that
has it already as its own keeps it; the others keep their extension inside (`a.jpg.png`), and
so does a scan that arrives when another one already has the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from tasks.current import is_in_sorted
from tasks.inventory import extension_of
from tasks.paths import derivative_path, without_extension

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "tiff": (".tif", ".tiff"),
    "jpeg": (".jpg", ".jpeg", ".jpe"),
    "png": (".png",),
    "webp": (".webp",),
    "jp2": (".jp2",),
    "avif": (".avif",),
}
"""By format, the extensions that name it; the first is the one it is given."""

_REWRITTEN = {".heic": ".avif", ".heif": ".avif"}
"""Formats that are read but not written, and what stands in for them with `--format source`."""


def own_or_new_extension(relative_path: str, output_format: str) -> str | None:
    """The extension to be given to a scan's derivative; None where it keeps its own."""
    extension = extension_of(relative_path)
    if output_format == "source":
        return _REWRITTEN.get(extension)
    known = EXTENSIONS[output_format]
    return None if extension in known else known[0]


def first_choice(relative_path: str, extension: str | None) -> str:
    """The name a scan gets where no other one wants it."""
    if extension is None:
        return relative_path
    return without_extension(relative_path) + extension


class NameBook:
    """Which names are wanted and taken; sixteen bytes for every scan.

    Every scan of the inventory is told to `want` before any is given its name. `recorded` are
    keys of the paths of restored derivatives in the manifest, ascending.
    """

    def __init__(self, recorded: NDArray[np.int64]) -> None:
        self._recorded = recorded
        self._own: list[NDArray[np.int64]] = []
        self._new: list[int] = []
        self._closed: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None = None

    def want_own(self, keys: NDArray[np.int64]) -> None:
        """Scans, by the keys of their relative paths, whose own names are not to be given to
        others."""
        self._own.append(keys)

    def want(self, relative_path: str, extension: str) -> None:
        """A scan that would be given another extension."""
        self._new.append(hash(first_choice(relative_path, extension)))

    def restored_path(self, relative_path: str, extension: str | None, recorded: int) -> str:
        """The path of the restored derivative, relative to the destination.

        `recorded` is the key of the path the manifest has for this scan, or 0.
        """
        for number, name in enumerate(_candidates(relative_path, extension)):
            path = derivative_path("restored", name)
            if hash(path) == recorded:
                return path
            if number == 2:
                break
        for number, name in enumerate(_candidates(relative_path, extension)):
            path = derivative_path("restored", name)
            if not self._is_recorded(path) and self._is_free(name, number, extension):
                return path
        raise AssertionError("unreachable: candidates do not end")

    def _is_recorded(self, path: str) -> bool:
        return bool(is_in_sorted(np.array([hash(path)]), self._recorded)[0])

    def _is_free(self, name: str, number: int, extension: str | None) -> bool:
        if extension is None and number == 0:
            return True
        own, new, wanted_twice = self._closed or self._close()
        key = np.array([hash(name)])
        if is_in_sorted(key, own)[0]:
            return False
        return not is_in_sorted(key, wanted_twice if number == 0 else new)[0]

    def _close(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        own = np.sort(np.concatenate(self._own)) if self._own else np.empty(0, np.int64)
        new, times = np.unique(np.array(self._new, np.int64), return_counts=True)
        self._closed = own, new, new[times > 1]
        return self._closed


def _candidates(relative_path: str, extension: str | None) -> Iterator[str]:
    """Names in the order of preference; from the third on they cannot be foreseen."""
    yield first_choice(relative_path, extension)
    inside = extension or extension_of(relative_path)
    yield relative_path + inside
    for number in count():
        digest = hashlib.sha256(f"{number}/{relative_path}".encode()).hexdigest()[:16]
        yield f"{relative_path}.{digest}{inside}"
