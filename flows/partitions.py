"""Partitions as Prefect task runs: submitted in a window of one more than there are lanes."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import task_run
from prefect.utilities.annotations import quote

from cluster.driver import Crew
from cluster.partition_run import Order, Report
from cluster.progress import Progress
from flows import interrupt
from tasks import ledger, strikes
from tasks.errors import ClusterError, PartitionsFailed

_POLL_SECONDS = 0.5
_LOOK_SECONDS = 1.0
"""Between two questions to the actor that counts. Partitions tell it their news as often; more
questions would cost CPU seconds of the machine that restores."""

_READY = 1
"""Partitions that wait for a lane, so that none waits for Prefect when it has finished one."""


def _is_worth_another_try(_task: object, _run: object, state: State[Any]) -> bool:
    """A cluster that failed may be back in a moment; no other error gets better by waiting."""
    return isinstance(state.result(raise_on_failure=False), ClusterError)


@task(
    name="partition",
    task_run_name="{name}",
    retries=2,
    retry_delay_seconds=[5, 60],
    retry_condition_fn=_is_worth_another_try,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def restore_partition(name: str, order: Order, crew: Crew) -> Report:
    """Run one partition on a free lane; a retry leaves out what its committed rows say is done."""
    logger = get_run_logger()
    order = _what_is_left(replace(order, attempt=task_run.run_count))
    jobs = order.partition.jobs
    with crew.lane() as lane:
        if lane is None or crew.stopping or interrupt.abandoned.is_set():  # while it waited
            return Report(dict(order.already), len(jobs))
        logger.info("%s: %d scans, attempt %d", name, len(jobs), order.attempt)
        running = crew.start(order, lane)
        try:
            while (report := running.poll(_POLL_SECONDS)) is None:
                if interrupt.abandoned.is_set():
                    running.abandon()
                    raise KeyboardInterrupt
        except ClusterError as error:
            if crew.stopping:  # such as for a cluster that is gone: nothing to wait for
                raise PartitionsFailed(str(error)) from error
            raise
    logger.info("%s: %s, %d left", name, report.by_status, report.left)
    return report


def _what_is_left(order: Order) -> Order:
    if order.attempt <= 1:
        return order
    done = ledger.statuses_of_partition(order.destination, order.run, order.partition.id)
    jobs = tuple(j for j in order.partition.jobs if j.scan.relative_path not in done)
    return replace(
        order,
        partition=replace(order.partition, jobs=jobs),
        strikes=strikes.counts(order.destination, [job.scan for job in jobs]),
        already=Counter(done.values()),
    )


@dataclass(slots=True)
class Ended:
    """Partitions that failed for good, by name, with the reason."""

    failed: dict[str, str] = field(default_factory=dict)


def run_in_window(
    orders: Iterable[Order],
    crew: Crew,
    watch: Callable[[Progress], None],
    ended: Ended,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Submit partitions as lanes become free, one of them ahead, and wait for all.

    Lanes that nothing is left for are given back. Once `is_over`, no partition and no scan is
    begun any more; what is in flight ends.
    `watch` is told the counts every second; whatever it or `orders` raises stops further
    submissions, lets the scans in flight end, and is raised then.
    """
    answers: queue.SimpleQueue[tuple[str, PrefectFuture[Report]]] = queue.SimpleQueue()
    waiting = iter(orders)
    under_way = 0
    raised: Exception | None = None
    told_to_stop = exhausted = False
    while True:
        stopping = raised is not None or interrupt.requested.is_set() or is_over()
        try:
            while not stopping and under_way < len(crew.lanes) + _READY:
                if (order := next(waiting, None)) is None:
                    exhausted = True
                    break
                name = f"partition-{order.partition.id}"
                future = restore_partition.submit(name, quote(order), quote(crew))  # type: ignore[call-overload]
                future.add_done_callback(lambda done, name=name: answers.put((name, done)))
                under_way += 1
        except Exception as error:  # such as the destination not answering
            raised = error
            continue
        if not under_way:
            break
        if exhausted:
            crew.keep(under_way)
        if stopping and not told_to_stop:
            crew.stop()
            told_to_stop = True
        try:
            name, ended_one = answers.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            pass
        else:
            under_way -= 1
            _note_failure(name, ended_one, ended)
        try:
            watch(crew.progress())
        except Exception as error:
            raised = raised or error
    if raised is not None:
        raise raised


def _note_failure(name: str, future: PrefectFuture[Report], ended: Ended) -> None:
    future.wait()
    result = future.result(raise_on_failure=False)
    if not isinstance(result, Report):
        ended.failed[name] = str(result)
