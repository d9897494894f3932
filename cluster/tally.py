"""The one small actor through which a running partition and the driver hear of each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import ray


@dataclass(slots=True)
class Progress:
    """Counts of the scans of this run that have a row, by status, and what is in flight."""

    by_status: dict[str, int] = field(default_factory=dict)
    bytes_in_flight_peak: int = 0
    timeline: tuple[tuple[float, int], ...] = ()
    """(seconds since the epoch, scans with a row) at the first and at the last news of one."""

    @property
    def done(self) -> int:
        """Scans with a row, whatever it says."""
        return sum(self.by_status.values())

    @property
    def failed(self) -> int:
        """Scans whose row says failed or quarantined."""
        return self.by_status.get("failed", 0) + self.by_status.get("quarantined", 0)


@ray.remote(num_cpus=0, max_restarts=0)
class Tally:
    """Counts what partitions report; answers whether they should stop.

    Counts are kept per partition and replaced, not added to: a partition that is tried again
    reports from its committed rows on.
    """

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, int]] = {}
        self._peaks: dict[str, int] = {}
        self._timeline: list[tuple[float, int]] = []
        self._stopping = False

    def report(self, partition_id: str, by_status: dict[str, int], peak: int, now: float) -> bool:
        """Take a partition's counts; True asks it to finish what is in flight and stop."""
        self._partitions[partition_id] = by_status
        self._peaks[partition_id] = max(peak, self._peaks.get(partition_id, 0))
        done = sum(sum(counts.values()) for counts in self._partitions.values())
        if done > (self._timeline[-1][1] if self._timeline else 0):
            self._timeline = [*self._timeline[:1], (now, done)]
        return self._stopping

    def stop(self) -> None:
        """Ask every partition to start no further scan."""
        self._stopping = True

    def progress(self) -> Progress:
        """The sum over all partitions."""
        total: dict[str, int] = {}
        for counts in self._partitions.values():
            for status, count in counts.items():
                total[status] = total.get(status, 0) + count
        return Progress(total, max(self._peaks.values(), default=0), tuple(self._timeline))
