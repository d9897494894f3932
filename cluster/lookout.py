"""Keeps a look-out over the lanes of a run: what is lost with its node, and what comes instead.

A node that dies takes its lanes along. Their partitions go to the other lanes, and room is
claimed for as many lanes as were lost: a claim that waits makes Ray's autoscaler add a node, and
one that is added by hand is taken as well. Left to themselves, partitions would wait for the node
to come back, for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Protocol

import ray
from ray.exceptions import RayError

from cluster.claims import Claim, claim
from cluster.lanes import Furnish, Lane
from cluster.resources import Layout
from tasks.run_thread import run_thread

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
_NODES_SECONDS = 2.0
"""Between two looks at the list of nodes, which a large cluster need not be asked for all the
time; Ray itself takes several seconds to notice that one is gone."""

_DOUBT_SECONDS = 3.0
"""A lane whose partition's process died is left alone that long: processes of a node that died
may answer for a moment."""

_ANSWER_SECONDS = 600.0


class Crew(Protocol):
    """Whose lanes are watched."""

    is_watched: bool

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Those that are there now."""

    @property
    def doubted(self) -> tuple[Lane, ...]:
        """Those whose partition's process died: nothing is begun there before they are trusted."""

    @property
    def has_enough(self) -> bool:
        """Whether there is no work for further lanes."""

    def add(self, lane: Lane) -> None:
        """Take a lane that came."""

    def trust(self, lane: Lane) -> None:
        """A doubted lane works."""

    def lose(self, lane: Lane) -> None:
        """A lane is gone."""


class Probation:
    """A lane that is not yet known to work: its actors are asked until all have answered."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._since = time.monotonic()
        self._asked: dict[str, Any] = dict.fromkeys(lane.actors)
        self._batches: dict[str, int] = {}

    def passed(self) -> Lane | None:
        """The lane, knowing what its stages say of themselves, once all its actors work."""
        for name, ref in list(self._asked.items()):
            if ref is None:
                self._asked[name] = self.lane.actors[name].ready.remote()
            elif ray.wait([ref], timeout=0)[0]:
                try:
                    self._batches |= ray.get(ref)
                    del self._asked[name]
                except RayError:  # it is restarting, or its node is gone
                    self._asked[name] = None
        if self._asked or time.monotonic() - self._since < _DOUBT_SECONDS:
            return None
        return replace(self.lane, batches=self._batches)

    @property
    def failed(self) -> bool:
        """Whether it has taken too long."""
        return time.monotonic() - self._since > _ANSWER_SECONDS


class Lookout:
    """The thread that does it. `furnish` opens a lane on a claim for `layout`; they are numbered
    from `first` on."""

    def __init__(self, crew: Crew, layout: Layout, furnish: Furnish, first: int) -> None:
        self._crew = crew
        self._layout = layout
        self._furnish = furnish
        self._doubted: dict[int, Probation] = {}
        self._loading: list[tuple[Claim, Probation]] = []
        self._waiting: list[Claim] = []
        self._claims: list[Claim] = []
        self._number = first
        self._ended = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs; what came in place of lost lanes ends with it."""
        thread = run_thread("lookout", self._watch)
        self._crew.is_watched = True
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            with suppress(RayError):  # of a cluster that is gone
                for one in self._claims:
                    one.give_back()

    def _watch(self) -> None:
        looked = 0.0
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                if time.monotonic() - looked >= _NODES_SECONDS:
                    self._look_at_nodes()
                    looked = time.monotonic()
                self._look_at_doubted()
                self._look_for_others()
            except Exception as error:  # such as a cluster that is gone: the run finds out itself
                _LOG.info("the lanes cannot be looked after at the moment: %s", error)

    def _look_at_nodes(self) -> None:
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        for lane in self._crew.lanes:
            if not lane.nodes <= alive:
                self._lose(lane, "its node is gone")
        for one, probation in list(self._loading):
            if not probation.lane.nodes <= alive:
                self._loading.remove((one, probation))
                probation.lane.close()
                self._claim_another()

    def _look_at_doubted(self) -> None:
        for lane in self._crew.doubted:
            probation = self._doubted.setdefault(lane.number, Probation(lane))
            if probation.passed():
                del self._doubted[lane.number]
                self._crew.trust(lane)
            elif probation.failed:
                self._lose(lane, f"its actors do not answer within {_ANSWER_SECONDS:g} s")

    def _lose(self, lane: Lane, reason: str) -> None:
        self._doubted.pop(lane.number, None)
        self._crew.lose(lane)
        _LOG.warning(
            "lane %d is lost: %s. %d go on, and its partition goes to one of them",
            lane.number,
            reason,
            len(self._crew.lanes),
        )
        lane.close()
        if not self._crew.has_enough:
            self._claim_another()

    def _claim_another(self) -> None:
        (one,) = claim(1, self._layout, first=self._number)
        self._number += 1
        self._claims.append(one)
        self._waiting.append(one)

    def _look_for_others(self) -> None:
        if self._crew.has_enough:
            for one in [*self._waiting, *(one for one, _ in self._loading)]:
                one.give_back()
            self._waiting, self._loading = [], []
        for one in [one for one in self._waiting if one.is_placed()]:
            self._waiting.remove(one)
            self._loading.append((one, Probation(self._furnish(one))))
        for one, probation in list(self._loading):
            if lane := probation.passed():
                self._loading.remove((one, probation))
                self._crew.add(lane)
                _LOG.warning("lane %d joins in place of one that was lost", lane.number)
            elif probation.failed:
                self._loading.remove((one, probation))
                one.give_back()
                _LOG.warning("lane %d did not load, and is given up", one.number)
