"""A night that ends by the clock, and one that finds a master altered."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli import Cli, ask_json
from lane_setup import order_for
from nights import plan_of, scans_in
from small_collection import save

from cluster.partition_run import Report
from cluster.progress import Progress
from flows import partitions
from flows.exit_codes import ExitCode
from flows.night import Night
from flows.partitions import Ended, run_in_window
from flows.settings import RestoreSettings
from flows.stopwatch import Stopwatch
from flows.summary import Summary
from tasks.fixity import Fixity
from tasks.inventory import take_inventory
from tasks.lease import Lease
from tasks.ledger import start_run
from tasks.location import Location


class Crew:
    """Lanes that finish a partition as soon as anybody looks."""

    lanes = (0, 1)

    def __init__(self) -> None:
        self.stopped = False
        self.kept: list[int] = []

    def stop(self) -> None:
        self.stopped = True

    def keep(self, count: int) -> None:
        self.kept.append(count)

    def progress(self) -> Progress:
        return Progress()


class Future:
    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        call(self)

    def wait(self) -> None:
        pass

    def result(self, *, raise_on_failure: bool) -> Report:
        assert not raise_on_failure
        return Report(by_status={}, left=0)


class Order:
    def __init__(self, number: int) -> None:
        self.partition = type("Partition", (), {"id": str(number)})


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def submit(name: str, *_: object) -> Future:
        names.append(name)
        return Future()

    monkeypatch.setattr(partitions.restore_partition, "submit", submit)
    return names


def test_lanes_are_given_back_when_nothing_is_left_for_them(begun: list[str]) -> None:
    crew: Any = Crew()
    orders: Any = map(Order, range(3))
    run_in_window(orders, crew, lambda _: None, Ended())
    assert len(begun) == 3
    assert crew.kept == [2, 1]  # one for each partition under way
    assert not crew.stopped


def test_once_it_is_over_nothing_is_begun(begun: list[str]) -> None:
    crew: Any = Crew()
    orders: Any = map(Order, range(9))
    run_in_window(orders, crew, lambda _: None, Ended(), lambda: len(begun) >= 3)
    assert begun == ["partition-0", "partition-1", "partition-2"]
    assert crew.stopped


def test_what_waited_for_a_lane_begins_nothing_once_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Crew):
        stopping = True
        given_back = 0

        @contextmanager
        def lane(self) -> Iterator[None]:
            yield None
            self.given_back += 1

        def start(self, *_: object) -> None:
            raise AssertionError("a partition was begun")

    save(tmp_path / "in/a.png")
    (tmp_path / "out").mkdir()
    order = order_for(tmp_path / "in", tmp_path / "out")
    monkeypatch.setattr(partitions, "get_run_logger", logging.getLogger)
    crew: Any = Stopped()
    assert partitions.restore_partition.fn("p", order, crew) == Report({}, 1)
    assert crew.given_back == 1


def summary(**changes: Any) -> Summary:
    kept: dict[str, Any] = {
        "run_sequence": 3,
        "run_id": "a",
        "outcome": "completed",
        "destination": "out",
        "planned": 10,
        "already_done": 4,
        "by_status": {"restored": 6, "failed": 1},
        "left": 3,
        "ignored": {},
        "seconds": 60.0,
    }
    return Summary(**kept | changes)


def test_a_night_that_was_stopped_says_so() -> None:
    stopped = summary(
        outcome="stopped", until="06:30 Europe/Vienna", reasons={"new": 7, "changed": 3}
    )
    assert stopped.exit_code == ExitCode.STOPPED
    table = dict(stopped.table())
    assert table["outcome"] == "stopped at 06:30 Europe/Vienna, 3 left"
    assert table["scans planned"] == "10 (7 new, 3 changed at the source)"
    assert "The next run" in "\n".join(stopped.lines())
    assert stopped.headline.startswith("Albumen: stopped at 06:30 Europe/Vienna, 3 left, 6 done")
    assert stopped.record()["until"] == "06:30 Europe/Vienna"


def test_an_altered_master_is_louder_than_all_else() -> None:
    masters = Fixity(checked=130)
    masters.altered.add("a.tif", "other bytes")
    alarming = summary(
        outcome="stopped", until="06:30", masters=masters, gone=7, gone_examples=("b.tif", "c.tif")
    )
    assert alarming.exit_code == ExitCode.DIFFERENCES
    table = dict(alarming.table())
    assert table["masters hashed"] == "130, 1 MASTERS ALTERED"
    assert table["source gone"] == "7 (b.tif, c.tif, ...)"
    assert alarming.headline.startswith("Albumen: 1 MASTERS ALTERED, ")
    assert alarming.record()["masters"]["altered"]["examples"] == [("a.tif", "other bytes")]


def test_nights_with_a_rotten_master_and_without_time(cli: Cli, tmp_path: Path) -> None:
    """The first restores, the second finds what rotted, the third would have no time left."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    for number in range(2):
        save(scans / f"{number}.png", number)
    plain = ("--faces", "off", "--colorize", "never")
    cli.run("restore", scans, out, *plain, code=0)
    restored = hashlib.sha256((out / "restored/0.png").read_bytes()).hexdigest()
    found, content = (scans / "0.png").stat(), bytearray((scans / "0.png").read_bytes())
    content[-20] ^= 1
    (scans / "0.png").write_bytes(content)
    os.utime(scans / "0.png", ns=(found.st_atime_ns, found.st_mtime_ns))
    done = cli.run("restore", scans, out, *plain, "--verify-source", "100%", code=7)
    assert "1 MASTERS ALTERED" in done.out and "MASTERS WERE ALTERED" in done.out
    assert hashlib.sha256((out / "restored/0.png").read_bytes()).hexdigest() == restored
    told = ask_json("status", out)["runs"][0]
    assert told["masters"]["altered"]["count"] == 1 and told["counts"] == {}
    assert told["source"] == str(scans)


def test_no_time_left_means_that_nothing_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans_in(tmp_path / "in", ["a.tif", "b.tif"])
    source, destination = (Location.parse(str(tmp_path / name)) for name in ("in", "out"))
    settings = RestoreSettings(source=source.uri, destination=destination.uri, until="06:30 UTC")
    monkeypatch.setattr("flows.night.assemble", None)  # no cluster is started
    with Lease.acquire(destination) as lease:
        plan = plan_of(source, destination)
        run = start_run(destination)
        ends = datetime.now(UTC) - timedelta(seconds=1)
        night = Night(settings, source, destination, run, plan, lease, Stopwatch(), ends)
        night.restore_partitions()
        told = night.summary(take_inventory(source), ())
    assert (told.outcome, told.left, told.until) == ("stopped", 2, "06:30 UTC")
    assert told.exit_code == ExitCode.STOPPED
