"""The ledger of a destination: one folder a run, holding the manifest parts it committed.

`manifest/run=<sequence>-<run id>/<partition>.<part>.<random>.parquet` is written once and never
again; a row in it is what makes a scan done. Runs follow one another by sequence number, not
by clock. `.albumen/runs/<sequence>-<run id>.json` says how each run began and ended.
"""

from __future__ import annotations

import io
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import ManifestError
from tasks.manifest import SCHEMA
from tasks.records import STATUSES, Row
from tasks.storage import Location, list_files, read_bytes, write_bytes

LEDGER = "manifest"
_RUNS = ".albumen/runs"
_READERS = 8
_RUN_FOLDER = re.compile(r"run=([0-9]+)-([A-Za-z0-9_-]+)\Z")
_RUN_RECORD = re.compile(r"([0-9]+)-([A-Za-z0-9_-]+)\.json\Z")
_PART_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True)
class Run:
    """One run on a destination; a higher `sequence` supersedes a lower one."""

    sequence: int
    run_id: str

    @property
    def name(self) -> str:
        """`<sequence>-<run id>`, the sequence in six digits."""
        return f"{self.sequence:06d}-{self.run_id}"

    @property
    def folder(self) -> str:
        """Where its parts lie, relative to the destination."""
        return f"{LEDGER}/run={self.name}"


@dataclass(frozen=True, slots=True)
class Part:
    """A committed part: its run and its path relative to the destination."""

    run: Run
    path: str

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts parts from oldest to newest; numbers in names count as numbers."""
        name = self.path.rpartition("/")[2]
        digits = re.split(r"([0-9]+)", name)
        return self.run.sequence, [int(d) if i % 2 else d for i, d in enumerate(digits)]


def start_run(destination: Location, run_id: str | None = None) -> Run:
    """Begin the next run; only for the holder of the lease. Raises StorageError."""
    taken = [part.run.sequence for part in list_parts(destination)]
    taken += [run.sequence for run, _ in _run_records(destination)]
    run = Run(max(taken, default=0) + 1, run_id or secrets.token_hex(6))
    if not _PART_NAME.match(run.run_id):
        raise ManifestError(f"run id {run.run_id!r} must be letters, digits, - and _ only.")
    _write_record(destination, run, {"started": _now().isoformat(), "ended": None})
    return run


def end_run(destination: Location, run: Run, ended: str, record: Mapping[str, Any]) -> None:
    """Note how a run ended (`completed`, `interrupted`, ...) and its totals, which `record`
    holds as JSON values."""
    began = json.loads(read_bytes(destination, _record_path(run)))
    _write_record(
        destination, run, began | dict(record) | {"ended": ended, "finished": _now().isoformat()}
    )


def read_runs(destination: Location) -> list[dict[str, Any]]:
    """The records of all runs, newest first; one that never ended was killed, or still runs."""
    records = []
    for run, path in sorted(_run_records(destination), key=lambda r: -r[0].sequence):
        try:
            record = json.loads(read_bytes(destination, path))
        except ValueError:
            record = {"ended": "unreadable"}
        records.append(dict(record) | {"run_id": run.run_id, "run_sequence": run.sequence})
    return records


def write_part(
    destination: Location, run: Run, partition_id: str, part: int | str, rows: Sequence[Row]
) -> str:
    """Commit rows: from then on their scans are done. The part's path.

    All rows of a scan go into one part. Run, partition and time are filled in here; text that
    is not valid UTF-8 is escaped. Raises ManifestError for rows that do not fit the schema,
    StorageError where they cannot be written; nothing is committed then.
    """
    name = f"{part:05d}" if isinstance(part, int) else part
    if not (rows and _PART_NAME.match(partition_id) and _PART_NAME.match(name)):
        raise ManifestError(f"part {name!r} of partition {partition_id!r}: bad name, or no rows.")
    common = {
        "run_id": run.run_id,
        "run_sequence": run.sequence,
        "partition_id": partition_id,
        "committed": _now(),
    }
    buffer = io.BytesIO()
    table = _table([dict(row) | common for row in rows])
    pq.write_table(table, buffer, compression="zstd")
    # Random: whoever else writes for this partition, such as an attempt given up for dead,
    # never replaces what is committed.
    path = f"{run.folder}/{partition_id}.{name}.{secrets.token_hex(4)}.parquet"
    write_bytes(destination, path, buffer.getvalue())
    return path


def rows_of_partition(destination: Location, run: Run, partition_id: str) -> list[Row]:
    """The rows an earlier attempt at a partition of this run committed. Raises ManifestError."""
    rows: list[Row] = []
    for part in sorted(list_parts(destination, run), key=lambda part: part.order):
        if part.path.rpartition("/")[2].startswith(f"{partition_id}."):
            rows += read_part(destination, part.path).to_pylist()
    return rows


def statuses_of_partition(destination: Location, run: Run, partition_id: str) -> dict[str, str]:
    """The status of every scan that an earlier attempt at a partition brought to a row."""
    rows = rows_of_partition(destination, run, partition_id)
    return {row["relative_path"]: row["status"] for row in rows}


def colorized_in(destination: Location, run: Run) -> int:
    """How many scans a run colorized. Raises ManifestError, StorageError."""
    columns = ["relative_path", "colorized"]
    with ThreadPoolExecutor(_READERS) as pool:
        paths = [part.path for part in list_parts(destination, run)]
        tables = pool.map(lambda path: read_part(destination, path, columns), paths)
        colorized = {
            path
            for table in tables
            for path, is_so in zip(*(table.column(c).to_pylist() for c in columns), strict=True)
            if is_so
        }
    return len(colorized)


def list_parts(destination: Location, run: Run | None = None) -> list[Part]:
    """Every committed part, or those of one run, in no particular order."""
    parts = []
    for found in list_files(destination, run.folder if run else LEDGER):
        folder, _, name = found.relative_path.removeprefix(f"{LEDGER}/").partition("/")
        match = _RUN_FOLDER.match(folder)
        if match and name.endswith(".parquet") and not name.startswith("."):
            parts.append(Part(Run(int(match[1]), match[2]), found.relative_path))
    return parts


def read_part(destination: Location, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a part as an Arrow table. Raises ManifestError where it is no such part."""
    try:
        return pq.ParquetFile(io.BytesIO(read_bytes(destination, path))).read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(
            f"{destination.child(path)} is not a manifest part ({_line(error)}). Parts are "
            f"written whole: move it away; what it held is restored again."
        ) from None


