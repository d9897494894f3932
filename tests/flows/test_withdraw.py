"""`albumen withdraw`: lists first, removes when told to, and refuses what looks like a mistake."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from cli import ask, ask_json
from nights import night, scans_in

from tasks.lease import Lease
from tasks.ledger import end_run, read_runs, start_run
from tasks.location import Location

NAMES = ["a.tif", "b.jpg", *(f"box/{number:02}.tif" for number in range(20))]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A restored collection that remembers its source."""
    scans_in(tmp_path / "in", NAMES)
    destination = Location.parse(str(tmp_path / "out"))
    night(Location.parse(str(tmp_path / "in")), destination)
    end_run(destination, start_run(destination), "completed", {"source": str(tmp_path / "in")})
    return tmp_path / "out"


def files(out: Path) -> set[str]:
    return {str(p.relative_to(out / "restored")) for p in (out / "restored").rglob("*.*")}


def statuses(out: Path) -> dict[str, str]:
    rows = pd.read_parquet(out / "manifest.parquet")
    return dict(zip(rows.relative_path, rows.status, strict=True))


def test_without_yes_it_only_lists(out: Path) -> None:
    done = ask("withdraw", out, "a.tif", "box/")
    assert done.code == 0, done
    assert "'a.tif'" in done.out and "'box/19.tif'" in done.out and "'b.jpg'" not in done.out
    assert "21 scans with 42 derivatives" in done.out and "Nothing was removed" in done.out
    assert files(out) == set(NAMES) and len(read_runs(Location.parse(str(out)))) == 2


def test_with_yes_files_go_and_all_records_say_so(out: Path, tmp_path: Path) -> None:
    done = ask("withdraw", out, "a.tif", "--reason", "the family asked", "--yes")
    assert done.code == 0 and "Withdrawn: 1 scan with" in done.out, done
    assert files(out) == {*NAMES} - {"a.tif"}
    assert statuses(out)["a.tif"] == "withdrawn"
    told = ask_json("status", out)
    assert told["rows"] == {"restored": 21, "withdrawn": 1}
    assert told["runs"][0]["counts"] == {"withdrawn": 1}
    assert "the family asked" in told["runs"][0]["notes"][0]
    assert ask("verify", out).code == 0
    parts = "".join(part.read_text() for part in (out / "report").rglob("*.js"))
    assert "the family asked" in parts
    assert (tmp_path / "in/a.tif").exists()
    plan = ask_json("plan", tmp_path / "in", out, "--faces", "off", "--colorize", "never")
    assert plan["withdrawn"] == 1
    assert any("--restore-withdrawn" in note for note in plan["notes"])
    assert "nothing to withdraw" in ask("withdraw", out, "a.tif", "--yes").out


def test_a_list(out: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("why,path\nx,b.jpg\ny,box/03.tif\n", encoding="utf-8-sig")
    done = ask("withdraw", out, "--list", tmp_path / "list.csv", "--yes")
    assert done.code == 0, done
    assert files(out) == {*NAMES} - {"b.jpg", "box/03.tif"}


def test_what_the_source_no_longer_has(out: Path, tmp_path: Path) -> None:
    (tmp_path / "in/b.jpg").unlink()
    done = ask("withdraw", out, "--gone")
    assert done.code == 0 and "'b.jpg'" in done.out and files(out) == set(NAMES), done
    done = ask("withdraw", out, "--gone", "--yes")
    assert done.code == 0, done
    assert files(out) == {*NAMES} - {"b.jpg"}
    assert "nothing to withdraw" in ask("withdraw", out, "--gone", "--yes").out


def test_an_empty_mount_point_is_not_a_withdrawal(out: Path, tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    done = ask("withdraw", out, "--gone", "--source", tmp_path / "mnt", "--yes")
    assert done.code == 4 and "22 of 22 scans are not in" in done.err, done
    assert files(out) == set(NAMES)
    done = ask("withdraw", out, "--gone", "--source", tmp_path / "mnt", "--most", "100", "--yes")
    assert done.code == 0 and files(out) == set(), done


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "--gone"),
        (["a.tif", "--gone"], 2, "either"),
        (["a.tif", "c.tif", "--yes"], 2, "'c.tif'"),
        (["crate/", "--yes"], 2, "'crate/'"),
        (["box", "--yes"], 2, "'box'"),
        (["--list", "missing.csv"], 2, "missing.csv"),
        (["--gone", "--source", "/nowhere/at/all", "--yes"], 4, "/nowhere/at/all"),
    ],
)
def test_a_mistake_removes_nothing(out: Path, options: list[str], code: int, said: str) -> None:
    done = ask("withdraw", out, *options)
    assert done.code == code and said in done.err, done
    assert files(out) == set(NAMES)


def test_not_beside_a_run(out: Path) -> None:
    with Lease.acquire(Location.parse(str(out))):
        done = ask("withdraw", out, "a.tif", "--yes")
    assert done.code == 5 and files(out) == set(NAMES), done
