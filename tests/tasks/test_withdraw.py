"""Withdrawal: the rows say so first, the files go after, and neither survives the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from nights import night, plan_of, restored, scans_in

from tasks import current, inventory, ledger, storage
from tasks import withdraw as withdrawal
from tasks.errors import StorageError
from tasks.partition import Job
from tasks.records import Row
from tasks.storage import Location
from tasks.verify import verify
from tasks.withdraw import Withdrawn, finish_withdrawals, gone, named, select, withdraw

NAMES = ["a.tif", "b.jpg", "box/c.tif", "box/d.tif"]


@pytest.fixture
def source(tmp_path: Path) -> Location:
    scans_in(tmp_path / "in", NAMES)
    return Location.parse(str(tmp_path / "in"))


def take_away(destination: Location, *paths: str, returns: bool = False) -> Withdrawn:
    run = ledger.start_run(destination)
    rows = select(destination, named(paths))
    return withdraw(destination, run, rows, "withdrawn: on request", returns)


def rows_of(destination: Location) -> dict[str, Row]:
    batches = current.current_batches(destination)
    return {row["relative_path"]: row for batch in batches for row in batch.to_pylist()}


def files(destination: Location) -> list[str]:
    return [f.relative_path for f in storage.list_files(destination, "restored")]


def test_files_go_and_the_rows_say_so(source: Location, destination: Location) -> None:
    night(source, destination)
    parts = {part.path for part in ledger.list_parts(destination)}
    before = rows_of(destination)["a.tif"]
    done = take_away(destination, "a.tif", "box/")
    assert (done.scans, done.derivatives) == (3, 6) and done.bytes > 0
    assert files(destination) == ["restored/b.jpg"]
    rows = rows_of(destination)
    assert {path: row["status"] for path, row in rows.items()} == {
        "a.tif": "withdrawn",
        "b.jpg": "restored",
        "box/c.tif": "withdrawn",
        "box/d.tif": "withdrawn",
    }
    row = rows["a.tif"]
    assert row["notes"] == ["withdrawn: on request"] and not row["outputs"]
    for kept in ("source_uri", "source_bytes", "source_modified", "source_etag", "recipe"):
        assert row[kept] == before[kept]
    assert row["run_sequence"] == 2 and not row["transient"]
    assert parts < {part.path for part in ledger.list_parts(destination)}
    assert verify(destination).ok
    assert current.rewrite_manifest(destination) and rows_of(destination) == rows
    assert take_away(destination, "a.tif") == Withdrawn()


def test_pages_stay_together(source: Location, tmp_path: Path) -> None:
    def book(destination: Location, job: Job) -> list[Row]:
        (row,) = restored(destination, job)
        return [row | {"page": page, "page_count": 3} for page in range(3)]

    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination, ends=dict.fromkeys(NAMES, book))
    done = take_away(destination, "b.jpg")
    assert (done.scans, done.derivatives) == (1, 2)
    pages = [
        (row["page"], row["status"])
        for batch in current.current_batches(destination)
        for row in batch.to_pylist()
        if row["relative_path"] == "b.jpg"
    ]
    assert sorted(pages) == [(page, "withdrawn") for page in range(3)]


def test_it_stays_withdrawn_until_that_is_asked_for(source: Location, tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination)
    take_away(destination, "a.tif")
    scans_in(tmp_path / "in", ["a.tif"], b"scanned again ")
    for asked in ({}, {"refresh": True}, {"retry_failed": True}):
        plan = plan_of(source, destination, **asked)
        assert (plan.scans, plan.withdrawn, plan.done, plan.vanished) == (0, 1, 3, 0)
    plan = night(source, destination, restore_withdrawn=True)
    assert dict(plan.reasons) == {"returned": 1}
    assert rows_of(destination)["a.tif"]["status"] == "restored"
    assert plan_of(source, destination).done == 4


def test_what_the_source_no_longer_has(source: Location, tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination)
    (tmp_path / "in/a.tif").rename(tmp_path / "a.tif")
    plan = plan_of(source, destination)
    assert plan.vanished == 1
    among = withdrawal.among(plan.vanished_keys)
    assert [pages[0]["relative_path"] for pages in select(destination, among)] == ["a.tif"]
    wanted = gone(inventory.take_inventory(source))
    run = ledger.start_run(destination)
    assert withdraw(destination, run, select(destination, wanted), "gone", True).scans == 1
    assert files(destination) == ["restored/b.jpg", "restored/box/c.tif", "restored/box/d.tif"]
    assert plan_of(source, destination).vanished == 0
    (tmp_path / "a.tif").rename(tmp_path / "in/a.tif")
    assert dict(plan_of(source, destination).reasons) == {"returned": 1}


def test_what_cannot_be_listed_is_not_gone(
    source: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = storage.Listed("box", 0, None, None, "", "permission denied", "unreadable folder")
    monkeypatch.setattr(inventory, "list_files", lambda _location: iter([unreadable]))
    with pytest.raises(StorageError, match="not gone"):
        gone(inventory.take_inventory(source))


@pytest.mark.parametrize("dies_at", ["rows", "files"])
def test_killed_in_between(
    source: Location, destination: Location, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    night(source, destination)

    def die(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        if dies_at == "rows":
            patch.setattr(ledger, "write_part", die)
        else:
            patch.setattr(withdrawal, "remove", die)
        with pytest.raises(MemoryError):
            take_away(destination, "a.tif")
    assert len(files(destination)) == 4
    assert finish_withdrawals(destination) == 1
    is_withdrawn = rows_of(destination)["a.tif"]["status"] == "withdrawn"
    assert is_withdrawn == (dies_at == "files")
    assert len(files(destination)) == (3 if is_withdrawn else 4)
    assert verify(destination).ok and finish_withdrawals(destination) == 0


def test_many_are_withdrawn_in_parts(
    tmp_path: Path, source: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawal, "_SCANS_AT_ONCE", 3)
    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination)
    assert take_away(destination, "a.tif", "b.jpg", "box/").scans == 4
    assert files(destination) == []
    assert len([p for p in ledger.list_parts(destination) if p.run.sequence == 2]) == 2
