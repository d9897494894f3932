"""What the driver holds of a cluster: lanes that are free, partitions that run, their counts."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.arrivals import Arrivals
from cluster.lanes import Lane, open_lanes
from cluster.partition_run import Order, Report, run_partition
from cluster.placement import LaneWishes
from cluster.session import first_line, session
from cluster.stages import builders
from cluster.tally import Progress, Tally
from tasks.errors import AlbumenError, ClusterError

_PLACE_SECONDS = 60.0
_PLACE_LOCALLY_SECONDS = 10.0
"""A cluster that was joined may grow when asked to; one of our own has what it has."""

_SETTLE_SECONDS = 20.0


class Crew:
    """The lanes of a run. Thread-safe: every Prefect task run takes a lane and gives it back."""

    def __init__(self, lanes: Sequence[Lane], *, gives_back: bool = False) -> None:
        self._lanes = list(lanes)
        self._gives_back = gives_back
        self._changing = threading.Lock()
        self.hires = True
        """Whether there is work for further lanes."""
        self._free: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for lane in lanes:
            self._free.put(lane)
        # Beside the driver: elsewhere it would die with a node of the lanes, or keep one that is
        # idle from being given back.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._tally = Tally.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
        self.stopping = False
        """Whether the partitions were asked to stop: none is worth another try then."""

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Those that are there now: more may come, and idle ones are given back."""
        with self._changing:
            return tuple(self._lanes)

    def add(self, lane: Lane) -> None:
        """A lane that came later."""
        with self._changing:
            self._lanes.append(lane)
        self._free.put(lane)

    def keep(self, count: int) -> None:
        """The work is nearly done, and only so many lanes are needed any more: on a cluster that
        was joined the idle ones are given back, so that its autoscaler can end their nodes."""
        self.hires = False
        while self._gives_back and len(self.lanes) > count:
            try:
                lane = self._free.get_nowait()
            except queue.Empty:
                return
            with self._changing:
                self._lanes.remove(lane)
            lane.close()

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """A free lane, for the length of the block; waits until there is one."""
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)

    def settle(self, seconds: float) -> None:
        """Wait until every lane was given back, at most so long.

        Only a run that is abandoned has any out. Ray's client must not be shut down under a
        thread that waits inside it: that takes the process down, and with it the exit code.
        """
        deadline = time.monotonic() + seconds
        while self._free.qsize() < len(self.lanes) and time.monotonic() < deadline:
            time.sleep(0.05)

    def start(self, order: Order, lane: Lane) -> RunningPartition:
        """Begin a partition on a lane."""
        task = run_partition.options(scheduling_strategy=lane.placement())
        return RunningPartition(task.remote(order, lane, self._tally))

    def progress(self) -> Progress:
        """Counts over all partitions of this run. Raises ClusterError."""
        try:
            counted: Progress = ray.get(self._tally.progress.remote(), timeout=60)
        except RayError as error:
            raise ClusterError(
                f"the cluster does not answer: {first_line(error)}. What has a row is done; run "
                f"the same command again to go on."
            ) from error
        return counted

    def stop(self) -> None:
        """Ask all partitions to finish what is in flight and start nothing new."""
        self.stopping = True
        self._tally.stop.remote()


class RunningPartition:
    """A partition under way, polled so that the driver stays responsive."""

    def __init__(self, ref: Any) -> None:
        self._ref = ref

    def poll(self, seconds: float) -> Report | None:
        """Its report, or None while it runs.

        Raises ClusterError when its process or node died, and whatever AlbumenError ended it.
        """
        ready, _ = ray.wait([self._ref], timeout=seconds)
        if not ready:
            return None
        try:
            report: Report = ray.get(self._ref)
        except RayTaskError as error:
            if isinstance(error.cause, AlbumenError):
                raise error.cause from error
            raise ClusterError(f"a partition failed: {error.cause!r}") from error
        except RayError as error:
            raise ClusterError(f"the process of a partition died: {first_line(error)}.") from error
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
        building = partial(
            builders, stages, options, actors=wishes.actors, on_cpu=wishes.on_cpu(stages)
        )
        if address is None or wishes.wait_seconds is None:
            seconds = _PLACE_SECONDS if address else _PLACE_LOCALLY_SECONDS
            built = building(threads=resources.threads)
            with (
                open_lanes(count, resources, built, place_within_seconds=seconds) as opened,
                _settled(Crew(opened, gives_back=address is not None)) as crew,
            ):
                yield crew
            return
        arrivals = Arrivals(
            count,
            resources,
            stages,
            lambda threads: building(threads=threads),
            wait_seconds=wishes.wait_seconds,
        )
        try:
            with _settled(Crew(arrivals.first(), gives_back=True)) as crew, arrivals.joining(crew):
                yield crew
        finally:
            arrivals.close()


@contextmanager
def _settled(crew: Crew) -> Iterator[Crew]:
    try:
        yield crew
    finally:
        crew.settle(_SETTLE_SECONDS)
