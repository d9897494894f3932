"""Readings brought together: one figure a method and measure, beside what it must reach."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from models.evaluation.damage import Reading

Sense = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over photographs, with its worst cases: 5th and 95th percentile, and how many."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach."""

    sense: Sense
    value: float

    def met(self, value: float) -> bool:
        """Whether `value` reaches it; a figure that is not there (nan) does not."""
        if math.isnan(value):
            return False
        return value >= self.value if self.sense == "at least" else value <= self.value


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: on what, which method, which measure, how much, what was asked.

    `unit` is dB, % or nothing; `value` and the target are in it. `low` and `high` (percentiles
    5 and 95 over photographs) and `count` (photographs) are None where they mean nothing.
    """

    on: str
    method: str
    measure: str
    value: float
    unit: str = ""
    target: Target | None = None
    low: float | None = None
    high: float | None = None
    count: int | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return self.target.met(self.value) if self.target else None


def figures(readings: Iterable[Reading]) -> dict[tuple[str, str], Figure]:
    """(method, measure) to its figure, in the order of first appearance; nan is left out."""
    values: dict[tuple[str, str], list[float]] = {}
    for one in readings:
        if not math.isnan(one.value):
            values.setdefault((one.method, one.measure), []).append(one.value)
    return {
        key: Figure(
            float(np.mean(given)),
            float(np.percentile(given, 5)),
            float(np.percentile(given, 95)),
            len(given),
        )
        for key, given in values.items()
    }


def row(
    on: str,
    method: str,
    measure: str,
    figure: Figure,
    unit: str = "",
    target: Target | None = None,
    factor: float = 1.0,
) -> Row:
    """A row from a figure, multiplied by `factor` (100 for shares given in %)."""
    return Row(
        on,
        method,
        measure,
        factor * figure.mean,
        unit,
        target,
        factor * figure.low,
        factor * figure.high,
        figure.count,
    )


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; what was not reached is in bold."""
    lines = [
        "| on | method | measure | measured | 5 % to 95 % | target | reached |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        spread = "" if one.low is None else f"{_number(one.low)} to {_number(one.high)}"
        target = "" if one.target is None else f"{one.target.sense} {_number(one.target.value)}"
        met = {None: "", True: "yes", False: "**no**"}[one.met]
        value = f"{_number(one.value)} {one.unit}".strip()
        cells = (one.on, one.method, one.measure, value, spread, target, met)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV, one column a field, targets in two."""
    return _csv([_flat(one) for one in rows])


def readings_csv(readings: Sequence[Reading]) -> str:
    """Every reading: photograph, method, measure, value."""
    return _csv([asdict(one) for one in readings])


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The rows, and what they were measured with. No NaN: JSON has none."""
    plain = [
        {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in r.items()}
        for r in map(_flat, rows)
    ]
    return json.dumps({"about": dict(about), "rows": plain}, indent=1) + "\n"


def _flat(one: Row) -> dict[str, Any]:
    fields = asdict(one)
    fields.pop("target")
    return fields | {
        "target_sense": one.target.sense if one.target else None,
        "target": one.target.value if one.target else None,
        "met": one.met,
    }


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    if records:
        writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return text.getvalue()


def _number(value: float | None) -> str:
    """Two digits behind the point for large figures, more for small ones."""
    if value is None or math.isnan(value):
        return "-"
    if abs(value) >= 10 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.4f}"
