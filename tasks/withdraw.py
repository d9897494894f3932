"""Withdrawal: derivatives taken away again, and the row that says so.

The ledger is never rewritten: a withdrawn scan gets new rows of status `withdrawn`, with what it
is and without derivatives, and then its files are removed. A journal names the files before the
rows are committed, so that a withdrawal that was killed in between is finished by whoever next
holds the lease: no file is left that its rows no longer name, none is removed that they do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks import ledger
from tasks.current import current_batches, is_in_sorted
from tasks.errors import StorageError
from tasks.inventory import Inventory
from tasks.ledger import Run
from tasks.location import Location
from tasks.records import Row
from tasks.storage import list_files, read_bytes, remove, write_bytes

_JOURNALS = ".albumen/withdrawals"
_SCANS_AT_ONCE = 200
_KEPT = (
    "recipe",
    "requested",
    "settings",
    "source_uri",
    "relative_path",
    "page",
    "page_count",
    "source_sha256",
    "source_bytes",
    "source_modified",
    "source_etag",
    "width",
    "height",
    "bit_depth",
    "channels",
    "source_format",
    "tone",
)
"""What a withdrawn scan's row still says: which scan it was, and what it was like."""

Wanted = Callable[[Sequence[str]], NDArray[np.bool_]]
"""Which of these relative paths are wanted."""


@dataclass(slots=True)
class Withdrawn:
    """What was, or would be, withdrawn: scans, their derivatives, and the bytes of these."""

    scans: int = 0
    derivatives: int = 0
    bytes: int = 0

    def add(self, pages: Sequence[Row]) -> None:
        """Count a scan."""
        outputs = _outputs(pages)
        self.scans += 1
        self.derivatives += len(outputs)
        self.bytes += sum(outputs.values())


def select(destination: Location, wanted: Wanted) -> Iterator[list[Row]]:
    """The current rows of each wanted scan that is not withdrawn, all of its pages together.

    Streams. Raises ManifestError, StorageError.
    """
    return (list(pages) for _, pages in groupby(_rows(destination, wanted), _path))


def named(paths: Sequence[str]) -> Wanted:
    """Wants scans by their relative path, and with `folder/` all below a folder."""
    exact = frozenset(paths)
    folders = tuple(path for path in paths if path.endswith("/"))
    return lambda texts: np.fromiter(
        (text in exact or text.startswith(folders) for text in texts), bool, len(texts)
    )


def gone(inventory: Inventory) -> Wanted:
    """Wants the scans that a source no longer has, by a listing of all of it.

    Eight bytes of memory a scan. Raises StorageError where it cannot be listed completely: what
    lies in a folder that cannot be entered is not gone.
    """
    listed = np.sort(np.fromiter((hash(s.relative_path) for s in inventory.scans()), np.int64))
    if inventory.unreadable.count:
        path, reason = inventory.unreadable.examples[0]
        raise StorageError(
            f"{inventory.unreadable.count} folders of {inventory.source.uri} cannot be listed, "
            f"such as {path}: {reason}. What lies in them is not gone: mend this first."
        )
    return lambda texts: ~is_in_sorted(np.fromiter(map(hash, texts), np.int64), listed)


def among(keys: NDArray[np.int64]) -> Wanted:
    """Wants the scans with these keys (hashes of their paths in this process), which ascend."""
    return lambda texts: is_in_sorted(np.fromiter(map(hash, texts), np.int64), keys)


def withdraw(
    destination: Location,
    run: Run,
    scans: Iterable[Sequence[Row]],
    reason: str,
    returns: bool,
) -> Withdrawn:
    """Commit the rows of a withdrawal and remove the derivatives, some hundred scans at a time;
    only for the holder of the lease.

    `reason` is kept in the rows. With `returns` a scan is restored again as soon as the source
    has it; otherwise only when that is asked for. Raises ManifestError, StorageError.
    """
    total = Withdrawn()
    iterator = iter(scans)
    number = 0
    while group := list(islice(iterator, _SCANS_AT_ONCE)):
        number += 1
        partition = f"withdrawal-{number:05d}"
        files = sorted({path for pages in group for path in _outputs(pages)})
        journal = f"{_JOURNALS}/{run.name}.{partition}.json"
        content = {"sequence": run.sequence, "run_id": run.run_id, "partition": partition}
        write_bytes(destination, journal, json.dumps(content | {"files": files}).encode())
        rows = [_row(page, reason, returns) for pages in group for page in pages]
        ledger.write_part(destination, run, partition, 0, rows)
        _remove(destination, journal, files)
        for pages in group:
            total.add(pages)
    return total


def finish_withdrawals(destination: Location) -> int:
    """Finish withdrawals that were killed; only for the holder of the lease. How many there were.

    Raises StorageError.
    """
    journals = [entry.relative_path for entry in list_files(destination, _JOURNALS)]
    for journal in journals:
        try:
            content = json.loads(read_bytes(destination, journal))
            run, files = Run(content["sequence"], content["run_id"]), content["files"]
            begins = f"{run.folder}/{content['partition']}."
        except (ValueError, KeyError, TypeError):  # not one of ours: nothing is removed for it
            continue
        is_committed = any(p.path.startswith(begins) for p in ledger.list_parts(destination, run))
        _remove(destination, journal, files if is_committed else [])
    return len(journals)


def _remove(destination: Location, journal: str, files: Iterable[str]) -> None:
    for path in files:
        remove(destination, path)
    remove(destination, journal)


def _row(page: Row, reason: str, returns: bool) -> Row:
    kept = {name: page.get(name) for name in _KEPT}
    return kept | {"status": "withdrawn", "notes": [reason], "transient": returns}


def _rows(destination: Location, wanted: Wanted) -> Iterator[Row]:
    for batch in current_batches(destination, [*_KEPT, "status", "outputs"]):
        mask = wanted(batch.column("relative_path").to_pylist())
        mask &= np.array(batch.column("status").to_pylist()) != "withdrawn"
        if mask.any():
            yield from batch.filter(pa.array(mask)).to_pylist()


def _path(row: Row) -> Any:
    return row["relative_path"]


def _outputs(pages: Sequence[Row]) -> dict[str, int]:
    """Path and bytes of the derivatives of a scan; each page names all of them."""
    return {output["path"]: output["bytes"] for row in pages for output in row["outputs"] or ()}
