"""Verification: the derivatives as they are now against the manifest."""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from tasks.current import current_batches, is_in_sorted
from tasks.errors import StorageError
from tasks.paths import DERIVATIVE_FOLDERS
from tasks.storage import Location, exists, list_files, open_derivative

_EXAMPLES = 100
_READERS = 4
_BLOCK = 4 << 20
_COLUMNS = [f"outputs.list.element.{leaf}" for leaf in ("path", "sha256", "bytes")]


@dataclass(slots=True)
class Findings:
    """How many files, and the first hundred, each with a reason."""

    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, reason: str) -> None:
        """Count a file."""
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append((path, reason))


@dataclass(slots=True)
class Verification:
    """`checked` derivatives were hashed, `bytes` in all. `stray` files lie among derivatives
    and no current row names them."""

    checked: int = 0
    bytes: int = 0
    missing: Findings = field(default_factory=Findings)
    altered: Findings = field(default_factory=Findings)
    unreadable: Findings = field(default_factory=Findings)
    stray: Findings = field(default_factory=Findings)

    @property
    def ok(self) -> bool:
        """Whether everything is as the manifest says, and nothing else is there."""
        found = (self.missing, self.altered, self.unreadable, self.stray)
        return not any(findings.count for findings in found)


def verify(
    destination: Location, progress: Callable[[int, int], None] = lambda _files, _bytes: None
) -> Verification:
    """Hash every derivative that a current row names, and list what else there is.

    Streams, with eight bytes of memory a derivative. `progress` is told files and bytes done.
    Raises ManifestError, StorageError.
    """
    result = Verification()
    named = array("q")
    for path, expected, size, found in _hashed(destination, named):
        if isinstance(found, StorageError):
            if exists(destination, path):
                result.unreadable.add(path, str(found))
            else:
                result.missing.add(path, "there is no such file")
        elif found != (expected, size):
            now = "other content" if found[1] == size else f"{found[1]} bytes rather than {size}"
            result.altered.add(path, f"{now}, unlike the manifest")
        if not isinstance(found, StorageError):
            result.checked += 1
            result.bytes += found[1]
        progress(result.checked, result.bytes)
    ordered = np.sort(np.array(named, np.int64))
    for folder in DERIVATIVE_FOLDERS:
        for entry in list_files(destination, folder):
            key = np.array([hash(entry.relative_path)])
            if not is_in_sorted(key, ordered)[0]:
                result.stray.add(entry.relative_path, "named by no current row")
    return result


Checked = tuple[str, str, int, tuple[str, int] | StorageError]


def _hashed(destination: Location, named: array[int]) -> Iterator[Checked]:
    """Path, checksum and size by the manifest, and both as found, of every derivative."""
    with ThreadPoolExecutor(_READERS) as pool:
        waiting: deque[tuple[str, str, int, Future[tuple[str, int] | StorageError]]] = deque()
        for path, expected, size in _expected(destination, named):
            waiting.append((path, expected, size, pool.submit(_digest, destination, path)))
            if len(waiting) >= 4 * _READERS:
                path, expected, size, future = waiting.popleft()
                yield path, expected, size, future.result()
        for path, expected, size, future in waiting:
            yield path, expected, size, future.result()


def _expected(destination: Location, named: array[int]) -> Iterator[tuple[str, str, int]]:
    """Every derivative once: each page of a scan names all of the scan's."""
    before: list[dict[str, object]] | None = None
    for batch in current_batches(destination, _COLUMNS):
        for outputs in batch.column("outputs").to_pylist():
            if outputs and outputs != before:
                for output in outputs:
                    named.append(hash(output["path"]))
                    yield output["path"], output["sha256"], output["bytes"]
            before = outputs


def _digest(destination: Location, path: str) -> tuple[str, int] | StorageError:
    digest, size = hashlib.sha256(), 0
    try:
        with open_derivative(destination, path) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except StorageError as error:
        return error
    except OSError as error:
        return StorageError(str(error))
    return digest.hexdigest(), size
