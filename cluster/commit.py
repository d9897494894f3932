"""Rows of a running partition on their way into the ledger, and word of them to the driver."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.actor import ActorHandle

from cluster.progress import Flight, News
from cluster.witness import Witness
from tasks import ledger
from tasks.ledger import Run
from tasks.records import Row
from tasks.storage import Location

_SCANS_A_PART = 50
_SECONDS_A_PART = 60.0
_SECONDS_BETWEEN_REPORTS = 1.0


class Committer:
    """Buffers the rows of finished scans and commits a manifest part every 50 scans or every
    minute: killing this process loses no more than that."""

    def __init__(
        self,
        destination: Location,
        run: Run,
        partition_id: str,
        attempt: int,
        already: Mapping[str, int],
        tally: ActorHandle[Any],
        witness: Witness,
        flight: Callable[[], Flight],
    ) -> None:
        self.by_status: Counter[str] = Counter(already)
        self.bytes_in_flight_peak = 0
        self.asked_to_stop = False
        self._destination = destination
        self._run = run
        self._partition_id = partition_id
        self._attempt = attempt
        self._tally = tally
        self._witness = witness
        self._flight = flight
        self._rows: list[Row] = []
        self._scans = self._parts = 0
        self._committed_at = self._told_at = time.monotonic()
        self._answer: Any = None

    def add(self, rows: list[Row]) -> None:
        """The rows of one finished scan."""
        self._rows += rows
        self._scans += 1
        self.by_status[rows[0]["status"]] += 1

    def saw_in_flight(self, held_bytes: int) -> None:
        """Remember the most bytes that were in flight at once."""
        self.bytes_in_flight_peak = max(self.bytes_in_flight_peak, held_bytes)

    def tick(self) -> None:
        """Commit and report where it is time to."""
        now = time.monotonic()
        if self._scans >= _SCANS_A_PART or now - self._committed_at >= _SECONDS_A_PART:
            self.commit()
        if now - self._told_at >= _SECONDS_BETWEEN_REPORTS:
            self.report()

    def commit(self) -> None:
        """Write the buffered rows as one part; from then on their scans are done."""
        if self._rows:
            part = f"{self._attempt}-{self._parts:05d}"
            ledger.write_part(self._destination, self._run, self._partition_id, part, self._rows)
            self._parts += 1
        self._rows, self._scans = [], 0
        self._committed_at = time.monotonic()

    def report(self, *, last: bool = False) -> None:
        """Tell the driver the news; its answer to the report before says whether to stop."""
        if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
            self.asked_to_stop = ray.get(self._answer)
        news = News(
            by_status=dict(self.by_status),
            at=time.time(),
            by_error=dict(self._witness.by_error),
            bytes_in_flight_peak=self.bytes_in_flight_peak,
            flight=None if last else self._flight(),
            events=self._witness.take_events(),
        )
        self._answer = self._tally.report.remote(self._partition_id, news)
        self._told_at = time.monotonic()
