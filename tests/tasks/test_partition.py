import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from nights import failed, night, plan_of, restored, row_of, scans_in

from tasks import current, ledger, storage
from tasks.done import read_done
from tasks.inventory import take_inventory
from tasks.partition import Job, plan
from tasks.recipe import Recipe
from tasks.records import Row
from tasks.selection import Selection, read_list
from tasks.storage import Location

NAMES = ["a.tif", "b.jpg", "box/c.tif", "box/deep/d.png"]


@pytest.fixture
def source(tmp_path: Path) -> Location:
    scans_in(tmp_path / "in", NAMES)
    return Location.parse(str(tmp_path / "in"))


@pytest.fixture
def local(tmp_path: Path) -> Location:
    return Location.parse(str(tmp_path / "out"))


def planned(*args: object, **options: object) -> dict[str, Job]:
    found = plan_of(*args, **options)  # type: ignore[arg-type]
    return {job.scan.relative_path: job for part in found.partitions() for job in part.jobs}


def test_second_night_does_nothing(source: Location, destination: Location) -> None:
    first = night(source, destination)
    assert first.scans == 4 and first.reasons == {"new": 4} and first.vanished == 0
    assert first.bytes == sum(len(f"scan{name}") for name in NAMES)
    second = plan_of(source, destination)
    assert (second.scans, second.done, second.partition_count) == (0, 4, 0)
    assert list(second.partitions()) == []


def test_a_killed_night_goes_on_where_it_was(source: Location, destination: Location) -> None:
    run = ledger.start_run(destination)
    first = plan_of(source, destination, partition_scans=2)
    done_part = next(first.partitions())
    rows = [row for job in done_part.jobs for row in restored(destination, job)]
    ledger.write_part(destination, run, done_part.id, 0, rows)
    # Killed here: no close, and one derivative written whose row was not.
    left = plan_of(source, destination)
    assert left.done == 2 and left.scans == 2 and left.reasons == {"new": 2}
    night(source, destination)
    assert plan_of(source, destination).done == 4


def test_changes_of_the_source(source: Location, local: Location) -> None:
    night(source, local)
    folder = Path(source.uri)
    (folder / "a.tif").write_bytes(b"longer than it was before")
    os.utime(folder / "b.jpg", ns=(0, 1_000))
    scans_in(folder, ["box/new.tif"])
    (folder / "box/c.tif").unlink()
    found = plan_of(source, local)
    assert found.reasons == {"changed": 2, "new": 1}
    assert (found.done, found.vanished) == (1, 1)


def test_derivatives_deleted_or_altered(source: Location, destination: Location) -> None:
    night(source, destination)
    storage.remove(destination, "restored/a.tif")
    storage.remove(destination, "previews/b.jpg.jpg")
    storage.put_bytes(destination, "restored/box/c.tif", b"altered", "restored")
    found = plan_of(source, destination)
    assert found.reasons == {"derivatives": 3} and found.done == 1
    night(source, destination)
    assert plan_of(source, destination).done == 4


def test_same_size_other_content(source: Location, destination: Location) -> None:
    night(source, destination)
    content = storage.read_bytes(destination, "restored/a.tif")
    storage.put_bytes(destination, "restored/a.tif", content[::-1], "restored")
    assert plan_of(source, destination).reasons == {"derivatives": 1}


def test_asked_for_differently(source: Location, local: Location) -> None:
    night(source, local, Recipe())
    revive = Recipe(mode="revive", requested={"mode": "revive"})
    assert plan_of(source, local, revive).reasons == {"requested": 4}
    same = Recipe(requested={"mode": "repair"})  # what had been the default
    assert plan_of(source, local, same).done == 4


def test_new_defaults_of_an_upgrade(source: Location, local: Location) -> None:
    night(source, local, Recipe(revisions={"damage": "1"}))
    upgraded = Recipe(revisions={"damage": "2"})
    found = plan_of(source, local, upgraded)
    assert (found.scans, found.done, found.outdated) == (0, 4, 4)
    assert plan_of(source, local, upgraded, refresh=True).reasons == {"refreshed": 4}
    night(source, local, upgraded, refresh=True)
    assert plan_of(source, local, upgraded, refresh=True).outdated == 0


