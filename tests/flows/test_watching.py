"""`albumen status --watch`: a run seen through its lease."""

from __future__ import annotations

import io
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.progress import Flight, Progress
from flows.heartbeat import told_by_lease
from flows.watching import View, watch, words_of
from tasks.holder import Holder
from tasks.lease import Lease
from tasks.lease_info import LeaseInfo, read_lease
from tasks.ledger import end_run, start_run
from tasks.location import Location

HERE = Holder.this_process()
ELSEWHERE = Holder("far-away", "boot/1", 7, 1.0)
FLIGHTS = (
    Flight(0, 3, 1_500_000_000, (("box/old.tif", 41.0), ("b.tif", 2.0))),
    Flight(1, 2, 500_000_000, (("c.tif", 5.0),)),
)


def told(done: int = 30, seconds: float = 60.0, **changes: Any) -> dict[str, Any]:
    progress = Progress(
        {"restored": done - 3, "failed": 3}, by_error={"CorruptFile": 1, "TooLarge": 2}
    )
    progress.flights = FLIGHTS
    return told_by_lease("000004-ab", 120, 2, seconds, progress) | changes


def info(heartbeat: str, progress: dict[str, Any], holder: Holder = ELSEWHERE) -> LeaseInfo:
    return LeaseInfo(holder, "nonce", "", "since", heartbeat, json.loads(json.dumps(progress)))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lease_tells_counts_lanes_and_what_is_in_flight() -> None:
    words = words_of(told())
    assert words == [
        "30 of 120 scans, 25 %",
        "3 failed (TooLarge 2, CorruptFile 1)",
        "2 of 2 lanes at work",
        "5 scans in flight, 2.0 GB",
    ]
    assert words_of({}) == ["listing and planning"]
    assert words_of(told_by_lease("r", 5, 0, 0.0, Progress()))[-1] == "starting the lanes"
    assert words_of({"planned": 4, "done": 1, "failed": 0})[0] == "1 of 4 scans, 25 %"  # of 0.1


def test_the_rate_is_that_of_the_last_minutes() -> None:
    clock = Clock()
    view = View("nonce", clock)
    view.see(info("1", told(30, 60.0)))
    assert view.rate == pytest.approx(0.5)  # of the whole run, as long as it says more
    assert view.remaining_seconds() == pytest.approx(180)
    view.see(info("2", told(31, 90.0)))
    assert view.rate == pytest.approx(1 / 30)  # large scans now
    assert view.remaining_seconds() == pytest.approx(89 * 30)
    words = view.phrases()
    assert "2.0 a minute" in words and "about 44 min left" in words
    assert "longest: 'box/old.tif' 41 s, 'c.tif' 5 s, 'b.tif' 2 s" in words
    for beat in range(20):
        view.see(info(f"later {beat}", told(40 + beat, 400.0 + 100 * beat)))
    assert len(view.beats) == 4
    assert view.rate == pytest.approx(0.01)


def test_a_run_elsewhere_is_dead_when_its_heartbeat_stops() -> None:
    clock = Clock()
    view = View("nonce", clock)
    view.see(info("1", told()))
    clock.now += 30
    view.see(info("1", told()))
    assert not view.is_dead and "no heartbeat for 30 s" in view.phrases()
    clock.now += 11
    assert view.is_dead
    view.see(info("2", told()))
    assert not view.is_dead
    clock.now += 1000
    view.info = replace(info("2", told()), holder=HERE)  # this machine knows better
    assert not view.is_dead


def _watch_beside(tmp_path: Path, ended: str, **options: Any) -> tuple[int, list[str]]:
    """Watch a run that beats quickly and ends so; the exit code, and what was printed."""
    destination = Location.parse(str(tmp_path))
    out = io.StringIO()
    with Lease.acquire(destination, beat_seconds=0.05) as lease:
        run = start_run(destination, lease.run_id)
        lease.update(told(run=run.name))
        while "run" not in (found := read_lease(destination)).progress:  # type: ignore[union-attr]
            assert found is not None
            time.sleep(0.01)

        def end() -> None:
            time.sleep(0.3)
            end_run(destination, run, ended, {"counts": {"restored": 120}})
            lease.release()

        thread = threading.Thread(target=end)
        thread.start()
        code = watch(destination, stream=out, every=0.05, **options)
        thread.join()
    return code, out.getvalue().splitlines()


def test_watching_ends_with_the_run(tmp_path: Path) -> None:
    code, lines = _watch_beside(tmp_path, "completed")
    assert code == 0
    assert len(lines) > 3
    assert lines[0].startswith("30 of 120 scans, 25 %; 3 failed (TooLarge 2")
    assert lines[-1] == "completed: 120 restored"


def test_the_exit_code_tells_of_a_failed_run_and_json_is_a_line_each(tmp_path: Path) -> None:
    code, lines = _watch_beside(tmp_path, "failed", as_json=True)
    assert code == 6
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    assert first["progress"]["in_flight"] == 5 and first["alive"] is True
    assert first["scans_per_second"] == 0.5 and first["remaining_seconds"] == 180
    assert last["ended"] == "failed" and last["counts"] == {"restored": 120}


def test_a_run_that_died_here_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = Location.parse(str(tmp_path))
    out = io.StringIO()
    with Lease.acquire(destination):
        monkeypatch.setattr(Holder, "is_alive", lambda _: False)
        assert watch(destination, stream=out, every=0.05) == 6
    assert out.getvalue().splitlines()[-1].startswith("the run died (process ")


def test_a_run_shorter_than_a_heartbeat(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    out = io.StringIO()
    with Lease.acquire(destination, beat_seconds=3600) as lease:
        end_run(destination, start_run(destination, lease.run_id), "completed", {})
        threading.Timer(0.2, lease.release).start()
        assert watch(destination, stream=out, every=0.05) == 0
    assert out.getvalue().splitlines()[-1].startswith("completed: ")


def test_nothing_to_watch(tmp_path: Path) -> None:
    out = io.StringIO()
    assert watch(Location.parse(str(tmp_path)), stream=out) == 0
    assert out.getvalue().startswith("no run is under way on ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_terminal_names_of_files_are_no_markup(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    out = Terminal()
    with Lease.acquire(destination, beat_seconds=0.05) as lease:
        lease.update(told(longest=[["[red]a[/nonsense].tif", 4.0]]))
        time.sleep(0.2)
        threading.Timer(0.2, lease.release).start()
        assert watch(destination, stream=out, every=0.05) == 0
    assert "[red]a[/nonsense].tif" in out.getvalue()
