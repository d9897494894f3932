import errno
import json
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nights import failed, night, plan_of, row_of, scans_in

from tasks import current, ledger, storage
from tasks.errors import ManifestError, StorageError
from tasks.ledger import Run
from tasks.manifest import SCHEMA
from tasks.partition import Job
from tasks.recipe import Recipe
from tasks.records import Row, Scan
from tasks.storage import Location


def job(path: str, size: int = 10) -> Job:
    return Job(Scan(f"/scans/{path}", path, size, 1_000_000, None), Recipe(), f"restored/{path}")


def commit(
    destination: Location, run: Run, part: int | str, *rows: Row, partition: str = "p"
) -> str:
    return ledger.write_part(destination, run, partition, part, rows)


def rows_now(destination: Location) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for batch in current.current_batches(destination):
        for row in batch.to_pylist():
            found.setdefault(row["relative_path"], []).append(row)
    return found


def test_runs_are_numbered_in_order(destination: Location) -> None:
    first = ledger.start_run(destination)
    second = ledger.start_run(destination, "night-2")
    assert (first.sequence, second.sequence) == (1, 2)
    assert second.folder == "manifest/run=000002-night-2"
    commit(destination, Run(7, "other"), 0, row_of(job("a.tif")))
    assert ledger.start_run(destination).sequence == 8
    ledger.end_run(destination, first, "completed", {"counts": {"restored": 3}})
    newest, *_, oldest = ledger.read_runs(destination)
    assert newest["run_sequence"] == 8 and newest["ended"] is None
    assert oldest["ended"] == "completed" and oldest["counts"] == {"restored": 3}
    assert oldest["started"] <= oldest["finished"]
    with pytest.raises(ManifestError, match="run id"):
        ledger.start_run(destination, "../x")


def test_a_part_says_who_wrote_it_and_is_never_replaced(destination: Location) -> None:
    run = ledger.start_run(destination)
    rows = [row_of(job("a.tif"), page=0), row_of(job("a.tif"), page=1)]
    first = commit(destination, run, "1-00000", *rows)
    second = commit(destination, run, "1-00000", row_of(job("b.tif")))
    assert first != second and {p.path for p in ledger.list_parts(destination)} == {first, second}
    assert first.startswith(f"{run.folder}/p.1-00000.")
    found = ledger.rows_of_partition(destination, run, "p")
    assert [(r["relative_path"], r["page"]) for r in found if r["relative_path"] == "a.tif"] == [
        ("a.tif", 0),
        ("a.tif", 1),
    ]
    assert {r["run_id"] for r in found} == {run.run_id} and found[0]["committed"].tzinfo
    commit(destination, run, 0, row_of(job("c.tif"), status="failed"), partition="p2")
    assert ledger.statuses_of_partition(destination, run, "p2") == {"c.tif": "failed"}
    assert ledger.statuses_of_partition(destination, run, "p3") == {}
    assert set(ledger.statuses_of_partition(destination, run, "p")) == {"a.tif", "b.tif"}


