"""Hands a lane's steps to Ray, a few at a time, and notices what dies or hangs.

Steps wait here, not in Ray: with at most one io task for each slot, and two calls for each
actor (one running, one ready to follow), the moment a call was submitted is nearly the moment
it began, so that a time limit means what it says.

Pages that wait for the same stage go through it in one call where the stage says so, as many as
wait and never one that is tried alone: with that, nothing else is under way.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
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

from cluster.calls import IO, Call, Done, Page
from cluster.lanes import Lane
from cluster.outcome import Outcome, failure_of
from tasks.errors import ClusterError

_CALLS_PER_ACTOR = 2
_RESTART_SECONDS = 300.0
_IDLE_SECONDS = 0.05
_ENTERING = ("look", "read", "probe")
"""In the order in which they are begun, after all that leaves the lane, so that memory is freed
first."""

_JOINT_BYTES = 256 << 20
"""Decoded bytes of the pages of one call: their results are in private memory until it ends."""

_UNPLACED = (
    ActorPlacementGroupRemoved,
    ActorUnschedulableError,
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
)

Submit = Callable[[Any], Sequence[Any]]
"""Submits a step, to an actor of the lane or, given None, as a task; what it answers with."""


class Dispatcher:
    """The calls of one lane. Not thread-safe: one partition uses it at a time."""

    def __init__(self, lane: Lane, step_seconds: float) -> None:
        self._lane = lane
        self._limit = step_seconds
        self._io: dict[str, deque[tuple[Any, Submit]]] = {
            step: deque() for step in ("write", *_ENTERING)
        }
        self._places = lane.places
        self._stages: dict[str, deque[Page]] = {
            stage: deque() for stage in lane.places if stage not in self._io
        }
        self._batches = dict(lane.batches)
        self._calls: list[Call] = []
        self._reviving: dict[str, tuple[Any, float]] = {}

    def offer(self, owner: Any, step: str, submit: Submit) -> None:
        """Queue an io step of `owner`; `submit` is called once there is room for it."""
        self._io[step].append((owner, submit))

    def offer_page(self, stage: str, page: Page) -> None:
        """Queue a page for a stage."""
        self._stages[stage].append(page)

    def wait(self, seconds: float) -> list[Done]:
        """Submit what fits, then the steps that ended within `seconds`: none where there is
        nothing to wait for, or where pages that failed together are to be tried apart."""
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
        calls = [call for call in self._calls if call.refs[0] in ended]
        done = [one for call in calls for one in self._collect(call)]
        return done + self._stop_hung()

    def _fill(self) -> None:
        self._fill_io("write")
        for stage in reversed(self._stages):
            self._fill_stage(stage)
        for step in _ENTERING:
            self._fill_io(step)

    def _fill_io(self, step: str) -> None:
        while self._io[step] and (place := self._room(step)):
            owner, submit = self._io[step].popleft()
            refs = submit(self._lane.actors.get(place))
            self._calls.append(Call([owner], step, place, refs, time.monotonic()))

    def _fill_stage(self, stage: str) -> None:
        while self._stages[stage] and (place := self._room(stage)):
            self._call(stage, place, self._joined(stage))

    def _room(self, step: str) -> str | None:
        """Where a call of a step may go: a free slot for tasks, or of the actors that have the
        step one with the fewest calls, so that every actor gets one before any gets two."""
        calls = Counter(call.place for call in self._calls)
        if step not in self._places:
            return IO if calls[IO] < self._lane.resources.io_slots else None
        most = 1 if self._may_be_last(step) else _CALLS_PER_ACTOR
        names = (p for p in self._places[step] if calls[p] < most and p not in self._reviving)
        return min(names, key=calls.__getitem__, default=None)

    def _may_be_last(self, step: str) -> bool:
        """Whether what waits for the actors of a step may be their last.

        Whichever actor is free first takes those: one that is given ahead waits for its own actor,
        behind a scan that may take minutes, while the other has nothing to do.
        """
        actors = self._places[step]
        if len(actors) == 1:
            return False
        coming = sum(len(self._io[step]) for step in _ENTERING)
        coming += sum(call.step in _ENTERING for call in self._calls)
        coming += sum(
            len(pages) for stage, pages in self._stages.items() if self._places[stage] == actors
        )
        return coming <= len(actors)

    def _joined(self, stage: str) -> list[Page]:
        """The pages of the next call: those that wait longest, as many as may go together."""
        waiting, most = self._stages[stage], self._batches.get(stage, 1)
        pages = [waiting.popleft()]
        size = pages[0].size
        while waiting and len(pages) < most and not (pages[0].apart or waiting[0].apart):
            size += waiting[0].size
            if size > _JOINT_BYTES:
                break
            pages.append(waiting.popleft())
        return pages

    def _call(self, stage: str, place: str, pages: Sequence[Page]) -> None:
        process: Any = self._lane.actors[place].process
        refs: Sequence[Any] = process.options(num_returns=2 * len(pages)).remote(
            stage,
            [(page.options, len(page.objects)) for page in pages],
            *(given for page in pages for given in page.objects),
        )
        owners = [page.owner for page in pages]
        self._calls.append(Call(owners, stage, place, refs, time.monotonic(), pages))

    def _collect(self, call: Call) -> list[Done]:
        self._calls.remove(call)
        for other in self._calls:  # the next call on this actor begins now
            if other.place == call.place != IO:
                other.since = time.monotonic()
        try:
            outcomes = ray.get([refs[0] for _, refs in call.shares()])
        except RayTaskError as error:  # raised outside the step itself, such as in storing pixels
            if len(call.owners) > 1:
                return self._try_apart(call)
            failure = failure_of(error.cause or error, call.step)
            return [Done(call.owners[0], call.step, Outcome(0.0, failure))]
        except _UNPLACED as error:
            raise ClusterError(f"lane {self._lane.number} lost its place: {error}") from error
        except RayError as error:
            if call.place != IO and call.place not in self._reviving:
                self._reviving[call.place] = (None, time.monotonic() + _RESTART_SECONDS)
            return self._died(call, _reason(error))
        if None in outcomes:
            return self._try_apart(call)
        return [
            Done(owner, call.step, outcome, refs)
            for (owner, refs), outcome in zip(call.shares(), outcomes, strict=True)
        ]

    def _try_apart(self, call: Call) -> list[Done]:
        """An error of several pages: which of them is to blame shows when each has its own call."""
        apart = [replace(page, apart=True) for page in call.pages]
        self._stages[call.step].extendleft(reversed(apart))
        return []

    def _died(self, call: Call, death: str, hung: bool = False) -> list[Done]:
        """Every scan of the call died, in company if there were several: none of them is known
        to be guilty. They may just have been too much together, so that in this partition the
        stage gets one page a call from now on."""
        if len(call.owners) > 1:
            self._batches[call.step] = 1
        return [Done(owner, call.step, None, death=death, hung=hung) for owner in call.owners]

    def _stop_hung(self) -> list[Done]:
        """End what exceeded the limit: a task by force, an actor by a restart."""
        late = time.monotonic() - self._limit
        stopped: list[Done] = []
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
            stopped += self._died(call, reason, hung=True)
        return stopped

    def _revive(self) -> None:
        """Wait, without blocking, for restarted actors to have loaded their model again."""
        for name, (ref, deadline) in list(self._reviving.items()):
            if ref is None:
                self._reviving[name] = (self._lane.actors[name].ready.remote(), deadline)
                continue
            if ray.wait([ref], timeout=0)[0]:
                try:
                    ray.get(ref)
                    del self._reviving[name]
                    continue
                except RayError:
                    self._reviving[name] = (None, deadline)  # still restarting: ask again
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"the {name} actor of lane {self._lane.number} did not come back within "
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
