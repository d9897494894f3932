"""Which scans, and how each of them: selections, lists, stages and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cli import LIGHT, Cli, Finished, ask, ask_json
from PIL import Image
from small_collection import COLORIZES, save

SCANS = ("box 1/a.png", "box 1/b.png", "box 2/c.jpg", "box 2/d.tif", "e.png")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("choices") / "scans"
    for number, name in enumerate(SCANS):
        save(folder / name, number)
    return folder


def planned(source: Path, *options: object) -> dict[str, Any]:
    told: dict[str, Any] = ask_json("plan", source, source.parent / "nothing yet", *options)
    assert not (source.parent / "nothing yet").exists()
    return told


@pytest.mark.parametrize(
    ("options", "scans"),
    [
        ([], 5),
        (["--include", "*.png"], 3),
        (["--include", "*.tif", "--include", "box 1/**"], 3),
        (["--exclude", "box 2/**"], 3),
        (["--include", "*.png", "--exclude", "e.*"], 2),
        (["--limit", "2"], 2),
        (["--sample", "4"], 4),
        (["--sample", "4", "--limit", "1"], 1),
        (["--include", "nothing*"], 0),
    ],
)
def test_selections(source: Path, options: list[str], scans: int) -> None:
    assert planned(source, *options)["to_restore"] == scans


def test_a_plan_says_what_is_left_out(source: Path) -> None:
    told = planned(source, "--limit", "2", "--exclude", "e.png")
    assert told["excluded"] == 1
    assert any("2 scans lie beyond --limit" in note for note in told["notes"])
    assert told["looked_at"] == 4


def test_a_plan_gives_partitions_and_estimates(source: Path) -> None:
    told = planned(source, "--partition-scans", "2")
    assert told["partitions"] == 3
    assert told["bytes"] == sum((source / name).stat().st_size for name in SCANS)
    assert told["by_extension"][".png"]["scans"] == 3
    assert told["output_bytes"] > 0
    assert told["estimate_from"]
    assert told["hours"] >= 0
    words = ask("plan", source, source.parent / "nothing yet")
    assert words.code == 0
    assert "to restore:        5" in words.out


@pytest.fixture(scope="module")
def listed(source: Path, cli: Cli) -> tuple[Finished, pd.DataFrame]:
    """A run by a catalogue's list, with the options that leave things out."""
    Image.new("L", (80, 60), 128).save(source / "blank.png")
    catalogue = source.parent / "catalogue.csv"
    catalogue.write_text(
        "path,stages,colorize,faces,#title\n"
        "box 1/a.png,,,,all as the run says\n"
        "box 1/b.png,none,,,not to be touched\n"
        "box 2/c.jpg,color,always,,color only\n"
        "box 2/d.tif,damage+faces,,off,no faces\n"
        "blank.png,,,,clean\n"
        "lost.tif,,,,misplaced in 1974\n"
    )
    destination = source.parent / "listed"
    options = ("--list", catalogue, "--stages", "damage,color", "--colorize", "never")
    # A Ray cluster that happens to be around is not joined unasked.
    elsewhere = cli.with_environment(RAY_ADDRESS="127.0.0.1:1")
    finished = elsewhere.run("restore", source, destination, *options, "--skip-unchanged", code=0)
    rows = pd.read_parquet(str(destination) + "/manifest.parquet")
    return finished, rows.set_index("relative_path")


def test_only_what_a_list_names_is_restored(listed: tuple[Finished, pd.DataFrame]) -> None:
    _, rows = listed
    assert sorted(rows.index) == sorted([*SCANS[:4], "blank.png"])


def test_each_listed_scan_is_treated_as_it_says(listed: tuple[Finished, pd.DataFrame]) -> None:
    _, rows = listed
    assert rows.status["box 1/a.png"] == "restored"
    assert rows.colorize_reason["box 1/a.png"] != rows.colorize_reason["box 2/c.jpg"]
    assert rows.status["box 1/b.png"] == "skipped"
    assert len(rows.outputs["box 1/b.png"]) == 0
    assert pd.isna(rows.damaged_fraction_before["box 2/c.jpg"])
    told = "monochrome" if COLORIZES else "not colourized: no weights"
    assert rows.colorize_reason["box 2/c.jpg"] == told
    assert rows.status["box 2/d.tif"] == "restored"
    assert pd.isna(rows.seconds_faces["box 2/d.tif"])
    assert pd.isna(rows.tone_measures["box 2/d.tif"])
    assert rows.recipe.nunique() == 4


def test_a_listed_scan_that_is_missing_is_reported(
    listed: tuple[Finished, pd.DataFrame],
) -> None:
    finished, _ = listed
    assert "1 listed scans are not in the source: lost.tif" in finished.out


def test_what_is_unchanged_is_left_out_on_request(
    listed: tuple[Finished, pd.DataFrame],
) -> None:
    _, rows = listed
    assert rows.status["blank.png"] == "unchanged"
    assert {output["kind"] for output in rows.outputs["blank.png"]} == {"preview"}


@pytest.fixture(scope="module")
def given_up(tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> tuple[Finished, Path]:
    """A run in which more scans failed than it was allowed."""
    top = tmp_path_factory.mktemp("failing")
    for number in range(60):
        path = top / f"scans/{number:02}.png"
        if number % 2:
            save(path, number)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text("Dear Anna,")
    options = (*LIGHT, "--max-failed", 0, "--partition-scans", 20)
    return cli.run("restore", top / "scans", top / "out", *options), top


def test_too_many_failures_end_a_run(given_up: tuple[Finished, Path]) -> None:
    finished, top = given_up
    assert finished.code == 6, finished
    last = finished.err.splitlines()[-1]
    assert last.startswith("albumen: ")
    assert "--max-failed allows 0" in last
    rows = pd.read_parquet(str(top / "out/manifest.parquet"))
    assert 0 < len(rows) < 60
    assert (rows.status == "failed").any()
    told = ask_json("status", top / "out")
    assert told["runs"][0]["ended"] == "failed"
    assert (top / "out/report/index.html").exists()
