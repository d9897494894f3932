"""What a run has done so far: counted by the driver, from the news of its partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tasks.events import Event

_SILENT_SECONDS = 60.0
"""After so long without a word, what a partition had in flight is not told any more: it died."""


@dataclass(frozen=True, slots=True)
class Flight:
    """What a lane holds: scans begun and without a row, the shared memory they may fill, and of
    those under way longest the relative path and the seconds."""

    lane: int
    scans: int
    held_bytes: int
    longest: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What a partition reports at `at` (seconds since the epoch): its counts so far, what it has
    in flight (None at its end), and what happened since its last report."""

    by_status: dict[str, int]
    at: float
    by_error: dict[str, int] = field(default_factory=dict)
    bytes_in_flight_peak: int = 0
    flight: Flight | None = None
    events: tuple[Event, ...] = ()


@dataclass(slots=True)
class Progress:
    """Counts of the scans of this run that have a row, by status, and what is in flight."""

    by_status: dict[str, int] = field(default_factory=dict)
    bytes_in_flight_peak: int = 0
    timeline: tuple[tuple[float, int], ...] = ()
    """(seconds since the epoch, scans with a row) at the first and at the last news of one."""
    by_error: dict[str, int] = field(default_factory=dict)
    flights: tuple[Flight, ...] = ()
    events: tuple[Event, ...] = ()
    """What happened since progress was asked for before."""

    @property
    def done(self) -> int:
        """Scans with a row, whatever it says."""
        return sum(self.by_status.values())

    @property
    def failed(self) -> int:
        """Scans whose row says failed or quarantined."""
        return self.by_status.get("failed", 0) + self.by_status.get("quarantined", 0)


class Count:
    """The sum over all partitions.

    Counts are kept per partition and replaced, not added to: a partition that is tried again
    reports from its committed rows on.
    """

    def __init__(self) -> None:
        self._partitions: dict[str, News] = {}
        self._by_status: Counter[str] = Counter()
        self._by_error: Counter[str] = Counter()
        self._ended: set[str] = set()
        self._peak = 0
        self._latest = 0.0
        self._timeline: list[tuple[float, int]] = []

    def take(self, partition_id: str, news: News) -> None:
        """What a partition reports."""
        known = self._partitions.get(partition_id, News({}, news.at))
        if partition_id in self._ended:  # said before its end, and heard after it
            news = replace(news, by_status=known.by_status, flight=None)
        for total, now, before in (
            (self._by_status, news.by_status, known.by_status),
            (self._by_error, news.by_error, known.by_error),
        ):
            total.update(now)
            total.subtract(before)
        self._partitions[partition_id] = replace(news, events=())
        self._peak = max(self._peak, news.bytes_in_flight_peak)
        self._latest = max(self._latest, news.at)
        done = self._by_status.total()
        if done > (self._timeline[-1][1] if self._timeline else 0):
            self._timeline = [*self._timeline[:1], (news.at, done)]

    def close(self, partition_id: str, by_status: Mapping[str, int], at: float) -> None:
        """How a partition ended: its last news may have been lost."""
        known = self._partitions.get(partition_id, News({}, at))
        self.take(partition_id, replace(known, by_status=dict(by_status), at=at, flight=None))
        self._ended.add(partition_id)

    def progress(self, events: Iterable[Event] = ()) -> Progress:
        """As it stands, with what happened since it was asked for before."""
        flights = tuple(
            one.flight
            for one in self._partitions.values()
            if one.flight and self._latest - one.at < _SILENT_SECONDS
        )
        return Progress(
            by_status=dict(+self._by_status),
            bytes_in_flight_peak=self._peak,
            timeline=tuple(self._timeline),
            by_error=dict(+self._by_error),
            flights=flights,
            events=tuple(events),
        )
