"""Every scan of a partition ends in a row, whatever happens to the processes that hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import tifffile
from fake_stages import CLEAN, CRASH, HANG, RAISE, Corner, Nothing
from lane_setup import crew_of, order_for, picture, rows_by_path, run
from PIL import Image

from cluster.calls import Done
from cluster.partition_run import PartitionRun
from cluster.tally import Tally
from tasks import strikes
from tasks.recipe import Recipe

STAGES = {"damage": Corner, "color": Nothing}

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "scans").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path / "scans", tmp_path / "out"


def test_every_scan_gets_a_row_and_its_derivative(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    for number in range(20):
        picture(source / f"box {number % 3}" / f"{number:02}.png", seed=number)
    picture(source / "clean.png", CLEAN)
    order = order_for(source, destination)
    with crew_of(STAGES) as crew:
        report = run(crew, order)
        assert crew.progress().by_status == {"restored": 20, "unchanged": 1}
    assert report.by_status == {"restored": 20, "unchanged": 1}
    assert report.left == 0
    rows = rows_by_path(order)
    assert len(rows) == 21
    assert all(len(of_scan) == 1 for of_scan in rows.values())
    before = np.asarray(Image.open(source / "box 1/01.png"))
    after = np.asarray(Image.open(destination / "restored/box 1/01.png"))
    expected = before.copy()
    expected[:8, :8] = ~before[:8, :8]
    assert np.array_equal(after, expected)
    copied = (destination / "restored/clean.png").read_bytes()
    assert copied == (source / "clean.png").read_bytes()
    kinds = {output["kind"] for output in rows["box 1/01.png"][0]["outputs"]}
    assert kinds == {"restored", "preview"}


def test_a_scan_that_kills_its_process_is_quarantined_and_no_other(
    folders: tuple[Path, Path],
) -> None:
    source, destination = folders
    for number in range(8):
        picture(source / f"{number}.png", seed=number)
    picture(source / "4-bad.png", CRASH)
    order = order_for(source, destination)
    with crew_of(STAGES) as crew:
        report = run(crew, order)
    assert report.by_status == {"restored": 8, "quarantined": 1}
    row = rows_by_path(order)["4-bad.png"][0]
    assert row["error_class"] == "WorkerDied"
    assert "damage" in row["error_message"]
    scan = next(j.scan for j in order.partition.jobs if j.scan.relative_path == "4-bad.png")
    assert strikes.count(order.destination, scan) == 2
    assert len(list((destination / ".albumen/strikes").iterdir())) == 1


def test_a_stage_that_hangs_is_stopped(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    for number in range(4):
        picture(source / f"{number}.png", seed=number)
    picture(source / "2-bad.png", HANG)
    order = order_for(source, destination, step_seconds=3.0)
    with crew_of(STAGES) as crew:
        report = run(crew, order)
    assert report.by_status == {"restored": 4, "quarantined": 1}
    row = rows_by_path(order)["2-bad.png"][0]
    assert row["error_class"] == "StepTimedOut"
    assert "3 s" in row["error_message"]


def test_an_error_of_a_stage_fails_its_scan_only(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    picture(source / "good.png")
    picture(source / "raises.png", RAISE)
    (source / "text.png").write_text("Dear Anna,")
    order = order_for(source, destination)
    with crew_of(STAGES) as crew:
        run(crew, order)
    rows = rows_by_path(order)
    assert rows["good.png"][0]["status"] == "restored"
    assert rows["raises.png"][0]["status"] == "failed"
    assert rows["raises.png"][0]["error_class"] == "StageFailed"
    assert "does not like this picture" in rows["raises.png"][0]["error_message"]
    assert rows["raises.png"][0]["width"] == 48
    assert rows["text.png"][0]["error_class"] == "NotAnImage"
    assert not (destination / "restored/raises.png").exists()


def test_earlier_strikes_count(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    picture(source / "good.png")
    picture(source / "once.png")
    picture(source / "twice.png")
    order = order_for(source, destination, strikes={"once.png": 1, "twice.png": 2})
    with crew_of(STAGES) as crew:
        report = run(crew, order)
    assert report.by_status == {"restored": 2, "quarantined": 1}
    assert rows_by_path(order)["twice.png"][0]["status"] == "quarantined"


def test_nothing_is_restored_beside_a_suspect_not_even_beside_the_last(
    folders: tuple[Path, Path],
) -> None:
    source, destination = folders
    for number in range(6):
        picture(source / f"{number}.png", seed=number)
    order = order_for(source, destination, strikes={"1.png": 1, "4.png": 1})
    with crew_of(STAGES) as crew:
        partition = Watching(order, crew.lanes[0], Tally.remote())  # type: ignore[attr-defined]
        report = partition.run()
    assert report.by_status == {"restored": 6}
    assert partition.most_beside == {"1.png": 0, "4.png": 0}
    assert not list((destination / ".albumen/strikes").iterdir())


class Watching(PartitionRun):
    """Notes how many scans were under way beside one that was to be tried alone."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.most_beside: dict[str, int] = {}

    def _advance(self, done: Done) -> None:
        for journey in self._under_way.values():
            if journey.alone:
                path = journey.scan.relative_path
                beside = len(self._under_way) - 1
                self.most_beside[path] = max(self.most_beside.get(path, 0), beside)
        super()._advance(done)


