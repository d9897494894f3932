"""Runs that Prefect believes under way although their process is gone.

A driver that is killed together with the process that started it (a power cut, `kill -9`) leaves
its run PENDING or RUNNING, and with it the one slot its collection has: every later night would
be cancelled. Such runs are marked crashed, which gives the slot back. A run is taken for dead
only where nothing speaks for it: no process on this machine works on it, its state is a minute
old, and it does not hold the lease of its destination, or not with a heart that beats.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows.night_runs import runs_of
from tasks.errors import AlbumenError
from tasks.lease import BEATS_MISSED, HEARTBEAT_SECONDS
from tasks.lease_info import read_lease
from tasks.location import Location

GRACE_SECONDS = 60.0
"""How long a run may be between two states before anybody wonders where its process is."""

_SILENT_SECONDS = (BEATS_MISSED + 1) * HEARTBEAT_SECONDS
_RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
_UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_MOST_RUNS = 100  # there are hardly ever more than one, and what is left comes next


@dataclass(slots=True)
class _Look:
    """The lease of a run's destination when it was first seen as it is now, and when that was."""

    lease: str
    since: float


@dataclass(slots=True)
class OrphanWatch:
    """Looks after the runs of some collections: their names, and where each is restored to."""

    destinations: Callable[[], Mapping[str, Location]]
    grace_seconds: float = GRACE_SECONDS
    silent_seconds: float = _SILENT_SECONDS
    _looks: dict[UUID, _Look] = field(default_factory=dict)

    def mark(self) -> list[str]:
        """Mark the runs crashed that are dead now, and remember the doubtful; their names."""
        destinations = self.destinations()
        marked = []
        with get_client(sync_client=True) as client:
            under_way: set[UUID] = set()
            for name, destination in destinations.items():
                for run in runs_of(client, name, _UNDER_WAY, _MOST_RUNS):
                    under_way.add(run.id)
                    if (why := self._dead(run, destination)) is None:
                        continue
                    message = f"{why}: marked crashed, so that later nights are not held up"
                    client.set_flow_run_state(run.id, Crashed(message=message), force=True)
                    print(f"albumen: run {run.name} of {name}: {message}", file=sys.stderr)
                    marked.append(run.name)
        self._looks = {key: look for key, look in self._looks.items() if key in under_way}
        return marked

    def _dead(self, run: FlowRun, destination: Location) -> str | None:
        """Why a run is taken for dead; None where it lives, or may."""
        if run.state is None or _is_here(run.id):
            return None
        age = (datetime.now(UTC) - run.state.timestamp).total_seconds()
        if age < self.grace_seconds:
            return None
        if run.state.type == StateType.PENDING:
            return f"it has been pending for {age:.0f} s and no process works on it"
        try:
            lease = read_lease(destination)
        except AlbumenError as error:  # then its lease cannot be told either
            print(f"albumen: whether run {run.name} lives cannot be told: {error}", file=sys.stderr)
            return None
        alive = None if lease is None else lease.holder.is_alive()
        if alive is False:
            return f"its process has died ({lease})"
        # Nobody holds the lease, another run does, or a process on another machine: that one
        # lives as long as its heart beats. All three are looked at twice.
        seen = "held by another" if alive else str(lease)
        look = self._looks.get(run.id)
        if look is None or look.lease != seen:
            self._looks[run.id] = _Look(seen, time.monotonic())
            return None
        if time.monotonic() - look.since < self.silent_seconds:
            return None
        return f"no process works on it, and the lease of its destination: {seen}"


def _is_here(run: UUID) -> bool:
    """Whether a process of Prefect on this machine works on a run: its environment names it, as
    does that of Ray's processes, which may outlive it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended meanwhile, or another user's
            names = [Path(word).name for word in process.cmdline()]
            is_prefect = any(name.startswith("prefect") for name in names)
            if is_prefect and process.environ().get(_RUN_VARIABLE) == str(run):
                return True
    return False
