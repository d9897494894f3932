"""One run's work on the cluster: its partitions, watched while they run, and what came of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from cluster.driver import Crew, assemble
from cluster.partition_run import Order
from cluster.progress import Progress
from flows import interrupt, logs
from flows.heartbeat import told_by_lease
from flows.lane_settings import lane_wishes
from flows.partitions import Ended, run_in_window
from flows.planning import read_selection, stage_options, stages_needed
from flows.progress import ProgressDisplay
from flows.publish import ProgressArtifact
from flows.settings import RestoreSettings
from flows.stopwatch import Stopwatch, since_start, started_at
from flows.summary import Outcome, Summary
from flows.until import is_past
from tasks import strikes
from tasks.errors import ClusterError, TooManyFailed
from tasks.fixity import Fixity
from tasks.inventory import Inventory
from tasks.lease import Lease
from tasks.ledger import Run, colorized_in
from tasks.location import Location
from tasks.partition import Plan
from tasks.taper import tapered
from tasks.withdraw import among, select

_EXAMPLES = 20


@dataclass(slots=True)
class Night:
    """A run under way."""

    settings: RestoreSettings
    source: Location
    destination: Location
    run: Run
    plan: Plan
    lease: Lease
    watch: Stopwatch
    ends: datetime | None = None
    """When no further scan is begun."""
    fixity: Fixity | None = None
    ended: Ended = field(default_factory=Ended)
    progress: Progress = field(default_factory=Progress)
    gave_up: bool = False
    _lanes: int = 0
    _began: float = 0.0

    def restore_partitions(self) -> None:
        """Open the lanes and run every partition of the plan; nothing is started for none.

        Raises ClusterError, LeaseLost, TooManyFailed; partitions that failed are in `ended`.
        """
        self._log_altered_masters()
        if not self.plan.scans or interrupt.requested.is_set() or self.is_over():
            return
        started = time.perf_counter()
        self._tell_lease()
        with self._assemble() as crew:
            self._lanes, self._began = len(crew.lanes), time.monotonic()
            self.watch.note("cluster and models", time.perf_counter() - started)
            with ProgressDisplay(self.plan.scans) as display, self.watch.phase("restoration"):
                artifact = ProgressArtifact(self.plan.scans)

                def look(progress: Progress) -> None:
                    self.progress, self._lanes = progress, len(crew.lanes)
                    logs.relay(progress.events)
                    self._look(progress)
                    display.show(progress.done, progress.failed)
                    artifact.show(progress.done)

                try:
                    run_in_window(self._orders(crew), crew, look, self.ended, self.is_over)
                except Exception:
                    self.gave_up = True
                    raise
                finally:
                    with suppress(ClusterError):  # of a cluster that is gone, what it said last
                        self.progress = crew.progress()
                    logs.relay(self.progress.events)
                    for name, reason in self.ended.failed.items():
                        logs.say(logging.ERROR, f"{name} failed for good: {reason}")
                    display.show(self.progress.done, self.progress.failed, last=True)
                    artifact.show(self.progress.done, last=True)

    def is_over(self) -> bool:
        """Whether the moment has come at which no further scan is begun."""
        return is_past(self.ends)

    def summary(self, inventory: Inventory, notes: tuple[str, ...]) -> Summary:
        """The totals of the run as it stands."""
        left = self.plan.scans - self.progress.done
        outcome: Outcome = "completed"
        if left or self.gave_up:
            outcome = "failed"
            if interrupt.requested.is_set():
                outcome = "interrupted"
            elif self.is_over() and not self.gave_up and not self.ended.failed:
                outcome = "stopped"
        timeline = [(round(at - started_at(), 3), done) for at, done in self.progress.timeline]
        return Summary(
            run_sequence=self.run.sequence,
            run_id=self.run.run_id,
            outcome=outcome,
            source=self.source.uri,
            destination=self.settings.destination,
            planned=self.plan.scans,
            already_done=self.plan.done,
            by_status=dict(self.progress.by_status),
            reasons=dict(self.plan.reasons),
            colorized=colorized_in(self.destination, self.run) if self.progress.done else 0,
            gone=self.plan.vanished or 0,
            gone_examples=self._gone(),
            masters=self.fixity,
            until=self.settings.until if outcome == "stopped" else None,
            left=left,
            ignored=dict(inventory.ignored),
            seconds=since_start(),
            phases=dict(self.watch.phases),
            timeline=timeline,
            bytes_in_flight_peak=self.progress.bytes_in_flight_peak,
            notes=notes,
            failed_partitions=dict(self.ended.failed),
        )

    def _gone(self) -> tuple[str, ...]:
        """The first of the scans that the source no longer has."""
        if not self.plan.vanished:
            return ()
        first = islice(select(self.destination, among(self.plan.vanished_keys)), _EXAMPLES)
        return tuple(pages[0]["relative_path"] for pages in first)

    def _assemble(self) -> AbstractContextManager[Crew]:
        settings = self.settings
        stages = stages_needed(settings, read_selection(settings))
        return assemble(
            stages,
            stage_options(settings),
            address=settings.ray_address,
            wishes=lane_wishes(settings),
            object_store_bytes=settings.object_store_bytes,
        )

    def _orders(self, crew: Crew) -> Iterator[Order]:
        """The partitions as the cluster is given them, one at a time."""
        struck = strikes.paths(self.destination)
        for partition in tapered(self.plan, lambda: self._lanes_expected(crew)):
            scans = [job.scan for job in partition.jobs]
            known = strikes.counts(self.destination, scans, struck)
            if self.settings.retry_failed:  # asked for: they start afresh
                for scan in scans:
                    if scan.relative_path in known:
                        strikes.clear(self.destination, scan)
                known = {}
            yield Order(
                partition=partition,
                run=self.run,
                source=self.source,
                destination=self.destination,
                strikes=known,
                attempt=1,
                already={},
                step_seconds=self.settings.step_seconds,
            )

    def _lanes_expected(self, crew: Crew) -> int:
        """Lanes that are there, or were asked for and may yet come."""
        return max(len(crew.lanes), self.settings.lanes or 1)

    def _look(self, progress: Progress) -> None:
        self._tell_lease()
        self.lease.check()
        most = self.settings.max_failed
        if most is not None and progress.failed > most:
            raise TooManyFailed(
                f"{progress.failed} scans failed, --max-failed allows {most}. The report gives "
                f"the reasons; run the same command again to go on with the others."
            )

    def _tell_lease(self) -> None:
        """What the next heartbeat says of the run, for whoever watches it from elsewhere."""
        seconds = time.monotonic() - self._began if self._lanes else 0.0
        self.lease.update(
            told_by_lease(self.run.name, self.plan.scans, self._lanes, seconds, self.progress)
        )

    def _log_altered_masters(self) -> None:
        if self.fixity is not None:
            for path, reason in self.fixity.altered.examples:
                logs.say(logging.ERROR, f"master altered: {reason}", scan=path)
