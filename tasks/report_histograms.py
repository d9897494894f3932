"""Histograms of the manifest's figures, filled batch by batch in constant memory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.report_data import floats

_BEYOND = float(np.finfo(np.float64).max)
"""Upper edge that only infinity passes: two pictures without any difference."""

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """Bins fixed in advance: bin k holds what is above `edges[k-1]` and up to `edges[k]`."""

    edges: tuple[float, ...]
    labels: tuple[str, ...]  # one more than edges

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.edges) + 1:
            raise ValueError("an axis needs one label more than it has edges")


def _steps(edges: tuple[float, ...], unit: str = "") -> Axis:
    """Labels `to e0`, `e0-e1`, ..., `over e_last`, with an en dash and the unit."""
    between = (f"{low:g}\u2013{high:g}{unit}" for low, high in itertools.pairwise(edges))
    return Axis(edges, (f"to {edges[0]:g}{unit}", *between, f"over {edges[-1]:g}{unit}"))


_PERCENT = _steps((0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0), " %")
_SHARE = Axis((0.0, *(edge / 100 for edge in _PERCENT.edges)), ("none", *_PERCENT.labels))

_LIKENESS = _steps((20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 60.0), " dB")
_DECIBEL = Axis((*_LIKENESS.edges, _BEYOND), (*_LIKENESS.labels, "identical"))

STAGE_SECONDS = ("read", "look", "damage", "faces", "color", "write")

CHARTS: tuple[tuple[str, Axis, tuple[tuple[str, str], ...]], ...] = (
    # key, axis, series: (label, column)
    (
        "damaged",
        _SHARE,
        (("before", "damaged_fraction_before"), ("after", "damaged_fraction_after")),
    ),
    ("changed", _SHARE, (("all", "changed_fraction"),)),
    ("psnr", _DECIBEL, (("all", "psnr_outside_mask"),)),
    (
        "noise",
        _steps((0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)),
        (("before", "noise_before"), ("after", "noise_after")),
    ),
    (
        "sharpness",
        _steps((5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)),
        (("before", "sharpness_before"), ("after", "sharpness_after")),
    ),
    *(
        (f"seconds_{stage}", _steps(_SECONDS, " s"), (("all", f"seconds_{stage}"),))
        for stage in STAGE_SECONDS
    ),
)


@dataclass(slots=True)
class _Series:
    counts: NDArray[np.int64]
    total: float = 0.0
    finite: int = 0


@dataclass(slots=True)
class Histograms:
    """All charts of the report; `add` rows, then take `summary`."""

    _series: dict[tuple[str, str], _Series] = field(default_factory=dict)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count one batch of manifest rows; null and NaN are left out, not counted as 0."""
        for key, axis, series in CHARTS:
            for label, column in series:
                values = floats(rows.column(column))
                values = values[~np.isnan(values)]
                bins = np.searchsorted(np.asarray(axis.edges), values, side="left")
                held = self._series.setdefault(
                    (key, label), _Series(np.zeros(len(axis.labels), dtype=np.int64))
                )
                held.counts += np.bincount(bins, minlength=len(axis.labels))
                finite = values[np.isfinite(values)]
                held.total += float(finite.sum())
                held.finite += len(finite)

    def summary(self) -> list[dict[str, Any]]:
        """One entry per chart that has any value: key, bin labels, series with counts and sum."""
        charts = []
        for key, axis, series in CHARTS:
            filled = [
                {
                    "label": label,
                    "counts": held.counts.tolist(),
                    "sum": round(held.total, 3),
                    "finite": held.finite,
                }
                for label, _ in series
                if (held := self._series.get((key, label))) is not None and held.counts.any()
            ]
            if filled:
                charts.append({"key": key, "labels": list(axis.labels), "series": filled})
        return charts
