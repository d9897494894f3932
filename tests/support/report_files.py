"""A report kept in memory or on disk, and its data read back the way the page would."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.report import write_report


class Kept(dict[str, bytes]):
    """Files by path, in the order they were put."""

    def put(self, path: str, data: bytes) -> None:
        self.pop(path, None)
        self[path] = data

    def part(self, name: str) -> Any:
        text = self[f"report/data/{name}.js"].decode("ascii")
        head = f'Albumen.part("{name}",'
        assert text.startswith(head) and text.endswith(");\n")
        return json.loads(text[len(head) : -3])

    def page(self) -> str:
        return self["report/index.html"].decode("utf-8")


def kept(batches: Iterable[pa.RecordBatch], **options: Any) -> Kept:
    files = Kept()
    write_report(batches, files.put, **{"title": "A collection", **options})
    return files


def on_disk(destination: Path, batches: Iterable[pa.RecordBatch], **options: Any) -> Path:
    """Write the report below `destination` and return the page's path."""

    def put(path: str, data: bytes) -> None:
        target = destination / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    report = write_report(batches, put, **{"title": "A collection", **options})
    return destination / report.index


def decoded(column: Any, rows: int) -> list[Any]:
    """The values of an encoded column, as `Albumen.value` in the page takes them."""
    if column is None:
        return [None] * rows
    if isinstance(column, list):
        return column
    if "c" in column:
        return [column["c"]] * rows
    return [None if place < 0 else column["d"][place] for place in column["i"]]
