"""The report: a static page a curator can look through, from disk or from a bucket.

`report/index.html` loads its data as scripts (browsers block fetch on `file://`), part by
part, so that a million rows open as quickly as a dozen. Nothing is fetched from elsewhere.
"""

from __future__ import annotations

import hashlib
import html
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.report_data import regroup, script
from tasks.report_histograms import Histograms
from tasks.report_index import BLOCK_ROWS, SORTS, Index, total_seconds
from tasks.report_parts import conform, detail_part, row_part

FOLDER = "report"
PART_ROWS = 1000
_MOST_NAMED = 200

Put = Callable[[str, bytes], object]
"""Stores bytes under a path relative to DESTINATION, replacing what was there."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: the page, and every path of it, relative to DESTINATION."""

    index: str
    paths: tuple[str, ...]


def write_report(
    batches: Iterable[pa.RecordBatch],
    put: Put,
    *,
    title: str,
    run_summaries: Sequence[Mapping[str, Any]] = (),
    ignored: Mapping[str, int] | None = None,
) -> Report:
    """Write the report of a destination; the same input gives the same bytes.

    `batches` are the current rows (`tasks.manifest.SCHEMA`; columns that are missing count as
    null), best sorted by path; they are read once and never held together. `put` stores each
    file as soon as it is made: the page itself comes last, so that an interrupted report
    leaves the earlier page in place. `ignored` counts files that are no images by extension.

    `run_summaries` are the runs, oldest first. Keys shown by name, all optional:
    `run_sequence`, `run_id`, `started` and `finished` (datetime or ISO text), `seconds`,
    `outcome` (text), `counts` (status to number), `software`, `requested`; any other key is
    listed under its own name.
    """
    writer = _Writer(put)
    index, histograms, totals = Index(), Histograms(), _Totals()
    for number, rows in enumerate(regroup(map(conform, batches), PART_ROWS)):
        paths = rows.column("relative_path").to_pylist()
        writer.part(f"rows-{number:05d}", row_part(rows, paths))
        writer.part(f"details-{number:05d}", detail_part(rows))
        for name, data in index.add(rows, paths):
            writer.script(name, data)
        histograms.add(rows)
        totals.add(rows)
    for name, data in index.flush():
        writer.script(name, data)
    summary = {
        "title": title,
        "rows": index.rows,
        "part_rows": PART_ROWS,
        "block_rows": BLOCK_ROWS,
        "in_order": index.in_order,
        "statuses": index.status.names,
        "counts": [index.status.counts[name] for name in index.status.names],
        "errors": index.errors.names,
        "error_counts": [index.errors.counts[name] for name in index.errors.names],
        "flags": _most_first(index.flags),
        "sorts": list(SORTS),
        "histograms": histograms.summary(),
        "ignored": _most_first(ignored or {}),
        "runs": [_plain(dict(run)) for run in run_summaries],
        "edition": writer.edition(),
        **totals.summary(),
    }
    writer.part("summary", summary)
    return writer.page(title)


@dataclass(slots=True)
class _Totals:
    """Sums over all rows that no histogram gives."""

    files: int = 0
    source_bytes: int = 0
    seconds: float = 0.0
    faces: int = 0
    colorized: int = 0
    current_by_run: Counter[int] = field(default_factory=Counter)

    def add(self, rows: pa.RecordBatch) -> None:
        first = pc.equal(pc.fill_null(rows.column("page"), 0), 0)
        self.files += pc.sum(first).as_py() or 0
        self.source_bytes += pc.sum(rows.column("source_bytes").filter(first)).as_py() or 0
        seconds = total_seconds(rows)
        self.seconds += float(seconds[seconds == seconds].sum())
        self.faces += pc.sum(rows.column("face_count")).as_py() or 0
        self.colorized += pc.sum(rows.column("colorized")).as_py() or 0
        for run in pc.value_counts(rows.column("run_sequence")).to_pylist():
            if run["values"] is not None:
                self.current_by_run[run["values"]] += run["counts"]

    def summary(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "source_bytes": self.source_bytes,
            "seconds": round(self.seconds, 1),
            "faces": self.faces,
            "colorized": self.colorized,
            "current_by_run": {str(run): n for run, n in sorted(self.current_by_run.items())},
        }


@dataclass(slots=True)
class _Writer:
    """Puts the files of the report under their names and remembers what they were."""

    put: Put
    paths: list[str] = field(default_factory=list)
    _digest: Any = field(default_factory=hashlib.sha256)

    def part(self, name: str, data: object) -> None:
        self.script(name, script(name, data))

    def script(self, name: str, data: bytes) -> None:
        self._digest.update(data)
        self._write(f"data/{name}.js", data)

    def edition(self) -> str:
        """Names what has been written so far; part of every URL, against stale caches."""
        return str(self._digest.hexdigest()[:16])

    def page(self, title: str) -> Report:
        """Write the page and what it is made of, the page itself last."""
        folder = resources.files("tasks") / "report_assets"
        for asset in sorted(folder.iterdir(), key=lambda item: item.name):
            if asset.name.endswith((".js", ".css")):
                data = asset.read_bytes()
                self._digest.update(data)
                self._write(asset.name, data)
        template = string.Template((folder / "index.html").read_text(encoding="utf-8"))
        page = template.substitute(title=html.escape(title), edition=self.edition())
        index = self._write("index.html", page.encode("utf-8"))
        return Report(index, tuple(self.paths))

    def _write(self, name: str, data: bytes) -> str:
        path = f"{FOLDER}/{name}"
        self.put(path, data)
        self.paths.append(path)
        return path


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts in falling order; what is beyond the most frequent is summed under `(other)`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[_MOST_NAMED:])
    return ordered[:_MOST_NAMED] + ([("(other)", rest)] if rest else [])


def _plain(value: Any) -> Any:
    """A run summary's value as JSON can hold it, times in ISO 8601 and UTC."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, float):
        return round(value, 3) if value - value == 0 else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)
