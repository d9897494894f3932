"""Lanes that join a run as their nodes come up: begun with those that are there.

A claim that waits makes Ray's autoscaler add a node; on a cluster without one, nodes that are
added by hand are taken in the same way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from ray.exceptions import RayError

from cluster.claims import Claim, claim, no_room
from cluster.lanes import Furnish, Lane, await_models
from cluster.resources import Layout
from tasks.errors import ClusterError
from tasks.run_thread import run_thread

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2
_COMPANY_SECONDS = 3.0
"""How long the first lane waits for others that are there as well."""


class Welcoming(Protocol):
    """Whom lanes join."""

    def add(self, lane: Lane) -> None:
        """Take a lane that came."""

    @property
    def hires(self) -> bool:
        """Whether there is work for further lanes."""


class Arrivals:
    """The lanes asked for that are not there yet. `furnish` opens one on a claim for `layout`."""

    def __init__(
        self,
        count: int,
        layout: Layout,
        furnish: Furnish,
        *,
        wait_seconds: float,
        load_within_seconds: float = 600,
    ) -> None:
        self._count = count
        self._layout = layout
        self._furnish = furnish
        self._seconds = wait_seconds
        self._load_seconds = load_within_seconds
        self._deadline = time.monotonic() + wait_seconds
        self._claims = claim(count, self._layout)
        self._waiting = list(self._claims)
        self._closing = threading.Event()

    def first(self) -> list[Lane]:
        """The lanes there is room for; waits until there is one, if it must.

        Raises ClusterError when none finds a node in time, or a stage cannot load.
        """
        placed: list[Claim] = []
        while not (placed := self._placed()) and time.monotonic() < self._deadline:
            time.sleep(_LOOK_SECONDS)
        company = time.monotonic() + _COMPANY_SECONDS
        while len(placed) < len(self._waiting) and placed and time.monotonic() < company:
            time.sleep(_LOOK_SECONDS)
            placed = self._placed()
        if not placed:
            raise no_room(0, self._count, self._layout)
        return self._opened(placed)

    @contextmanager
    def joining(self, crew: Welcoming) -> Iterator[None]:
        """While the block runs, lanes join `crew` as they come, until their time is up."""
        follower = run_thread("arrivals", self._follow, crew)
        follower.start()
        try:
            yield
        finally:
            self._closing.set()
            for one in list(self._waiting):  # one whose models load ends at once, too
                one.give_back()
            follower.join(self._load_seconds)

    def close(self) -> None:
        """Give back every claim."""
        for one in self._claims:
            one.give_back()

    def _follow(self, crew: Welcoming) -> None:
        try:
            while self._waiting and crew.hires and time.monotonic() < self._deadline:
                if self._closing.wait(_LOOK_SECONDS):
                    return
                if placed := self._placed():
                    for lane in self._opened(placed):
                        crew.add(lane)
            if self._waiting and crew.hires:
                _LOG.warning(
                    "%d of %d lanes found no node within %g s; the others go on without them",
                    len(self._waiting),
                    self._count,
                    self._seconds,
                )
        except (ClusterError, RayError) as error:  # those that work go on
            if not self._closing.is_set():
                _LOG.warning("no further lane joins: %s", error)
        finally:
            for one in self._waiting:
                one.give_back()

    def _placed(self) -> list[Claim]:
        return [one for one in self._waiting if one.is_placed()]

    def _opened(self, placed: Sequence[Claim]) -> list[Lane]:
        lanes = [self._furnish(one) for one in placed]
        try:
            opened = await_models(lanes, self._load_seconds)
        except ClusterError:
            for lane in lanes:
                lane.close()
            raise
        self._waiting = [one for one in self._waiting if one not in placed]
        return opened