def test_an_upgrade_and_a_request_together(source: Location, local: Location) -> None:
    night(source, local, Recipe(revisions={"damage": "1"}, requested={"mode": "repair"}))
    both = Recipe(revisions={"damage": "2"}, mode="revive", requested={"mode": "revive"})
    assert plan_of(source, local, both).reasons == {"requested": 4}


def test_failures(source: Location, local: Location) -> None:
    ends = {
        "a.tif": failed("SourceUnreadable", transient=True),
        "b.jpg": failed("CorruptImage"),
        "box/c.tif": lambda _d, job: [row_of(job, status="quarantined", error_class="WorkerDied")],
    }
    night(source, local, ends=ends)
    found = plan_of(source, local)
    assert found.reasons == {"retried": 1} and (found.withheld, found.done) == (2, 1)
    assert plan_of(source, local, retry_failed=True).reasons == {"retried": 3}
    assert plan_of(source, local, Recipe(revisions={"damage": "2"})).outdated == 3
    assert plan_of(
        source, local, Recipe(colorize="never", requested={"colorize": "never"})
    ).reasons == {"requested": 4}
    (Path(source.uri) / "b.jpg").write_bytes(b"repaired by its owner")
    assert plan_of(source, local).reasons == {"retried": 1, "changed": 1}


def test_a_scan_left_out_or_unchanged_is_done(source: Location, local: Location) -> None:
    ends = {
        "a.tif": lambda _d, job: [row_of(job, status="skipped")],
        "b.jpg": lambda _d, job: [row_of(job, status="unchanged")],
    }
    night(source, local, ends=ends)
    assert plan_of(source, local).done == 4


def test_pages_are_one_scan(source: Location, local: Location) -> None:
    def book(destination: Location, job: Job) -> list[Row]:
        (row,) = restored(destination, job)
        return [row | {"page": page} for page in range(3)]

    night(source, local, ends={"a.tif": book})
    assert plan_of(source, local).done == 4
    storage.remove(local, "previews/a.tif.jpg")
    assert plan_of(source, local).reasons == {"derivatives": 1}


def test_every_page_counts(source: Location, local: Location) -> None:
    def book(destination: Location, job: Job) -> list[Row]:
        """Only the last page's row names its mask."""
        (row,) = restored(destination, job)
        mask = storage.put_bytes(destination, "masks/a.tif.page1.png", b"mask", "mask")
        return [row, row_of(job, [mask], page=1)]

    def half(_destination: Location, job: Job) -> list[Row]:
        return [row_of(job), row_of(job, page=1, status="failed", transient=True)]

    night(source, local, ends={"a.tif": book, "b.jpg": half})
    assert plan_of(source, local).reasons == {"retried": 1}
    storage.remove(local, "masks/a.tif.page1.png")
    assert plan_of(source, local).reasons == {"retried": 1, "derivatives": 1}


def test_links_out_of_the_source_are_planned_once(source: Location, local: Location) -> None:
    (Path(source.uri) / "out.tif").symlink_to("/etc/hostname")
    jobs = planned(source, local)
    assert "out of the source" in str(jobs["out.tif"].scan.problem)
    night(source, local, ends={"out.tif": failed("OutsideSource")})
    found = plan_of(source, local)
    assert found.withheld == 1 and found.scans == 0


