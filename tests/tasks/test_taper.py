"""The last partitions of a night are small, and no scan is in two of them or in none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from tasks.estimate import Estimate
from tasks.partition import Job, Partition, Plan, identity
from tasks.recipe import Recipe
from tasks.records import Scan
from tasks.taper import tapered

MIB = 1 << 20


class Planned(Plan):
    """A plan whose partitions are given."""

    def __init__(self, counts: list[int], size: int) -> None:
        super().__init__(Estimate(0.0, 0, ""), scans=sum(counts), bytes=sum(counts) * size)
        numbers = itertools.count()
        self.given = []
        for count in counts:
            some = itertools.islice(numbers, count)
            scans = [Scan(f"/in/{n}", f"{n}.tif", size, 0, None) for n in some]
            jobs = tuple(Job(scan, Recipe(), f"restored/{scan.relative_path}") for scan in scans)
            self.given.append(Partition(identity(jobs), jobs))

    def partitions(self) -> itertools.chain[Partition]:  # type: ignore[override]
        return itertools.chain(self.given)


def counts(plan: Plan, lanes: Callable[[], int]) -> list[int]:
    pieces = list(tapered(plan, lanes))
    jobs = [job for piece in pieces for job in piece.jobs]
    assert jobs == [job for partition in plan.partitions() for job in partition.jobs]
    assert len({piece.id for piece in pieces}) == len(pieces)
    assert all(piece.id == identity(piece.jobs) for piece in pieces)
    return [len(piece.jobs) for piece in pieces]


@pytest.mark.parametrize("lanes", [2, 4, 7])
@pytest.mark.parametrize("size", [1, 100 * MIB])
def test_lanes_end_together(lanes: int, size: int) -> None:
    found = counts(Planned([200] * 8, size), lambda: lanes)
    assert found[0] == min(200, -(-1600 // (2 * lanes)))
    assert max(found[-lanes:]) <= 16
    free = [0] * lanes  # each piece goes to the lane that is free first
    for count in found:
        free[free.index(min(free))] += count
    assert max(free) - min(free) <= 16
    assert len(found) < 8 * lanes + 8


def test_one_lane_gets_what_was_planned() -> None:
    plan = Planned([200, 200, 30], MIB)
    assert list(tapered(plan, lambda: 1)) == plan.given


def test_few_scans_are_dealt_out() -> None:
    assert counts(Planned([6], MIB), lambda: 4) == [2, 2, 2]
    assert counts(Planned([3], MIB), lambda: 4) == [1, 1, 1]
    assert counts(Planned([], MIB), lambda: 4) == []


def test_lanes_that_come_later_count() -> None:
    asked = itertools.chain([1, 1], itertools.repeat(4))
    late = counts(Planned([100, 100], MIB), lambda: next(asked))
    assert late[0] == 100
    assert len(late) > 4


def test_large_scans_weigh_more() -> None:
    plan = Planned([200], MIB)
    jobs = plan.given[0].jobs
    heavy = tuple(
        replace(job, scan=replace(job.scan, size=100 * MIB)) if n < 20 else job
        for n, job in enumerate(jobs)
    )
    plan.given = [Partition(identity(heavy), heavy)]
    plan.bytes = sum(job.scan.size for job in heavy)
    assert counts(plan, lambda: 2)[0] <= 8
