"""Hands a lane's steps to Ray, a few at a time, and notices what dies or hangs.

Steps wait here, not in Ray: with at most one io task for each slot, and two calls for each
actor (one running, one ready to follow), the moment a call was submitted is nearly the moment
it began, so that a time limit means what it says.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import (
    ActorPlacementGroupRemoved,
    ActorUnschedulableError,
    RayError,
    RayTaskError,
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
)

from cluster.lanes import Lane
from cluster.outcome import Outcome, failure_of
from tasks.errors import ClusterError

IO = "io"
_CALLS_PER_ACTOR = 2
_RESTART_SECONDS = 300.0
_IDLE_SECONDS = 0.05
_IO_ORDER = ("write", "look", "read", "probe")
"""What leaves the lane goes before what enters it, so that memory is freed first."""

_UNPLACED = (
    ActorPlacementGroupRemoved,
    ActorUnschedulableError,
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
)

Submit = Callable[[], Sequence[Any]]


@dataclass(slots=True)
class Call:
    """One submitted step: `refs[0]` answers with its Outcome, the others are its objects."""

    owner: Any
    step: str
    place: str  # IO, or the stage whose actor runs it
    refs: Sequence[Any]
    since: float


@dataclass(frozen=True, slots=True)
class Done:
    """A step that ended: with an outcome, or with the death of its process."""

    owner: Any
    step: str
    outcome: Outcome | None
    refs: Sequence[Any] = ()
    death: str | None = None
    hung: bool = False


class Dispatcher:
    """The calls of one lane. Not thread-safe: one partition uses it at a time."""

    def __init__(self, lane: Lane, step_seconds: float) -> None:
        self._lane = lane
        self._limit = step_seconds
        self._io: dict[str, deque[tuple[Any, Submit]]] = {step: deque() for step in _IO_ORDER}
        self._stages: dict[str, deque[tuple[Any, Submit]]] = {s: deque() for s in lane.actors}
        self._calls: list[Call] = []
        self._reviving: dict[str, tuple[Any, float]] = {}

    def offer(self, owner: Any, step: str, submit: Submit) -> None:
        """Queue a step of `owner`; `submit` is called once there is room for it."""
        (self._io if step in self._io else self._stages)[step].append((owner, submit))

    def wait(self, seconds: float) -> list[Done]:
        """Submit what fits, then the steps that ended within `seconds` (at least one, if any)."""
        self._revive()
        self._fill()
        if not self._calls:
            time.sleep(min(seconds, _IDLE_SECONDS))
            return []
        answers = [call.refs[0] for call in self._calls]
        ready, _ = ray.wait(answers, num_returns=1, timeout=seconds, fetch_local=False)
        if ready:  # collect whatever else has ended meanwhile
            ready, _ = ray.wait(answers, num_returns=len(answers), timeout=0, fetch_local=False)
        ended = set(ready)
        done = [self._collect(call) for call in list(self._calls) if call.refs[0] in ended]
        return done + self._stop_hung()

    def _fill(self) -> None:
        free = self._lane.resources.io_slots - sum(call.place == IO for call in self._calls)
        for step in _IO_ORDER:
            while free > 0 and self._io[step]:
                self._submit(*self._io[step].popleft(), step, IO)
                free -= 1
        for stage, waiting in self._stages.items():
            free = _CALLS_PER_ACTOR - sum(call.place == stage for call in self._calls)
            while free > 0 and waiting and stage not in self._reviving:
                self._submit(*waiting.popleft(), stage, stage)
                free -= 1

    def _submit(self, owner: Any, submit: Submit, step: str, place: str) -> None:
        self._calls.append(Call(owner, step, place, submit(), time.monotonic()))

    def _collect(self, call: Call) -> Done:
        self._calls.remove(call)
        for other in self._calls:  # the next call on this actor begins now
            if other.place == call.place != IO:
                other.since = time.monotonic()
        try:
            outcome = ray.get(call.refs[0])
        except RayTaskError as error:  # raised outside the step itself, such as in storing pixels
            failure = failure_of(error.cause or error, call.step)
            return Done(call.owner, call.step, Outcome(0.0, failure))
        except _UNPLACED as error:
            raise ClusterError(f"lane {self._lane.number} lost its place: {error}") from error
        except RayError as error:
            if call.place != IO and call.place not in self._reviving:
                self._reviving[call.place] = (None, time.monotonic() + _RESTART_SECONDS)
            return Done(call.owner, call.step, None, death=_reason(error))
        return Done(call.owner, call.step, outcome, call.refs)

    def _stop_hung(self) -> list[Done]:
        """End what exceeded the limit: a task by force, an actor by a restart."""
        late = time.monotonic() - self._limit
        stopped = []
        heads: set[str] = set()
        for call in list(self._calls):
            is_head = call.place == IO or call.place not in heads
            heads.add(call.place)
            if not is_head or call.since > late:
                continue
            if call.place == IO:
                ray.cancel(call.refs[0], force=True)
            else:
                ray.kill(self._lane.actors[call.place], no_restart=False)
                self._reviving[call.place] = (None, time.monotonic() + _RESTART_SECONDS)
            self._calls.remove(call)
            reason = f"did not finish within {self._limit:g} s"
            stopped.append(Done(call.owner, call.step, None, death=reason, hung=True))
        return stopped

    def _revive(self) -> None:
        """Wait, without blocking, for restarted actors to have loaded their model again."""
        for stage, (ref, deadline) in list(self._reviving.items()):
            if ref is None:
                self._reviving[stage] = (self._lane.actors[stage].ready.remote(), deadline)
                continue
            if ray.wait([ref], timeout=0)[0]:
                try:
                    ray.get(ref)
                    del self._reviving[stage]
                    continue
                except RayError:
                    self._reviving[stage] = (None, deadline)  # still restarting: ask again
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"the {stage} stage of lane {self._lane.number} did not come back within "
                    f"{_RESTART_SECONDS:g} s of its death."
                )


def _reason(error: BaseException) -> str:
    name = type(error).__name__
    return {
        "WorkerCrashedError": "its process died (crash or kill)",
        "ActorDiedError": "its process died (crash or kill)",
        "ActorUnavailableError": "its process died (crash or kill)",
        "OutOfMemoryError": "its process was ended because the node ran out of memory",
        "TaskCancelledError": "it was cancelled",
    }.get(name, f"{name}: {(str(error).strip().splitlines() or [''])[0]}")