def test_partitions_cover_everything_once_and_are_stable(tmp_path: Path) -> None:
    names = [f"box {n // 40}/{n:04d}.tif" for n in range(450)]
    scans_in(tmp_path / "in", names)
    source, destination = (Location.parse(str(tmp_path / n)) for n in ("in", "out"))
    first = plan_of(source, destination, partition_scans=100)
    parts = list(first.partitions())
    assert first.partition_count == len(parts) == 5
    assert [job.scan.relative_path for part in parts for job in part.jobs] == sorted(names)
    assert max(len(part.jobs) for part in parts) <= 100
    assert list(first.partitions()) == parts
    again = plan_of(source, destination, partition_scans=100)
    assert [part.id for part in again.partitions()] == [part.id for part in parts]
    assert len({part.id for part in parts}) == 5
    other = plan_of(source, destination, Recipe(mode="revive"), partition_scans=100)
    assert not {part.id for part in other.partitions()} & {part.id for part in parts}
    assert pickle.loads(pickle.dumps(parts[0])) == parts[0]
    assert plan_of(source, destination, partition_bytes=1000).partition_count > 5
    assert plan_of(source, destination, at_least=7).partition_count == 7


def test_limit_defers(source: Location, local: Location) -> None:
    found = night(source, local, limit=3)
    assert (found.scans, found.deferred) == (3, 1)
    found = night(source, local, limit=3)
    assert (found.scans, found.deferred, found.done) == (1, 0, 3)


def test_a_list_chooses_and_changes_recipes(
    source: Location, local: Location, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("path,colorize\na.tif,never\nbox/c.tif,\nnone.tif,\n")
    jobs = planned(source, local, selection=read_list(file))
    assert {path: job.recipe.colorize for path, job in jobs.items()} == {
        "a.tif": "never",
        "box/c.tif": "auto",
    }
    found = night(source, local, selection=read_list(file))
    assert found.missing == ("none.tif",) and found.vanished is None and found.looked_at == 2
    assert plan_of(source, local, selection=read_list(file)).done == 2
    # Without the list, what it asked for is asked for no longer.
    assert plan_of(source, local).reasons == {"requested": 1, "new": 2}


def test_a_sample_is_a_pilot(source: Location, local: Location) -> None:
    found = night(source, local, selection=Selection(sample=2))
    assert found.scans == 2 and found.vanished is None
    assert plan_of(source, local).done == 2


def test_globs_do_not_make_scans_vanish(source: Location, local: Location) -> None:
    night(source, local)
    found = plan(take_inventory(source, include=["*.tif"]), read_done(local), Recipe())
    assert (found.done, found.vanished) == (2, None)


def test_counts_by_extension(tmp_path: Path, local: Location) -> None:
    scans_in(tmp_path / "in", ["a.tif", "b.TIF", "c.jpg", "d.txt"])
    inventory = take_inventory(Location.parse(str(tmp_path / "in")))
    found = plan(inventory, read_done(local), Recipe())
    assert found.scans_by_extension == {".tif": 2, ".jpg": 1}
    assert found.bytes_by_extension[".jpg"] == len("scanc.jpg")
    assert inventory.ignored == {".txt": 1}


def test_estimates(tmp_path: Path, local: Location) -> None:
    source = Location.parse(str(tmp_path / "in"))
    scans_in(tmp_path / "in", [f"{n:02d}.tif" for n in range(40)], b"x" * 1000)
    first = plan_of(source, local)
    assert "assumed" in first.estimate.basis and first.estimate.seconds > 0
    assert first.estimate.output_bytes > first.bytes
    night(source, local, limit=20)
    second = plan_of(source, local, lanes=2)
    assert "measured on 20 scans" in second.estimate.basis
    assert second.estimate.seconds == pytest.approx(20 * 2.0 / 2, rel=0.05)
    written = sum(
        e.size for e in storage.list_files(local) if not e.relative_path.startswith(("man", "."))
    )
    assert second.estimate.output_bytes == pytest.approx(written, rel=0.1)


def test_the_index_sees_what_many_parts_say(tmp_path: Path, local: Location) -> None:
    source = Location.parse(str(tmp_path / "in"))
    scans_in(tmp_path / "in", [f"{n:03d}.tif" for n in range(120)])
    night(source, local, partition_scans=7, close=False)
    assert len(ledger.list_parts(local)) >= 18
    index = read_done(local)
    assert len(index) == 120 and (np.diff(index.keys) > 0).all()
    assert (index.find(np.array([hash("none.tif")])) == [-1]).all()
    current.rewrite_manifest(local)
    assert plan_of(source, local).done == 120
