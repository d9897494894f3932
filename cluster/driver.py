"""What the driver holds of a cluster: lanes that are free, partitions that run, their counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.arrivals import Arrivals
from cluster.claims import Claim, share_of_node
from cluster.lanes import Lane, furnished, open_lanes
from cluster.lookout import Lookout
from cluster.partition_run import Order, Report, run_partition
from cluster.placement import LaneWishes
from cluster.progress import Count, Progress
from cluster.roster import Roster
from cluster.session import first_line, session
from cluster.stages import builders
from cluster.tally import Tally
from tasks.errors import AlbumenError, ClusterError

_PLACE_SECONDS = 60.0
_PLACE_LOCALLY_SECONDS = 10.0
"""A cluster that was joined may grow when asked to; one of our own has what it has."""

_SETTLE_SECONDS = 20.0
_ABANDON_SECONDS = 10.0
_PATIENCE_SECONDS = 300.0
"""How long a run that lost all of its lanes waits for another, where nothing was said."""


class Crew(Roster):
    """The lanes of a run, the partitions begun on them, and what they report."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        gives_back: bool = False,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        super().__init__(lanes, gives_back=gives_back)
        self._patience = patience
        # Beside the driver: elsewhere it would die with a node of the lanes, or keep one that is
        # idle from being given back. Not softly: Ray places what asks for no resources anywhere
        # then (ray-project/ray#25360), and without its node the driver is gone as well.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._tally = Tally.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
        self._count = Count()
        self._counting = threading.Lock()

    def settle(self, seconds: float) -> None:
        """Wait until every lane was given back, at most so long.

        Only a run that is abandoned has any out. Ray's client must not be shut down under a
        thread that waits inside it: that takes the process down, and with it the exit code.
        """
        deadline = time.monotonic() + seconds
        while self.are_out() and time.monotonic() < deadline:
            time.sleep(0.05)

    def start(self, order: Order, lane: Lane) -> RunningPartition:
        """Begin a partition on a lane."""
        task = run_partition.options(scheduling_strategy=lane.placement())
        ref = task.remote(order, lane, self._tally)
        return RunningPartition(
            ref, partial(self.is_lost, lane), partial(self._note_end, order.partition.id)
        )

    def progress(self) -> Progress:
        """Counts over all partitions of this run. Raises ClusterError, also where the last lane
        was lost and none came in its place for too long."""
        if self.bereft_seconds() > self._patience:
            raise ClusterError(
                f"no lane is left: their nodes are gone, and no other node with room for a lane "
                f"came within {self._patience:g} s (--wait-for-nodes). What has a row is done; "
                f"run the same command again to go on."
            )
        try:
            news, events = ray.get(self._tally.collect.remote(self.stopping), timeout=60)
        except RayError as error:
            raise ClusterError(
                f"the cluster does not answer: {first_line(error)}. What has a row is done; run "
                f"the same command again to go on."
            ) from error
        with self._counting:
            for partition_id, one in news.items():
                self._count.take(partition_id, one)
            return self._count.progress(events)

    def stop(self) -> None:
        """Ask all partitions to finish what is in flight and start nothing new."""
        self.stopping = True
        self._tally.stop.remote()

    def _note_end(self, partition_id: str, report: Report) -> None:
        with self._counting:
            self._count.close(partition_id, report.by_status, time.time())


class RunningPartition:
    """A partition under way, polled so that the driver stays responsive."""

    def __init__(
        self, ref: Any, is_lost: Callable[[], bool], note_end: Callable[[Report], None]
    ) -> None:
        self._ref = ref
        self._is_lost = is_lost
        self._note_end = note_end

    def poll(self, seconds: float) -> Report | None:
        """Its report, or None while it runs.

        Raises ClusterError when its process or node died, and whatever AlbumenError ended it.
        """
        ready, _ = ray.wait([self._ref], timeout=seconds)
        if not ready:
            if self._is_lost():  # Ray would wait for another node, and begin it anew there
                self.abandon()
                ray.wait([self._ref], timeout=_ABANDON_SECONDS)
                raise ClusterError("the lane of a partition was lost with its node.")
            return None
        try:
            report: Report = ray.get(self._ref)
        except RayTaskError as error:
            if isinstance(error.cause, AlbumenError):
                raise error.cause from error
            raise ClusterError(f"a partition failed: {error.cause!r}") from error
        except RayError as error:
            raise ClusterError(f"the process of a partition died: {first_line(error)}.") from error
        self._note_end(report)
        return report

    def abandon(self) -> None:
        """End it now; its uncommitted rows are lost, and their scans done again next time."""
        ray.cancel(self._ref, force=True)


@contextmanager
def assemble(
    stages: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    *,
    address: str | None = None,
    wishes: LaneWishes | None = None,
    object_store_bytes: int | None = None,
) -> Iterator[Crew]:
    """Start or join a cluster and open its lanes, for the length of the block.

    `options` are keywords for the builders of `stages`. With `wishes.wait_seconds` the block
    begins with the lanes there is room for, and others join as nodes come up. Raises
    ClusterError, and UsageError for wishes that contradict one another.
    """
    wishes = wishes or LaneWishes()
    with session(address, object_store_bytes=object_store_bytes):
        count, resources = wishes.resources(stages)
        building = partial(builders, stages, options, on_cpu=wishes.on_cpu(stages))
        layout = resources.layout(stages)

        def furnish(one: Claim) -> Lane:
            """A lane that comes later than the run, by what its node has."""
            budget, cpus = share_of_node(one, layout, count)
            share = replace(resources, threads=max(1, int(cpus)))
            return furnished(one, share, layout, building(lane=share), budget)

        with ExitStack() as stack:
            if address is None or wishes.wait_seconds is None:
                seconds = _PLACE_SECONDS if address else _PLACE_LOCALLY_SECONDS
                built = building(lane=resources)
                opening = open_lanes(count, resources, built, place_within_seconds=seconds)
                lanes = Crew(stack.enter_context(opening), gives_back=address is not None)
                crew = stack.enter_context(_settled(lanes))
            else:
                wait = wishes.wait_seconds
                arrivals = Arrivals(count, layout, furnish, wait_seconds=wait)
                stack.callback(arrivals.close)
                lanes = Crew(arrivals.first(), gives_back=True, patience=wait)
                crew = stack.enter_context(_settled(lanes))
                stack.enter_context(arrivals.joining(crew))
            stack.enter_context(Lookout(crew, layout, furnish, first=count).watching())
            yield crew


@contextmanager
def _settled(crew: Crew) -> Iterator[Crew]:
    try:
        yield crew
    finally:
        crew.settle(_SETTLE_SECONDS)