@pytest.mark.parametrize(
    "bad",
    [
        {"no_such_column": 1},
        {"status": "done"},
        {"status": None},
        {"relative_path": ""},
        {"width": "wide"},
        {"page": 2**40},
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(tmp_path: Path, bad: dict[str, object]) -> None:
    destination = Location.parse(str(tmp_path))
    run = ledger.start_run(destination)
    with pytest.raises(ManifestError):
        commit(destination, run, 0, row_of(job("a.tif")), row_of(job("b.tif"), **bad))
    with pytest.raises(ManifestError):
        commit(destination, run, 0)
    with pytest.raises(ManifestError):
        commit(destination, run, 0, row_of(job("a.tif")), partition="../p")
    assert ledger.list_parts(destination) == []


def test_text_becomes_valid_and_numbers_of_numpy_are_taken(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    run = ledger.start_run(destination)
    commit(
        destination,
        run,
        0,
        row_of(
            job("a.tif"),
            source_uri="/scans/\udcff.tif",
            flags=["bad \udc80 byte"],
            faces=[{"left": np.int32(1), "score": np.float32(0.5), "reason": "\ud800"}],
            psnr_outside_mask=np.float32("inf"),
            cast_before=np.array([1.5, 2.5], np.float32),
        ),
    )
    (row,) = rows_now(destination)["a.tif"]
    assert row["source_uri"] == "/scans/\\udcff.tif" and row["flags"] == ["bad \\udc80 byte"]
    assert row["faces"][0]["reason"] == "\\ud800" and row["faces"][0]["score"] == 0.5
    assert row["psnr_outside_mask"] == float("inf") and row["cast_before"] == [1.5, 2.5]


def test_one_current_row_of_every_page(destination: Location) -> None:
    first = ledger.start_run(destination)
    commit(destination, first, 0, *(row_of(job("book.tif"), page=p) for p in range(3)))
    commit(destination, first, 1, row_of(job("a.tif")), row_of(job("b.tif")))
    assert current.rewrite_manifest(destination)
    second = ledger.start_run(destination)
    commit(destination, second, 0, row_of(job("book.tif"), status="failed", error_class="X"))
    commit(destination, second, 0, row_of(job("a.tif"), tone="toned"))
    before = rows_now(destination)  # the second run is not closed: its parts count already
    assert current.rewrite_manifest(destination)
    with storage.open_derivative(destination, current.MANIFEST) as file:
        frame = pd.read_parquet(file)
    assert list(frame.columns) == SCHEMA.names
    found = frame.set_index("relative_path")
    assert sorted(found.index) == ["a.tif", "b.tif", "book.tif"]
    assert found.loc["book.tif", "status"] == "failed"
    assert found.loc["a.tif", "tone"] == "toned" and found.loc["b.tif", "run_sequence"] == 1
    assert rows_now(destination) == before
    assert len(ledger.rows_of_partition(destination, first, "p")) == 5  # still readable


def test_pandas_reads_it_from_the_folder(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["a.tif", "b.tif"])
    night(Location.parse(str(tmp_path / "in")), Location.parse(str(tmp_path / "out")))
    frame = pd.read_parquet(f"{tmp_path}/out/manifest.parquet")
    assert sorted(frame["relative_path"]) == ["a.tif", "b.tif"]
    assert str(frame["source_modified"].dtype) == "datetime64[us, UTC]"


def test_nothing_new_rewrites_nothing(destination: Location) -> None:
    run = ledger.start_run(destination)
    commit(destination, run, 0, row_of(job("a.tif")))
    assert current.rewrite_manifest(destination)
    (before,) = (e for e in storage.list_files(destination) if e.relative_path == current.MANIFEST)
    ledger.start_run(destination)
    assert not current.rewrite_manifest(destination)
    (after,) = (e for e in storage.list_files(destination) if e.relative_path == current.MANIFEST)
    assert before == after


def test_an_empty_night_has_an_empty_manifest(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    ledger.start_run(destination)
    assert current.rewrite_manifest(destination)
    assert pd.read_parquet(tmp_path / "manifest.parquet").empty


def test_no_room_to_put_the_manifest_together(
    destination: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans_in(tmp_path / "scans", ["a.tif"])

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    night(Location.parse(str(tmp_path / "scans")), destination, close=False)
    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(StorageError, match=r"No space left on device.*TMPDIR"):
            current.rewrite_manifest(destination)
    assert not storage.exists(destination, current.MANIFEST)
    assert current.rewrite_manifest(destination)
    assert storage.exists(destination, current.MANIFEST)


def test_within_a_run_the_later_attempt_counts(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    run = ledger.start_run(destination)
    for attempt, tone in ((2, "second"), (10, "tenth"), (1, "first")):
        for part in range(2):
            row = row_of(job(f"{part}.tif"), tone=tone)
            commit(destination, run, f"{attempt}-{part:05d}", row)
    assert {row["tone"] for rows in rows_now(destination).values() for row in rows} == {"tenth"}


def test_sequence_counts_not_the_clock(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    newer, older = Run(10, "aaa"), Run(9, "zzz")
    commit(destination, newer, 0, row_of(job("a.tif"), tone="newer"))
    commit(destination, older, 0, row_of(job("a.tif"), tone="older"))
    assert rows_now(destination)["a.tif"][0]["tone"] == "newer"


def test_manifest_can_be_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    source, destination = (Location.parse(str(tmp_path / n)) for n in ("in", "out"))
    scans_in(tmp_path / "in", ["a.tif", "b.tif"])
    night(source, destination)
    night(source, destination, Recipe(mode="revive", requested={"mode": "revive"}))
    before = rows_now(destination)
    (tmp_path / "out/manifest.parquet").unlink()
    assert rows_now(destination) == before
    assert current.rewrite_manifest(destination)
    assert rows_now(destination) == before


def test_columns_and_leaves(tmp_path: Path) -> None:
    source, destination = (Location.parse(str(tmp_path / n)) for n in ("in", "out"))
    scans_in(tmp_path / "in", ["a.tif"])
    for close in (False, True):
        night(source, destination, close=close)
        (batch,) = current.current_batches(destination, ["status", "outputs.list.element.path"])
        assert batch.schema.names == ["relative_path", "status", "outputs"]
        assert batch.column("outputs").to_pylist()[0] == [
            {"path": "restored/a.tif"},
            {"path": "previews/a.tif.jpg"},
        ]


def test_older_and_newer_versions(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    older = SCHEMA.remove(SCHEMA.get_field_index("tone_measures"))
    older = older.set(older.get_field_index("page"), pa.field("page", pa.int64()))
    table = pa.Table.from_pylist([row_of(job("a.tif"), run_id="r", run_sequence=1)], older)
    folder = tmp_path / "manifest/run=000001-r"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "p.00000.x.parquet")
    assert rows_now(destination)["a.tif"][0]["tone_measures"] is None
    (batch,) = current.current_batches(destination, ["tone_measures"])
    assert batch.column("tone_measures").to_pylist() == [None]
    newer = table.append_column("added_later", pa.array([1]))
    pq.write_table(newer, folder / "p.00001.x.parquet")
    with pytest.raises(ManifestError, match="added_later"):
        rows_now(destination)
    with pytest.raises(ManifestError, match="Upgrade"):
        current.rewrite_manifest(destination)
    assert not (tmp_path / "manifest.parquet").exists()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + bytes(100)])
def test_foreign_files_are_named(tmp_path: Path, content: bytes) -> None:
    source, destination = (Location.parse(str(tmp_path / n)) for n in ("in", "out"))
    scans_in(tmp_path / "in", ["a.tif"])
    night(source, destination)
    run = ledger.start_run(destination)
    foreign = tmp_path / "out" / run.folder / "x.parquet"
    foreign.parent.mkdir()
    foreign.write_bytes(content)
    with pytest.raises(ManifestError, match=r"x\.parquet is not a manifest part"):
        plan_of(source, destination)
    foreign.unlink()
    (foreign.parent / "notes.txt").write_bytes(b"ignored")
    (tmp_path / "out/manifest/other.parquet").write_bytes(b"ignored")
    assert plan_of(source, destination).scans == 0
    (tmp_path / "out/manifest.parquet").write_bytes(content)
    with pytest.raises(ManifestError, match="rebuilt from"):
        plan_of(source, destination)
    (tmp_path / "out/manifest.parquet").unlink()
    assert plan_of(source, destination).scans == 0


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "manifest.parquet")
    with pytest.raises(ManifestError, match="relative_path"):
        rows_now(Location.parse(str(tmp_path)))


def test_a_large_manifest_is_rewritten_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "_BATCH_ROWS", 100)
    destination = Location.parse(str(tmp_path))
    run = ledger.start_run(destination)
    for part in range(20):
        rows = [row_of(job(f"{part}/{n}.tif"), page=p) for n in range(25) for p in range(2)]
        commit(destination, run, part, *rows)
    current.rewrite_manifest(destination)
    run = ledger.start_run(destination)
    commit(destination, run, 0, row_of(job("3/4.tif"), status="failed"))
    current.rewrite_manifest(destination)
    found = pq.ParquetFile(tmp_path / "manifest.parquet")
    assert found.metadata.num_row_groups > 5
    assert found.metadata.num_rows == 20 * 25 * 2 - 1
    runs = json.loads(found.schema_arrow.metadata[b"albumen.runs"])
    assert [name.partition("-")[0] for name in runs] == ["000001", "000002"]


def test_many_writers_at_once(destination: Location) -> None:
    run = ledger.start_run(destination)

    def write(number: int) -> None:
        for part in range(3):
            rows = [row_of(job(f"{number}/{part}.tif"))]
            ledger.write_part(destination, run, f"p{number}", part, rows)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows_now(destination)) == 18


def test_path_set() -> None:
    keys = np.arange(0, 400_000, 2, dtype=np.int64)
    kept = current.PathSet()
    for chunk in np.array_split(keys, 40):
        assert not kept.contains(chunk).any()
        kept.add(chunk)
    assert kept.contains(keys).all() and not kept.contains(keys + 1).any()


def test_failed_rows_replace_pages(tmp_path: Path) -> None:
    source, destination = (Location.parse(str(tmp_path / n)) for n in ("in", "out"))
    scans_in(tmp_path / "in", ["a.tif"])
    night(source, destination)
    scans_in(tmp_path / "in", ["a.tif"], content=b"changed")
    night(source, destination, ends={"a.tif": failed("CorruptImage")})
    (row,) = rows_now(destination)["a.tif"]
    assert row["status"] == "failed" and row["run_sequence"] == 2
