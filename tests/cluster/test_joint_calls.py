"""Pages that wait for a stage together: one call, and yet each page with its own fate."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import ray
from fake_stages import CLEAN, CRASH, HANG, HUNGRY, RAISE, Corner, Together, calls_of
from lane_setup import crew_of, order_for, page, picture, rows_by_path, run
from PIL import Image

from cluster import dispatch
from cluster.calls import Done, Page
from cluster.dispatch import Dispatcher
from models.contract import StageInput, StageResult
from tasks import strikes
from tasks.recipe import Recipe

pytestmark = pytest.mark.usefixtures("ray_cluster")


def ended(dispatcher: Dispatcher, count: int, seconds: float = 60) -> list[Done]:
    """The next `count` steps that end."""
    done: list[Done] = []
    deadline = time.monotonic() + seconds
    while len(done) < count:
        assert time.monotonic() < deadline, f"{len(done)} of {count} steps ended"
        done += dispatcher.wait(0.2)
    return done


def offer(dispatcher: Dispatcher, firsts: Sequence[int]) -> None:
    """Pages called a, b, c and so on, all waiting before anything is submitted."""
    for number, first in enumerate(firsts):
        dispatcher.offer_page("faces", page(chr(ord("a") + number), first))


def test_pages_that_wait_share_a_call_and_keep_their_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with crew_of({"faces": partial(Together, log)}) as crew:
        assert crew.lanes[0].batches == {"faces": 4}
        dispatcher = Dispatcher(crew.lanes[0], 60)
        offer(dispatcher, range(1, 10))
        done = ended(dispatcher, 9)
    assert calls_of(log) == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert [one.owner for one in done] == list("abcdefghi")
    for first, one in enumerate(done, 1):
        assert one.outcome is not None and one.outcome.failure is None
        assert one.outcome.columns == {"changed_fraction": 0.1}
        assert one.outcome.seconds > 0
        outcome, result = ray.get(list(one.refs))
        assert outcome.columns == one.outcome.columns
        assert result.rectangles[0].pixels[0, 0] == 255 - first


def test_each_page_has_its_own_changes_and_options() -> None:
    """Pages of unlike ways, so that what is dealt out by count goes to the right one."""
    with crew_of({"damage": Corner, "faces": Echo}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        dispatcher.offer_page("damage", page("before", 1))
        (before,) = ended(dispatcher, 1)
        plain, changed = page("plain", 3, {"faces": "off"}), page("changed", 4, {"faces": "x"})
        earlier = (*changed.objects, before.refs[1])
        dispatcher.offer_page("faces", plain)
        dispatcher.offer_page("faces", Page("changed", changed.options, earlier, 256))
        dispatcher.offer_page("faces", page("last", 5))
        done = ended(dispatcher, 3)
    told = {one.owner: one.outcome.columns for one in done if one.outcome}
    assert told == {
        "plain": {"options": {"faces": "off"}, "first": 3, "changes": 0, "beside": 2},
        "changed": {"options": {"faces": "x"}, "first": 4, "changes": 1, "beside": 2},
        "last": {"options": {}, "first": 5, "changes": 0, "beside": 2},
    }


class Echo(Corner):
    """Tells what each page came with, and how many came with it."""

    batch = 4

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        return [
            replace(
                self._one(item),
                metrics={
                    "options": dict(item.options),
                    "first": int(item.pixels[0, 0]),
                    "changes": len(item.changes),
                    "beside": len(batch) - 1,
                },
            )
            for item in batch
        ]


def test_a_stage_that_does_not_ask_for_it_gets_one_page_a_call(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with crew_of({"faces": partial(Together, log, batch=1), "damage": Corner}) as crew:
        assert crew.lanes[0].batches == {"faces": 1, "damage": 1}
        dispatcher = Dispatcher(crew.lanes[0], 60)
        offer(dispatcher, range(1, 6))
        ended(dispatcher, 5)
    assert calls_of(log) == [[1], [2], [3], [4], [5]]


def test_the_pages_of_a_call_are_bounded_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_JOINT_BYTES", 2 * 256 + 100)
    log = tmp_path / "log"
    with crew_of({"faces": partial(Together, log)}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        offer(dispatcher, [1, 2, 3])
        large = page("large", 4)
        dispatcher.offer_page("faces", Page("large", {}, large.objects, 10**9))
        offer(dispatcher, [5])
        ended(dispatcher, 5)
    assert calls_of(log) == [[1, 2], [3], [4], [5]]  # what is too large by itself goes alone


@pytest.mark.parametrize("bad", [RAISE, HUNGRY])
def test_an_error_of_one_page_is_not_its_neighbours(tmp_path: Path, bad: int) -> None:
    log = tmp_path / "log"
    with crew_of({"faces": partial(Together, log)}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        offer(dispatcher, [1, bad, 3, 4, 5, 6])
        done = {one.owner: one for one in ended(dispatcher, 6)}
    assert calls_of(log)[:2] == [[1, bad, 3, 4], [5, 6]]
    assert calls_of(log)[2:] == [[1], [bad], [3], [4]]
    failures = {owner: one.outcome.failure for owner, one in done.items() if one.outcome}
    failed = {owner: failure for owner, failure in failures.items() if failure}
    assert len(failures) == 6
    if bad == HUNGRY:  # too much in company, and none to blame
        assert not failed
    else:
        assert set(failed) == {"b"}
        assert failed["b"].error_class == "StageFailed"
        assert "does not like this picture" in failed["b"].message
        assert ray.get(done["b"].refs[1]) is None


def test_results_that_cannot_be_stored_are_sorted_out_one_by_one() -> None:
    with crew_of({"faces": Unstorable}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        offer(dispatcher, [1, CLEAN, 3])
        done = {one.owner: one for one in ended(dispatcher, 3)}
        assert set(done) == {"a", "b", "c"}
        for owner in "ac":
            outcome, result = ray.get(list(done[owner].refs))
            assert outcome.columns["beside"] == 0 and result.rectangles
        with pytest.raises(TypeError, match="lock"):  # and so will the next step of this scan
            ray.get(done["b"].refs[1])


class Unstorable(Echo):
    """Answers some pages with what cannot be put into shared memory."""

    def _one(self, item: StageInput) -> StageResult:
        if int(item.pixels[0, 0]) == CLEAN:
            return StageResult(mask=threading.Lock())  # type: ignore[arg-type]
        return super()._one(item)


@pytest.mark.parametrize("deadly", [CRASH, HANG])
def test_a_death_is_that_of_all_pages_and_from_then_on_they_go_singly(
    tmp_path: Path, deadly: int
) -> None:
    log = tmp_path / "log"
    with crew_of({"faces": partial(Together, log)}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 3)
        offer(dispatcher, [1, 2, deadly, 4])
        done = ended(dispatcher, 4)
        assert [one.owner for one in done] == list("abcd")
        assert all(one.outcome is None and one.death for one in done)
        assert {one.hung for one in done} == {deadly == HANG}
        offer(dispatcher, [5, 6, 7])
        again = ended(dispatcher, 3)
        assert all(one.outcome and not one.outcome.failure for one in again)
    assert calls_of(log) == [[1, 2, deadly, 4], [5], [6], [7]]


DAMAGE = Recipe(stages=("damage",), faces="off")


@pytest.mark.parametrize(("deadly", "error"), [(CRASH, "WorkerDied"), (HANG, "StepTimedOut")])
def test_only_the_deadly_scan_of_a_call_is_quarantined(
    tmp_path: Path, deadly: int, error: str
) -> None:
    source, destination, log = tmp_path / "scans", tmp_path / "out", tmp_path / "log"
    destination.mkdir()
    for number in range(10):
        picture(source / f"{number}.png", first=number, seed=number)
    picture(source / "6-bad.png", deadly)
    picture(source / "clean.png", CLEAN)
    order = order_for(source, destination, recipe=DAMAGE, step_seconds=5.0)
    with crew_of({"damage": partial(Together, log, batch=8, seconds=1.5)}) as crew:
        report = run(crew, order)
    assert report.by_status == {"restored": 10, "unchanged": 1, "quarantined": 1}
    rows = rows_by_path(order)
    assert rows["6-bad.png"][0]["error_class"] == error
    assert "twice while nothing else was being restored" in rows["6-bad.png"][0]["error_message"]
    for number in range(10):
        before = np.asarray(Image.open(source / f"{number}.png")).copy()
        before[:8, :8] = ~before[:8, :8]
        after = np.asarray(Image.open(destination / f"restored/{number}.png"))
        assert np.array_equal(after, before)
    calls = calls_of(log)
    deaths = [call for call in calls if deadly in call]
    assert len(deaths[0]) > 1, "the pages did not pile up: nothing was tested"
    assert deaths[1:] == [[deadly], [deadly]]
    by_path = {job.scan.relative_path: job.scan for job in order.partition.jobs}
    kept = {path: strikes.count(order.destination, scan) for path, scan in by_path.items()}
    assert {path: count for path, count in kept.items() if count} == {"6-bad.png": 2}
