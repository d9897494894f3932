"""Says what becomes of the scans of one partition: to the log, to Prometheus, to the driver."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence

from cluster.calls import Done
from cluster.journey import Journey
from cluster.metrics import Meter, pixels_of
from cluster.progress import Flight
from tasks.events import Event, JsonFormatter, Value, emit, event
from tasks.records import Row

_LOG = logging.getLogger(__name__)
_LONGEST = 3

_node_context: dict[str, Value] = {}


class Witness:
    """Sees everything that happens to the scans of a partition on a lane.

    Its events wait until `take_events`; warnings and errors are logged in this process as well,
    so that the node's own log files have them even where the driver is gone.
    """

    def __init__(self, run: str, partition: str, lane: int, collection: str) -> None:
        self.by_error: Counter[str] = Counter()
        self._common: dict[str, Value] = {
            "run": run,
            "partition": partition,
            "lane": lane,
            "host": socket.gethostname(),
        }
        self._lane = lane
        self._meter = Meter(collection, lane)
        self._events: list[Event] = []

    def ended(self) -> None:
        """The partition ends."""
        self._meter.rest()

    def step(self, done: Done) -> None:
        """A step ended, or its process did."""
        if done.outcome is not None:
            self._meter.step(done.step, done.outcome.seconds)
            return
        self._meter.death(done.step)
        journey: Journey = done.owner
        self._say(
            logging.WARNING,
            f"step '{done.step}': {done.death}"
            + ("" if journey.alone else "; the scans in flight are tried again, one at a time"),
            scan=journey.scan.relative_path,
            step=done.step,
        )

    def finished(self, journey: Journey, rows: Sequence[Row], trace: str) -> None:
        """A scan got its rows; `trace` is the traceback of an error nobody foresaw."""
        self._meter.scan(rows)
        first = rows[0]
        status = first["status"]
        fields: dict[str, Value] = {
            "scan": journey.scan.relative_path,
            "status": status,
            "seconds": round(time.monotonic() - journey.begun, 3),
            "pages": len(rows),
            "pixels": pixels_of(rows),
        }
        if status not in ("failed", "quarantined"):
            self._say(logging.INFO, status, **fields)
            return
        kind = first["error_class"] or "unknown"
        self.by_error[kind] += 1
        # A bad file is foreseen; what kills processes, or is no error of ours, is looked at.
        level = logging.ERROR if trace or status == "quarantined" else logging.WARNING
        message = f"{status}: {first['error_message']}"
        self._say(level, message, trace, error_class=kind, **fields)

    def flight(
        self, under_way: Collection[Journey], held_bytes: int, waiting: int, queued: int
    ) -> Flight:
        """What the lane holds at this moment."""
        scans = len(under_way)
        self._meter.flight(scans=scans, held_bytes=held_bytes, waiting=waiting, queued=queued)
        now = time.monotonic()
        oldest = sorted(under_way, key=lambda journey: journey.begun)[:_LONGEST]
        longest = tuple((j.scan.relative_path, round(now - j.begun, 1)) for j in oldest)
        return Flight(self._lane, scans, held_bytes, longest)

    def take_events(self) -> tuple[Event, ...]:
        """What happened since the last call."""
        taken, self._events = tuple(self._events), []
        return taken

    def _say(self, level: int, message: str, trace: str = "", /, **fields: Value) -> None:
        told = event(level, message, trace, **self._common, **fields)
        self._events.append(told)
        if level >= logging.WARNING:
            emit(_LOG, [told])


def log_on_node(run: str, partition: str) -> None:
    """What this worker process logs from now on is of this partition: JSON lines on its standard
    error, which Ray keeps among the log files of the node."""
    is_new = not _node_context
    _node_context.update(run=run, partition=partition, host=socket.gethostname())
    if is_new:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter(_node_context))
        for name in ("cluster", "tasks"):
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            logger.propagate = False
