"""The current row of every page: what the newest run that touched a scan says of it.

`manifest.parquet` holds these rows as of the last close, and names the runs it includes; parts
of later runs, closed or killed, are laid over it. All of this streams: memory grows by eight
bytes for every scan of the later runs.
"""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.errors import ManifestError, StorageError
from tasks.ledger import Part, list_parts, read_part
from tasks.manifest import SCHEMA
from tasks.paths import MANIFEST
from tasks.storage import Location, exists, open_derivative, write_file
from tasks.version import VERSION

_RUNS_KEY = b"albumen.runs"
_VERSION_KEY = b"albumen.version"
_BATCH_ROWS = 16_384
_READERS = 8


def current_batches(
    destination: Location, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Current rows, all pages of a scan one after the other; in no particular order.

    `columns` are column names, or leaves such as `outputs.list.element.path`; columns an
    older version did not write are null. Raises ManifestError naming a file that is no part
    of the manifest, StorageError.
    """
    with _manifest(destination) as manifest:
        later = _later_parts(destination, _included(manifest))
        wanted = None if columns is None else [*columns, *_missing_path(columns)]
        seen = PathSet()
        for table in _read_ahead(destination, later, wanted):
            keys = path_keys(table.column("relative_path"))
            yield from _kept(table, ~seen.contains(keys))
            seen.add(keys)
        if manifest is None:
            return
        for batch in _batches(destination, manifest, wanted):
            keys = path_keys(batch.column("relative_path"))
            yield from _kept(pa.Table.from_batches([batch]), ~seen.contains(keys))


def rewrite_manifest(destination: Location) -> bool:
    """Bring `manifest.parquet` up to date; whether there was anything to do.

    It is replaced whole, in bounded memory. Raises ManifestError, StorageError.
    """
    with _manifest(destination) as manifest:
        included = _included(manifest)
        later = _later_parts(destination, included)
        if manifest is not None and not later:
            return False
    runs = sorted(included | {part.run.name for part in later})
    metadata = {_RUNS_KEY: json.dumps(runs), _VERSION_KEY: VERSION}
    schema = SCHEMA.with_metadata(metadata)
    try:
        with tempfile.TemporaryDirectory(prefix="albumen-") as folder:
            file = Path(folder) / MANIFEST
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for table in _regrouped(current_batches(destination)):
                    writer.write_table(table, row_group_size=_BATCH_ROWS)
            write_file(destination, MANIFEST, file)
    except OSError as error:  # storage raises its own
        raise StorageError(
            f"the manifest cannot be put together: {error}. If there is no room for temporary "
            f"files, let TMPDIR name a larger disk; the next run makes up for it."
        ) from error
    return True


class PathSet:
    """A growing set of 64-bit keys that takes eight bytes for each."""

    def __init__(self) -> None:
        self._sorted: NDArray[np.int64] = np.empty(0, np.int64)
        self._recent: set[int] = set()

    def add(self, keys: NDArray[np.int64]) -> None:
        """Add keys; most of the time to a small set, now and then to the large array."""
        self._recent.update(keys.tolist())
        if len(self._recent) > 1 << 16:
            recent = np.fromiter(self._recent, np.int64, len(self._recent))
            self._sorted = np.union1d(self._sorted, recent)
            self._recent = set()

    def contains(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the keys are in the set."""
        found = is_in_sorted(keys, self._sorted)
        if self._recent:
            recent = np.fromiter((k in self._recent for k in keys.tolist()), bool, len(keys))
            found |= recent
        return found


def path_keys(paths: Any) -> NDArray[np.int64]:
    """A 64-bit key for each text of an Arrow array; the same only within this process."""
    texts = paths.to_pylist()
    return np.fromiter(map(hash, texts), np.int64, len(texts))


def is_in_sorted(keys: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of `keys` occur in `ordered`, which ascends."""
    if not len(ordered):
        return np.zeros(len(keys), bool)
    at = np.searchsorted(ordered, keys)
    at[at == len(ordered)] = 0
    found: NDArray[np.bool_] = ordered[at] == keys
    return found


# -- reading


@contextmanager
def _manifest(destination: Location) -> Iterator[pq.ParquetFile | None]:
    if not exists(destination, MANIFEST):
        yield None
        return
    with open_derivative(destination, MANIFEST) as file:
        try:
            manifest = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise _unusable(destination, str(error)) from None
        yield manifest


def _included(manifest: pq.ParquetFile | None) -> frozenset[str]:
    if manifest is None:
        return frozenset()
    runs = (manifest.schema_arrow.metadata or {}).get(_RUNS_KEY)
    return frozenset(json.loads(runs)) if runs else frozenset()


def _later_parts(destination: Location, included: frozenset[str]) -> list[Part]:
    """Parts of runs that the manifest does not include, newest first."""
    parts = [part for part in list_parts(destination) if part.run.name not in included]
    return sorted(parts, key=lambda part: part.order, reverse=True)


def _read_ahead(
    destination: Location, parts: Sequence[Part], columns: Sequence[str] | None
) -> Iterator[pa.Table]:
    """The parts' tables in order; a few are fetched ahead, since each is a small file."""
    with ThreadPoolExecutor(_READERS) as pool:
        waiting: deque[tuple[Part, Future[pa.Table]]] = deque()
        for part in parts:
            waiting.append((part, pool.submit(read_part, destination, part.path, columns)))
            if len(waiting) >= 2 * _READERS:
                oldest, table = waiting.popleft()
                yield _conform(destination.child(oldest.path), table.result(), columns)
        for part, table in waiting:
            yield _conform(destination.child(part.path), table.result(), columns)


def _batches(
    destination: Location, manifest: pq.ParquetFile, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    where = destination.child(MANIFEST)
    try:
        for batch in manifest.iter_batches(_BATCH_ROWS, columns=columns):
            table = _conform(where, pa.Table.from_batches([batch]), columns)
            yield from table.combine_chunks().to_batches()
    except (pa.ArrowException, OSError) as error:
        raise _unusable(destination, str(error)) from None


def _conform(where: str, table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """The table with the schema's columns in its order, absent ones null."""
    wanted = SCHEMA.names if columns is None else {name.partition(".")[0] for name in columns}
    if "relative_path" not in table.column_names:
        raise ManifestError(f"{where} has no column relative_path: it is no manifest.")
    newer = set(table.column_names) - set(SCHEMA.names)
    if newer:
        raise ManifestError(
            f"{where} was written by a newer Albumen: it has columns this version does not know "
            f"({', '.join(sorted(newer))}). Upgrade Albumen."
        )
    arrays, names = [], []
    for field in SCHEMA:
        if field.name not in wanted:
            continue
        names.append(field.name)
        if field.name not in table.column_names:
            arrays.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        whole = columns is None or field.name in columns
        if whole and column.type != field.type:
            try:
                column = column.cast(field.type)
            except pa.ArrowException:
                raise ManifestError(
                    f"{where}: column {field.name} is {column.type}, not {field.type}."
                ) from None
        arrays.append(column)
    return pa.table(arrays, names=names)


def _kept(table: pa.Table, keep: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    if not keep.all():
        table = table.filter(pa.array(keep))
    yield from table.combine_chunks().to_batches()


def _regrouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches of whatever size as tables of a row group's."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= _BATCH_ROWS:
            yield pa.Table.from_batches(held, SCHEMA)
            held, rows = [], 0
    yield pa.Table.from_batches(held, SCHEMA)


def _missing_path(columns: Sequence[str]) -> list[str]:
    return [] if "relative_path" in columns else ["relative_path"]


def _unusable(destination: Location, why: str) -> ManifestError:
    return ManifestError(
        f"{destination.child(MANIFEST)} cannot be read ({' '.join(why.split())[:200]}). Move it "
        f"away: it is rebuilt from {destination.child('manifest')}."
    )