def _table(rows: list[Row]) -> pa.Table:
    for row in rows:
        unknown = row.keys() - set(SCHEMA.names)
        if unknown:
            raise ManifestError(f"no such manifest column: {', '.join(sorted(unknown))}.")
        if row.get("status") not in STATUSES or not row.get("relative_path"):
            raise ManifestError(f"a row needs a path and a known status: {row!r:.300}")
    try:
        return pa.Table.from_pylist([_valid(row) for row in rows], schema=SCHEMA)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ManifestError(f"rows do not fit the manifest: {_line(error)}") from error


def _valid(value: Any) -> Any:
    """The value with every text in it valid UTF-8."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {key: _valid(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(inner) for inner in value]
    return value


def _run_records(destination: Location) -> list[tuple[Run, str]]:
    found = []
    for entry in list_files(destination, _RUNS):
        match = _RUN_RECORD.match(entry.relative_path.rpartition("/")[2])
        if match:
            found.append((Run(int(match[1]), match[2]), entry.relative_path))
    return found


def _record_path(run: Run) -> str:
    return f"{_RUNS}/{run.name}.json"


def _write_record(destination: Location, run: Run, record: Mapping[str, Any]) -> None:
    whole = dict(record) | {"run_id": run.run_id, "run_sequence": run.sequence}
    text = json.dumps(whole, indent=1, ensure_ascii=True, default=str)
    write_bytes(destination, _record_path(run), text.encode())


def _now() -> datetime:
    return datetime.now(UTC)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
