"""Where the time of a run goes, by phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil


@dataclass(slots=True)
class Stopwatch:
    """Seconds of each phase, on from the start of this process."""

    phases: dict[str, float] = field(default_factory=lambda: {"until the flow": since_start()})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of the block to a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.note(name, time.perf_counter() - start)

    def note(self, name: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self.phases[name] = round(self.phases.get(name, 0.0) + seconds, 3)


def since_start() -> float:
    """Seconds since this process was started, imports included."""
    return round(time.time() - started_at(), 3)


def started_at() -> float:
    """When this process was started, in seconds since the epoch."""
    return psutil.Process().create_time()
