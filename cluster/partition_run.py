"""The Ray task that runs one partition on one lane: scans stream through, rows are committed.

Every scan of the partition ends in a committed row. A scan whose process dies is tried again
with nothing beside it, and quarantined when it dies so twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray.actor import ActorHandle

from cluster.calls import Done
from cluster.commit import Committer
from cluster.dispatch import Dispatcher
from cluster.journey import Journey
from cluster.lanes import Lane
from cluster.outcome import Failure
from cluster.progress import Flight
from cluster.route import Route
from cluster.witness import Witness, log_on_node
from tasks import strikes
from tasks.errors import StepTimedOut, TooLarge, WorkerDied
from tasks.ledger import Run
from tasks.partition import Job, Partition
from tasks.records import Row
from tasks.storage import Location

_POLL_SECONDS = 0.5
_SCANS_IN_FLIGHT = 12
"""At least; two for every actor where a lane has more of those."""

_LONE_DEATHS = 2


@dataclass(frozen=True, slots=True)
class Order:
    """What a partition needs to know; it travels to the node that runs it.

    `strikes` are lone deaths so far by relative path, from earlier attempts; `already` the
    rows an earlier attempt of this partition committed, by status. A step that takes longer
    than `step_seconds` is stopped.
    """

    partition: Partition
    run: Run
    source: Location
    destination: Location
    strikes: Mapping[str, int]
    attempt: int
    already: Mapping[str, int]
    step_seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """How a partition ended: rows by status, and scans left because it was asked to stop."""

    by_status: dict[str, int]
    left: int


@ray.remote(num_cpus=0, max_retries=0)
def run_partition(order: Order, lane: Lane, tally: ActorHandle[Any]) -> Report:
    """Run a partition on its lane's node; it takes no CPU, since it only waits and counts."""
    log_on_node(order.run.name, order.partition.id)
    return PartitionRun(order, lane, tally).run()