def test_what_is_in_flight_stays_within_the_budget(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    for number in range(6):
        picture(source / f"{number}.png", size=(400, 300), seed=number)
    picture(source / "large.png", size=(2000, 1500))
    budget = 2 * 3 * 400 * 300 + 1000
    order = order_for(source, destination)
    with crew_of(STAGES, budget_bytes=budget) as crew:
        report = run(crew, order)
        peak = crew.progress().bytes_in_flight_peak
    assert report.by_status == {"restored": 6, "failed": 1}
    row = rows_by_path(order)["large.png"][0]
    assert row["error_class"] == "TooLarge"
    assert "0.01 GB" in row["error_message"]
    assert 3 * 400 * 300 <= peak <= budget


def test_pages_stay_together_in_order(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    rng = np.random.default_rng(5)
    pages = [
        rng.integers(0, 200, (40, 30), np.uint16),
        rng.integers(0, 200, (25, 50), np.uint16),
        np.full((10, 12), CLEAN, np.uint16),
    ]
    with tifffile.TiffWriter(source / "album.tif") as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")
    order = order_for(source, destination)
    with crew_of(STAGES) as crew:
        run(crew, order)
    rows = rows_by_path(order)["album.tif"]
    assert [row["page"] for row in rows] == [0, 1, 2]
    assert [row["width"] for row in rows] == [30, 50, 12]
    assert {row["status"] for row in rows} == {"restored"}
    with tifffile.TiffFile(destination / "restored/album.tif") as written:
        shapes = [page.shape for page in written.pages]
        first = written.pages[0].asarray()
        third = written.pages[2].asarray()
    assert shapes == [(40, 30), (25, 50), (10, 12)]
    assert np.array_equal(first[:8, :8], ~pages[0][:8, :8])
    assert np.array_equal(first[8:], pages[0][8:])
    assert np.array_equal(third, pages[2])


def test_transparency_that_jpeg_cannot_hold_is_flagged(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    rng = np.random.default_rng(3)
    Image.fromarray(rng.integers(0, 200, (32, 48, 4), np.uint8)).save(source / "a.png")
    for wanted, flags in (("png", []), ("jpeg", ["transparency left out: JPEG has none"])):
        order = order_for(source, destination, recipe=Recipe(stages=("damage",), format=wanted))
        with crew_of(STAGES) as crew:
            run(crew, order)
        assert rows_by_path(order)["a.png"][0]["flags"] == flags


def test_a_scan_without_stages_is_skipped(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    picture(source / "sacred.png")
    order = order_for(source, destination, recipe=Recipe(stages=()))
    with crew_of(STAGES) as crew:
        report = run(crew, order)
    assert report.by_status == {"skipped": 1}
    assert not (destination / "restored").exists()


def test_stopping_finishes_what_is_in_flight(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    for number in range(60):
        picture(source / f"{number:02}.png", seed=number)
    order = order_for(source, destination)
    with crew_of({"damage": SlowCorner, "color": Nothing}) as crew, crew.lane() as lane:
        running = crew.start(order, lane)
        while not crew.progress().done:
            assert running.poll(0.2) is None
        crew.stop()
        report = None
        while report is None:
            report = running.poll(0.5)
    assert 0 < report.left < 60
    assert report.by_status == {"restored": 60 - report.left}
    assert len(rows_by_path(order)) == 60 - report.left


def test_a_tally_that_dies_is_missed_by_nobody(folders: tuple[Path, Path]) -> None:
    """Its counts come again, and whoever was asked to stop stops."""
    source, destination = folders
    for number in range(300):  # it takes its time to come back, twice
        picture(source / f"{number:03}.png", seed=number)
    order = order_for(source, destination)
    with crew_of({"damage": SlowCorner, "color": Nothing}) as crew, crew.lane() as lane:
        running = crew.start(order, lane)
        while crew.progress().done < 5:
            assert running.poll(0.2) is None
        ray.kill(crew._tally, no_restart=False)
        before = crew.progress().done
        assert before >= 5
        crew.stop()
        ray.kill(crew._tally, no_restart=False)
        while (report := running.poll(0.5)) is None:
            crew.progress()
    assert report.left > 0
    told = crew.progress()
    assert told.by_status == report.by_status == {"restored": 300 - report.left}


class SlowCorner(Corner):
    def __init__(self) -> None:
        super().__init__(seconds=0.15)


def test_unwritable_destination_is_a_transient_failure(folders: tuple[Path, Path]) -> None:
    source, destination = folders
    picture(source / "a.png")
    order = order_for(source, destination)
    (destination / "restored").write_text("a file where a folder should be")
    with crew_of(STAGES) as crew:
        run(crew, order)
    row = rows_by_path(order)["a.png"][0]
    assert row["status"] == "failed"
    assert row["error_class"] == "DerivativeUnwritable"
    assert row["transient"]


def test_the_memory_of_a_quarantined_scan_is_given_back_once(folders: tuple[Path, Path]) -> None:
    """Given back twice, the lane would afterwards hold more than its budget."""
    source, destination = folders
    picture(source / "a.png", CRASH)
    picture(source / "b.png")
    order = order_for(source, destination)
    with crew_of(STAGES) as crew:
        partition = PartitionRun(order, crew.lanes[0], Tally.remote())  # type: ignore[attr-defined]
        report = partition.run()
    assert report.by_status == {"restored": 1, "quarantined": 1}
    assert partition._held == 0
