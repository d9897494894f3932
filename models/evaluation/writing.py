"""The tables of an evaluation as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.evaluation.damage import Reading
from models.evaluation.tables import Row, as_csv, as_json, markdown, readings_csv


def write_tables(
    rows: Sequence[Row], readings: Sequence[Reading], about: Mapping[str, Any], out: Path
) -> None:
    """`table.md`, `table.csv`, `table.json` (with `about`) and `readings.csv` in the folder
    `out`, which must be there."""
    for name, text in {
        "table.md": markdown(rows),
        "table.csv": as_csv(rows),
        "table.json": as_json(rows, about),
        "readings.csv": readings_csv(readings),
    }.items():
        (out / name).write_text(text, encoding="utf-8")
