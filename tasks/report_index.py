"""What the page needs to filter, sort and search a million rows without loading them.

The index is cut in blocks of `BLOCK_ROWS` rows. Each block is a few scripts: one byte per row
for status and error class, four per figure one can sort by, the row numbers under each flag,
and the paths for the text search. The page loads only the kinds a question needs, then only
the row parts that hold what it shows.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.records import STATUSES
from tasks.report_data import cut, encode, floats, packed, script

BLOCK_ROWS = 64_000
"""Rows of one block; a whole number of row parts."""

_OTHER = 255
_FLAGS_COUNTED = 500

SORTS: tuple[str, ...] = (
    "damaged_fraction_before",
    "changed_fraction",
    "psnr_outside_mask",
    "noise_before",
    "sharpness_before",
    "face_count",
    "seconds",
    "run_sequence",
)
"""Figures one can sort by: manifest columns, and `seconds`, the sum over all stages."""


@dataclass(slots=True)
class Codes:
    """A growing vocabulary as bytes: 0 is null, 255 whatever comes after the 254th value."""

    names: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, column: pa.Array) -> NDArray[np.uint8]:
        """The codes of a text column, counting every value."""
        coded = column.dictionary_encode()
        known: list[str] = coded.dictionary.to_pylist()
        lookup = np.array([*(self._code(name) for name in known), 0], dtype=np.uint8)
        places = pc.fill_null(coded.indices.cast(pa.int64()), len(known)).to_numpy()
        for name, count in zip(known, np.bincount(places, minlength=len(known)), strict=False):
            self.counts[name if name in self.names else "(other)"] += int(count)
        codes: NDArray[np.uint8] = lookup[places]
        return codes

    def _code(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name) + 1
        if len(self.names) == _OTHER - 1:
            return _OTHER
        self.names.append(name)
        return len(self.names)


@dataclass(slots=True)
class Index:
    """Collects batches and gives out the scripts of every block that is full."""

    rows: int = 0
    blocks: int = 0
    status: Codes = field(default_factory=lambda: Codes(list(STATUSES)))
    errors: Codes = field(default_factory=Codes)
    flags: Counter[str] = field(default_factory=Counter)
    in_order: bool = True
    """Whether the rows came sorted by path, so that the page may say so."""
    _last: str = ""
    _columns: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    _flagged: dict[str, list[int]] = field(default_factory=dict)
    _paths: list[str] = field(default_factory=list)

    def add(self, rows: pa.RecordBatch, paths: list[str]) -> Iterator[tuple[str, bytes]]:
        """Take one batch (a whole part); yields `(name, script)` when a block is full."""
        self._put("status", self.status.take(rows.column("status")))
        self._put("error", self.errors.take(rows.column("error_class")))
        for name in SORTS:
            figures = total_seconds(rows) if name == "seconds" else floats(rows.column(name))
            self._put(name, figures.astype(np.float32))
        self._flag(rows.column("flags"))
        self._order(paths)
        self._paths.extend(paths)
        self.rows += rows.num_rows
        if len(self._paths) >= BLOCK_ROWS:
            yield from self.flush()

    def flush(self) -> Iterator[tuple[str, bytes]]:
        """The scripts of the block begun, if there is any row in it."""
        if not self._paths:
            return
        for name, pieces in self._columns.items():
            yield self._named(name, packed(np.concatenate(pieces)))
        yield self._named("flags", list(self._flagged.items()))
        yield self._named("paths", split_paths(self._paths))
        self.blocks += 1
        self._columns, self._flagged, self._paths = {}, {}, []

    def _named(self, kind: str, data: object) -> tuple[str, bytes]:
        name = f"index-{kind}-{self.blocks:03d}"
        return name, script(name, data)

    def _put(self, name: str, values: NDArray[Any]) -> None:
        self._columns.setdefault(name, []).append(values)

    def _flag(self, column: pa.Array) -> None:
        """Note which rows of the block carry which flag, once per row."""
        first = len(self._paths)
        parents = pc.list_parent_indices(column).to_pylist()
        seen: set[tuple[str, int]] = set()
        for flag, row in zip(column.flatten().to_pylist(), parents, strict=True):
            if flag is None:
                continue
            if flag not in self.flags and len(self.flags) >= _FLAGS_COUNTED:
                flag = "(other)"
            if (flag, row) not in seen:
                seen.add((flag, row))
                self.flags[flag] += 1
                self._flagged.setdefault(flag, []).append(first + row)

    def _order(self, paths: list[str]) -> None:
        if self.in_order and paths:
            self.in_order = self._last <= paths[0] and all(
                a <= b for a, b in itertools.pairwise(paths)
            )
            self._last = paths[-1]


def total_seconds(rows: pa.RecordBatch) -> NDArray[np.float64]:
    """Seconds of all stages together, NaN where none was measured."""
    stages = [name for name in rows.schema.names if name.startswith("seconds_")]
    table = np.stack([floats(rows.column(name)) for name in stages])
    total: NDArray[np.float64] = np.where(
        np.isnan(table).all(axis=0), np.nan, np.nansum(table, axis=0)
    )
    return total


def split_paths(paths: list[str]) -> dict[str, Any]:
    """Paths as folders (few, by index) and names: the folder keeps its closing slash."""
    parts = [path.rpartition("/") for path in paths]
    return {
        "folder": encode([folder + slash for folder, slash, _ in parts]),
        "name": [cut(name) for _, _, name in parts],
    }
