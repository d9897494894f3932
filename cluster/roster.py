"""The lanes of a run: which are free, in doubt or lost, and how many are needed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cluster.lanes import Lane
from tasks.errors import ClusterError

_POLL_SECONDS = 0.5


class Roster:
    """Lanes on loan. Thread-safe: every Prefect task run takes a lane and gives it back."""

    def __init__(self, lanes: Sequence[Lane], *, gives_back: bool = False) -> None:
        self._lanes = list(lanes)
        self._gives_back = gives_back
        self._changing = threading.Lock()
        self._free: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for lane in lanes:
            self._free.put(lane)
        self._doubted: list[Lane] = []
        self._needed = 0
        self._bereft_at: float | None = None
        self.hires = True
        """Whether there is work for further lanes."""
        self.stopping = False
        """Whether the partitions were asked to stop: none is worth another try then."""
        self.is_watched = False
        """Whether somebody finds out what became of lanes in doubt."""

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Those that are there now: more may come, and idle ones are given back."""
        with self._changing:
            return tuple(self._lanes)

    def add(self, lane: Lane) -> None:
        """A lane that came later."""
        with self._changing:
            self._lanes.append(lane)
            self._bereft_at = None
        self._free.put(lane)

    def keep(self, count: int) -> None:
        """The work is nearly done, and only so many lanes are needed any more: on a cluster that
        was joined the idle ones are given back, so that its autoscaler can end their nodes."""
        self.hires, self._needed = False, count
        while self._gives_back and len(self.lanes) > count:
            try:
                lane = self._free.get_nowait()
            except queue.Empty:
                return
            if not self.is_lost(lane):
                with self._changing:
                    self._lanes.remove(lane)
                lane.close()

    @property
    def has_enough(self) -> bool:
        """Whether there is no work for further lanes."""
        return not self.hires and len(self.lanes) >= self._needed

    @contextmanager
    def lane(self) -> Iterator[Lane | None]:
        """A free lane, for the length of the block; waits until there is one. None once the run
        was asked to stop meanwhile."""
        lane = self._next()
        try:
            yield lane
        except ClusterError:
            if lane and self.is_watched and not self.is_lost(lane):
                with self._changing:
                    self._doubted.append(lane)
            elif lane:
                self._free.put(lane)
            raise
        except BaseException:
            if lane:
                self._free.put(lane)
            raise
        if lane:
            self._free.put(lane)

    def _next(self) -> Lane | None:
        while True:
            try:
                lane = self._free.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self.stopping:
                    return None
            else:
                if not self.is_lost(lane):
                    return lane

    # -- lanes that are lost, see `cluster.lookout`

    @property
    def doubted(self) -> tuple[Lane, ...]:
        """Those whose partition's process died: nothing is begun there before they are trusted."""
        with self._changing:
            return tuple(self._doubted)

    def trust(self, lane: Lane) -> None:
        """A doubted lane works."""
        with self._changing:
            self._doubted = [one for one in self._doubted if one.number != lane.number]
        self._free.put(lane)

    def lose(self, lane: Lane) -> None:
        """A lane is gone, and what runs there."""
        with self._changing:
            self._doubted = [one for one in self._doubted if one.number != lane.number]
            self._lanes = [one for one in self._lanes if one.number != lane.number]
            if not self._lanes:
                self._bereft_at = time.monotonic()

    def is_lost(self, lane: Lane) -> bool:
        """Whether it is none of the lanes any more."""
        return all(one.number != lane.number for one in self.lanes)

    def bereft_seconds(self) -> float:
        """For how long there has been no lane at all."""
        since = self._bereft_at
        return 0.0 if since is None else time.monotonic() - since

    def are_out(self) -> bool:
        """Whether any lane is on loan."""
        return self._free.qsize() + len(self.doubted) < len(self.lanes)
