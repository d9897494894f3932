"""What a running partition tells Prometheus, through the port that Ray opens on every node.

Ray puts `ray_` before each name and `_total` behind a counter's. The use of GPUs, of memory and
of the object store is measured by Ray itself (`ray_node_gpus_utilization`, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ray.util.metrics import Counter, Gauge, Histogram

from tasks.records import Row

SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Bounds of the histogram of seconds: probing a header takes 10 ms, a huge scan minutes."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as it is declared: `tags` come beside `collection`, which each of them has."""

    name: str
    kind: type[Counter] | type[Gauge] | type[Histogram]
    help: str
    tags: tuple[str, ...] = ()

    @property
    def exported(self) -> tuple[str, ...]:
        """The names Prometheus knows it by."""
        name = f"ray_{self.name}"
        if self.kind is Counter:
            return (f"{name}_total",)
        if self.kind is Histogram:
            return f"{name}_bucket", f"{name}_count"  # its sum is not exact, see Meter.step
        return (name,)


METRICS = (
    Metric("albumen_scans", Counter, "Scans that got a row, by status.", ("status",)),
    Metric("albumen_pixels", Counter, "Pixels of the pages that got a row."),
    Metric("albumen_failures", Counter, "Scans failed or quarantined.", ("error_class",)),
    Metric("albumen_deaths", Counter, "Processes that died or hung in a step.", ("step",)),
    Metric("albumen_busy_seconds", Counter, "Seconds of work in a step.", ("step",)),
    Metric("albumen_step_seconds", Histogram, "Seconds of a step of a page.", ("step",)),
    Metric("albumen_in_flight_scans", Gauge, "Scans begun and without a row.", ("lane",)),
    Metric("albumen_in_flight_bytes", Gauge, "Shared memory they may fill.", ("lane",)),
    Metric("albumen_waiting_scans", Gauge, "Of these, scans waiting for memory.", ("lane",)),
    Metric("albumen_queued_scans", Gauge, "Scans of the partition not begun.", ("lane",)),
    Metric("albumen_lane_busy", Gauge, "1 while the lane runs a partition.", ("lane",)),
)
"""Every metric of ours."""


@cache
def _registered(name: str) -> Any:
    """One object for each metric and process: Ray knows them by name."""
    metric = next(metric for metric in METRICS if metric.name == name)
    tags = ("collection", *metric.tags)
    if metric.kind is Histogram:
        return Histogram(name, metric.help, boundaries=list(SECONDS), tag_keys=tags)
    return metric.kind(name, metric.help, tag_keys=tags)


class Meter:
    """What one partition on one lane measures; numbers stay in this process until Ray fetches
    them every few seconds, so that telling them costs microseconds."""

    def __init__(self, collection: str, lane: int) -> None:
        self._collection = {"collection": collection}
        self._lane = self._collection | {"lane": str(lane)}

    def step(self, step: str, seconds: float) -> None:
        """A step of a page ended."""
        tags = self._collection | {"step": step}
        _registered("albumen_step_seconds").observe(seconds, tags)
        if seconds > 0:
            # Ray gives every value of a histogram as the middle of its bucket: for sums and
            # means the seconds are counted as well.
            _registered("albumen_busy_seconds").inc(seconds, tags)

    def death(self, step: str) -> None:
        """The process of a step died, or was stopped since it hung."""
        _registered("albumen_deaths").inc(1, self._collection | {"step": step})

    def scan(self, rows: Sequence[Row]) -> None:
        """A scan got its rows."""
        first = rows[0]
        _registered("albumen_scans").inc(1, self._collection | {"status": first["status"]})
        if pixels := pixels_of(rows):
            _registered("albumen_pixels").inc(pixels, self._collection)
        if first["status"] in ("failed", "quarantined"):
            kind = first.get("error_class") or "unknown"
            _registered("albumen_failures").inc(1, self._collection | {"error_class": kind})

    def flight(self, *, scans: int, held_bytes: int, waiting: int, queued: int) -> None:
        """What a lane at work holds at this moment; to be told again and again, since Ray
        forgets a gauge that is not refreshed."""
        self._set("albumen_lane_busy", 1)
        self._set("albumen_in_flight_scans", scans)
        self._set("albumen_in_flight_bytes", held_bytes)
        self._set("albumen_waiting_scans", waiting)
        self._set("albumen_queued_scans", queued)

    def rest(self) -> None:
        """The lane ended a partition."""
        self.flight(scans=0, held_bytes=0, waiting=0, queued=0)
        self._set("albumen_lane_busy", 0)

    def _set(self, name: str, value: float) -> None:
        _registered(name).set(value, self._lane)


def pixels_of(rows: Sequence[Row]) -> int:
    """The pixels of all pages, as far as their sizes are known."""
    return sum((row.get("width") or 0) * (row.get("height") or 0) for row in rows)
