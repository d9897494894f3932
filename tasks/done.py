"""What the manifest and the derivatives themselves say is done: a compact index by path.

Eight bytes for every listed derivative while it is built, about forty for every scan after.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.current import current_batches, is_in_sorted, path_keys
from tasks.paths import DERIVATIVE_FOLDERS
from tasks.records import MASTER_ALTERED, Scan
from tasks.storage import Listed, Location, list_files

_SECONDS = ("read", "look", "damage", "faces", "color", "write")
_COLUMNS = (
    "relative_path",
    "recipe",
    "requested",
    "source_bytes",
    "source_modified",
    "source_etag",
    "status",
    "transient",
    "flags",
    *(f"outputs.list.element.{leaf}" for leaf in ("kind", "path", "bytes", "etag", "modified")),
    *(f"seconds_{step}" for step in _SECONDS),
)

FAILED, TRANSIENT, DAMAGED, WITHDRAWN, ALTERED = 1, 2, 4, 8, 16
"""Flags of a scan: its rows say failed or quarantined; may pass; a derivative is not as written;
its derivatives were withdrawn; its master was found altered."""


@dataclass(slots=True)
class Experience:
    """What earlier runs cost: source bytes of the scans they restored, seconds, output bytes."""

    scans: int = 0
    source_bytes: int = 0
    seconds: float = 0.0
    output_bytes: int = 0


@dataclass(slots=True)
class DoneIndex:
    """The scans of the manifest; all arrays in the order of `keys`, which ascends.

    `recipes` and `requests` number the distinct digests and chosen options, `recipe` and
    `request` hold those numbers; `restored` is the key of the restored derivative's path or 0.
    """

    keys: NDArray[np.int64]
    fingerprint: NDArray[np.int64]
    recipe: NDArray[np.int32]
    request: NDArray[np.int32]
    flags: NDArray[np.uint8]
    restored: NDArray[np.int64]
    recipes: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    experience: Experience = field(default_factory=Experience)

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The position of each scan, by the key of its relative path; -1 where it has none."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        return np.where(self.keys[at] == keys, at, -1)

    def __len__(self) -> int:
        return len(self.keys)


def fingerprint_key(scan: Scan) -> int:
    """A 64-bit key of what a listing says of a scan; the same only within this process."""
    return hash((scan.size, scan.modified_us, scan.etag))


def read_done(destination: Location, listing: Iterable[Listed] | None = None) -> DoneIndex:
    """The index of a destination, checked against what its storage lists now.

    `listing` stands in for the listing of the derivatives' folders. Raises StorageError,
    ManifestError.
    """
    listed = _as_listed(_derivatives(destination) if listing is None else listing)
    pages = _Pages(listed)
    for batch in current_batches(destination, _COLUMNS):
        pages.add(batch)
    return pages.index()


def _derivatives(destination: Location) -> Iterator[Listed]:
    return chain.from_iterable(list_files(destination, f) for f in DERIVATIVE_FOLDERS)


def _as_listed(listing: Iterable[Listed]) -> NDArray[np.int64]:
    """Ascending keys of path, size, and etag or time, of every file."""
    keys = array(
        "q",
        (
            hash((entry.relative_path, entry.size, entry.etag or entry.modified_us))
            for entry in listing
        ),
    )
    return np.sort(np.array(keys, np.int64))


class _Pages:
    """Gathers the manifest's rows; pages of one scan become one entry."""

    def __init__(self, listed: NDArray[np.int64]) -> None:
        self._listed = listed
        self._gathered: list[tuple[NDArray[Any], ...]] = []
        self._recipes: dict[str, int] = {}
        self._requests: dict[str, int] = {}
        self._experience = Experience()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in rows, all pages of a scan being neighbours or in neighbouring batches."""
        column = batch.column
        sizes = column("source_bytes").to_pylist()
        times = column("source_modified").cast(pa.int64()).to_pylist()
        marks = zip(sizes, times, column("source_etag").to_pylist(), strict=True)
        fingerprint = np.fromiter(map(hash, marks), np.int64, len(sizes))
        status = column("status")
        failed = _flags(pc.is_in(status, pa.array(["failed", "quarantined"])))
        flags = failed * FAILED + _flags(pc.fill_null(column("transient"), False)) * TRANSIENT
        flags += _flags(pc.equal(status, "withdrawn")) * WITHDRAWN
        flags[_rows_flagged(column("flags"), MASTER_ALTERED)] += ALTERED
        damaged, restored, output_bytes = self._outputs(column("outputs"))
        self._gathered.append(
            (
                path_keys(column("relative_path")),
                fingerprint,
                _numbered(column("recipe"), self._recipes),
                _numbered(column("requested"), self._requests),
                flags + damaged * DAMAGED,
                restored,
            )
        )
        self._learn(batch, failed == 0, output_bytes)

    def index(self) -> DoneIndex:
        """The index of all rows taken in."""
        kinds = (np.int64, np.int64, np.int32, np.int32, np.uint8, np.int64)
        columns = [
            np.concatenate([part[i] for part in self._gathered] or [np.empty(0, kind)])
            for i, kind in enumerate(kinds)
        ]
        self._gathered.clear()
        order = np.argsort(columns[0], kind="stable")
        columns = [column[order] for column in columns]
        keys = columns[0]
        first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
        flags = np.bitwise_or.reduceat(columns[4], first) if len(first) else columns[4]
        keys, fingerprint, recipe, request, _, restored = (column[first] for column in columns)
        return DoneIndex(
            keys,
            fingerprint,
            recipe,
            request,
            flags,
            restored,
            self._recipes,
            self._requests,
            self._experience,
        )

    def _outputs(
        self, outputs: Any
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """For each row: whether a derivative is not as written, the key of the restored one's
        path or 0, and the bytes of all."""
        count = pc.fill_null(pc.list_value_length(outputs), 0).to_numpy(zero_copy_only=False)
        ends = np.cumsum(count)
        row = np.repeat(np.arange(len(count)), count)
        flat = outputs.flatten()
        paths = flat.field("path").to_pylist()
        sizes = flat.field("bytes").to_pylist()
        etags = flat.field("etag").to_pylist()
        times = flat.field("modified").cast(pa.int64()).to_pylist()
        states = (
            hash((path, size, etag or time))
            for path, size, etag, time in zip(paths, sizes, etags, times, strict=True)
        )
        is_there = is_in_sorted(np.fromiter(states, np.int64, len(paths)), self._listed)
        damaged = np.zeros(len(count), np.uint8)
        damaged[row[~is_there]] = 1
        restored = np.zeros(len(count), np.int64)
        is_restored = _flags(pc.equal(flat.field("kind"), "restored")).astype(bool)
        restored[row[is_restored]] = [hash(paths[i]) for i in np.flatnonzero(is_restored).tolist()]
        total = np.r_[0, np.cumsum(np.array(sizes, np.int64))]
        return damaged, restored, total[ends] - total[ends - count]

    def _learn(
        self, batch: pa.RecordBatch, is_good: NDArray[np.bool_], output_bytes: NDArray[np.int64]
    ) -> None:
        """Add up what restoring cost; every page of a scan repeats its bytes and outputs."""
        paths = np.array(batch.column("relative_path").to_pylist(), object)
        is_first = np.r_[True, paths[1:] != paths[:-1]] & is_good
        sizes = batch.column("source_bytes").fill_null(0).to_numpy(zero_copy_only=False)
        self._experience.scans += int(is_first.sum())
        self._experience.source_bytes += int(sizes[is_first].sum())
        self._experience.output_bytes += int(output_bytes[is_first].sum())
        for step in _SECONDS:
            seconds = batch.column(f"seconds_{step}").to_numpy(zero_copy_only=False)
            self._experience.seconds += float(np.nansum(seconds[is_good]))


def _rows_flagged(flags: Any, wanted: str) -> NDArray[np.int64]:
    """The rows that carry a review flag, each once."""
    is_it = pc.fill_null(pc.equal(flags.flatten(), wanted), False)
    rows = pc.filter(pc.list_parent_indices(flags), is_it)
    return np.unique(rows.to_numpy(zero_copy_only=False)).astype(np.int64)


def _flags(values: Any) -> NDArray[np.uint8]:
    return values.cast(pa.uint8()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _numbered(texts: Any, numbers: dict[str, int]) -> NDArray[np.int32]:
    """Each text's number; new texts get the next one."""
    coded = pc.dictionary_encode(pc.fill_null(texts, ""))
    known = [numbers.setdefault(text, len(numbers)) for text in coded.dictionary.to_pylist()]
    indices = coded.indices.to_numpy(zero_copy_only=False)
    numbered: NDArray[np.int32] = np.array(known, np.int32)[indices]
    return numbered
