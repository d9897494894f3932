"""Smaller partitions towards the end, so that the lanes of a run end together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from tasks.cuts import SCAN_COSTS_BYTES
from tasks.partition import Job, Partition, Plan, identity

_LEAST_SCANS = 4
"""A partition costs its lane a pause: the last scans of one leave before the next begins."""

_PIECES_A_LANE = 2
"""What is left is thought of as so many partitions for every lane."""


def tapered(plan: Plan, lanes: Callable[[], int]) -> Iterator[Partition]:
    """The partitions of a plan, in order; one that is more than its share of what is left comes
    in pieces.

    `lanes` is asked before each: there may be more later. With one lane nothing is cut.
    """
    left = _weight(plan.bytes, plan.scans)
    least = min(_LEAST_SCANS, math.ceil(plan.scans / max(1, lanes())))
    for partition in plan.partitions():
        jobs = partition.jobs
        while jobs:
            now = max(1, lanes())
            count = _count(jobs, left / (_PIECES_A_LANE * now), least)
            if now == 1 or len(jobs) - count < least:  # and no crumbs
                count = len(jobs)
            piece, jobs = jobs[:count], jobs[count:]
            left -= sum(_weight(job.scan.size) for job in piece)
            yield (
                Partition(identity(piece), piece) if jobs or piece != partition.jobs else partition
            )


def _count(jobs: tuple[Job, ...], share: float, least: int) -> int:
    """How many of the scans weigh at least their share."""
    held = 0
    for count, job in enumerate(jobs):
        if held >= share and count >= least:
            return count
        held += _weight(job.scan.size)
    return len(jobs)


def _weight(size: int, scans: int = 1) -> int:
    """What scans cost, as where the plan is cut."""
    return size + scans * SCAN_COSTS_BYTES