class PartitionRun:
    """The state of a partition while it runs."""

    def __init__(self, order: Order, lane: Lane, tally: ActorHandle[Any]) -> None:
        self._destination = order.destination
        self._budget = lane.budget_bytes
        self._most = max(_SCANS_IN_FLIGHT, 2 * len(lane.actors))
        self._strikes = dict(order.strikes)
        self._suspects = deque(j for j in order.partition.jobs if self._deaths(j))
        self._jobs = deque(j for j in order.partition.jobs if not self._deaths(j))
        self._under_way: dict[int, Journey] = {}
        self._waiting: deque[Journey] = deque()
        self._held = 0
        self._dispatch = Dispatcher(lane, order.step_seconds)
        self._route = Route(lane, self._dispatch, order.source, order.destination)
        collection, name = order.destination.uri, order.run.name
        self._witness = Witness(name, order.partition.id, lane.number, collection)
        self._committer = Committer(
            order.destination,
            order.run,
            order.partition.id,
            order.attempt,
            order.already,
            tally,
            self._witness,
            self._flight,
        )

    def run(self) -> Report:
        """Bring every scan to a row, or finish what is in flight when asked to stop."""
        try:
            while self._admit() or self._under_way:
                for done in self._dispatch.wait(_POLL_SECONDS):
                    self._advance(done)
                self._committer.tick()
        finally:  # what was restored is kept, whatever ended the loop
            self._committer.commit()
            self._committer.report(last=True)
            self._witness.ended()
        return Report(dict(self._committer.by_status), len(self._jobs) + len(self._suspects))

    # -- what enters the lane

    def _admit(self) -> bool:
        """Let scans in, many side by side, or one suspect alone; False when none is left."""
        self._admit_to_memory()
        if self._committer.asked_to_stop:
            return False
        if any(journey.alone for journey in self._under_way.values()):
            return True  # nothing beside it, the last of the suspects included
        if self._suspects:
            if not self._under_way:
                self._try_alone(self._suspects.popleft())
            return True
        while self._jobs and len(self._under_way) < self._most:
            self._begin(Journey(self._jobs.popleft()))
        return bool(self._jobs)

    def _admit_to_memory(self) -> None:
        """Read what fits into the lane's budget, in order."""
        while self._waiting and self._held + self._waiting[0].bytes_needed <= self._budget:
            journey = self._waiting.popleft()
            self._held += journey.bytes_needed
            journey.in_memory = True
            self._committer.saw_in_flight(self._held)
            self._route.read(journey)

    def _begin(self, journey: Journey) -> None:
        self._under_way[id(journey)] = journey
        if journey.stages:
            self._route.probe(journey)
        else:
            reason = Failure("", "left out: no stage was asked for")
            self._finish(journey, [journey.row_without_derivative("skipped", reason)])

    def _try_alone(self, job: Job) -> None:
        """The strike is noted before the attempt: were the whole node to die, it counts."""
        journey = Journey(job, alone=True)
        if self._deaths(job) >= _LONE_DEATHS:
            self._under_way[id(journey)] = journey
            self._quarantine(journey, "the process holding it died in earlier attempts", False)
            return
        strikes.add(self._destination, job.scan)
        self._strikes[job.scan.relative_path] = self._deaths(job) + 1
        self._begin(journey)

    def _deaths(self, job: Job) -> int:
        return self._strikes.get(job.scan.relative_path, 0)

    # -- from step to step

    def _advance(self, done: Done) -> None:
        journey: Journey = done.owner
        if id(journey) not in self._under_way:
            return  # the answer of a step whose scan was given up meanwhile
        self._witness.step(done)
        if done.outcome is None:
            self._on_death(journey, done)
        elif done.outcome.failure:
            self._fail(journey, done.outcome.failure)
        elif done.step == "probe":
            journey.header = done.outcome.detail
            self._queue_for_memory(journey)
        elif rows := self._route.onward(journey, done):
            self._finish(journey, rows)

    def _queue_for_memory(self, journey: Journey) -> None:
        if journey.bytes_needed <= self._budget:
            self._waiting.append(journey)
            return
        self._fail(
            journey,
            Failure(
                TooLarge.__name__,
                f"needs {journey.bytes_needed / 1e9:.2f} GB of shared memory ({journey.copies:.3g} "
                f"times its decoded size), a lane here has {self._budget / 1e9:.2f} GB. Use "
                f"fewer lanes on a node, a larger object store, or a node with more memory.",
            ),
        )

    def _on_death(self, journey: Journey, done: Done) -> None:
        if journey.alone and self._deaths(journey.job) >= _LONE_DEATHS:
            self._quarantine(journey, f"step '{done.step}': {done.death}", done.hung)
            return
        self._leave(journey)
        if journey.alone:
            self._suspects.appendleft(journey.job)
        else:
            self._suspects.append(journey.job)

    def _quarantine(self, journey: Journey, reason: str, hung: bool) -> None:
        failure = Failure(
            (StepTimedOut if hung else WorkerDied).__name__,
            f"{reason}, twice while nothing else was being restored. Look at the file; "
            f"--retry-failed tries it again.",
        )
        self._finish(journey, [journey.row_without_derivative("quarantined", failure)])

    def _fail(self, journey: Journey, failure: Failure) -> None:
        self._finish(journey, [journey.row_without_derivative("failed", failure)], failure.trace)

    def _finish(self, journey: Journey, rows: list[Row], trace: str = "") -> None:
        self._leave(journey)
        self._committer.add(rows)
        self._witness.finished(journey, rows, trace)
        if journey.alone and rows[0]["status"] != "quarantined":
            strikes.clear(self._destination, journey.scan)

    def _flight(self) -> Flight:
        queued = len(self._jobs) + len(self._suspects)
        journeys = self._under_way.values()
        return self._witness.flight(journeys, self._held, len(self._waiting), queued)

    def _leave(self, journey: Journey) -> None:
        del self._under_way[id(journey)]
        if journey.in_memory:
            self._held -= journey.bytes_needed
