"""Night after night on one destination: only what is new, changed or asked for is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cli import LIGHT, Cli, ask, ask_json
from small_collection import save, state_of

from cluster import stages

SCANS = ("a.jpg", "a.tif", "box/b.png", "box/c.png", "d.png")


class Destination:
    """What the runs left, read from outside."""

    def __init__(self, top: Path) -> None:
        self.source, self.path = top / "scans", top / "out"
        self.before: dict[str, tuple[Any, ...]] = {}
        """The derivatives before the latest run."""

    def rows(self) -> pd.DataFrame:
        return pd.read_parquet(str(self.path) + "/manifest.parquet")

    def sequence_of(self) -> dict[str, int]:
        rows = self.rows()
        return dict(zip(rows.relative_path, rows.run_sequence, strict=True))

    def record(self, run: int) -> Any:
        (file,) = (self.path / ".albumen/runs").glob(f"{run:06d}-*.json")
        return json.loads(file.read_text())

    def derivatives(self) -> dict[str, tuple[Any, ...]]:
        folders = ("restored", "colorized", "previews", "masks")
        return {
            f"{folder}/{name}": state
            for folder in folders
            if (self.path / folder).is_dir()
            for name, state in state_of(self.path / folder).items()
            if (self.path / folder / name).is_file()
        }


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Destination:
    kept = Destination(tmp_path_factory.mktemp("nights"))
    for number, name in enumerate(SCANS):
        save(kept.source / name, number)
    (kept.source / "letter.jpg").write_text("Dear Anna,")
    cli.run("restore", kept.source, kept.path, *LIGHT, code=3)
    return kept


@pytest.fixture(scope="module")
def idle(first: Destination, cli: Cli) -> Destination:
    """After a second run with nothing to do."""
    first.before = first.derivatives()
    cli.run("restore", first.source, first.path, *LIGHT, code=0)
    return first


def test_with_nothing_new_no_image_work_is_done(idle: Destination) -> None:
    assert len(idle.before) == 3 * len(SCANS)
    assert idle.derivatives() == idle.before
    record = idle.record(2)
    assert record["planned"] == 0
    assert record["already_done"] == len(SCANS)
    assert "inventory and plan" in record["phases"]
    assert "cluster and models" not in record["phases"]  # Ray was not even started
    assert set(idle.sequence_of().values()) == {1}


@pytest.fixture(scope="module")
def mended(idle: Destination, cli: Cli) -> Destination:
    """After a third run, before which derivatives were damaged and the source changed."""
    kept = idle
    whole = kept.path / "restored/box/b.png"
    content = bytearray(whole.read_bytes())
    content[-20] ^= 1  # same size
    whole.write_bytes(content)
    (kept.path / "previews/box/c.png.jpg").unlink()
    (kept.path / "restored/stray.png").write_bytes(b"who put this here?")
    found = ask_json("verify", kept.path, code=7)
    assert [path for path, _ in found["altered"]["examples"]] == ["restored/box/b.png"]
    assert [path for path, _ in found["missing"]["examples"]] == ["previews/box/c.png.jpg"]
    assert [path for path, _ in found["stray"]["examples"]] == ["restored/stray.png"]
    assert "albumen restore" in ask("verify", kept.path).out
    (kept.path / "restored/stray.png").unlink()
    save(kept.source / "d.png", 77)
    save(kept.source / "new/e.png", 78)
    kept.before = kept.derivatives()
    told = ask_json("plan", kept.source, kept.path, *LIGHT)
    assert told["reasons"] == {"new": 1, "changed": 1, "derivatives": 2}
    assert told["by_extension"][".png"]["scans"] == 4
    cli.run("restore", kept.source, kept.path, *LIGHT, code=0)
    return kept


def test_what_was_deleted_or_altered_or_is_new_is_made(mended: Destination) -> None:
    again = {"box/b.png", "box/c.png", "d.png", "new/e.png"}
    sequences = mended.sequence_of()
    assert {path for path, run in sequences.items() if run == 3} == again
    assert {path for path, run in sequences.items() if run == 1} == {
        "a.jpg",
        "a.tif",
        "letter.jpg",
    }
    after = mended.derivatives()
    untouched = {path: state for path, state in after.items() if "/a." in path}
    assert untouched
    assert untouched == {path: mended.before[path] for path in untouched}
    assert mended.record(3)["counts"] == {"restored": 4}
    assert ask("verify", mended.path).code == 0


@pytest.fixture(scope="module")
def as_png(mended: Destination, cli: Cli) -> Destination:
    options = (*LIGHT, "--format", "png", "--keep-masks", "--retry-failed")
    cli.run("restore", mended.source, mended.path, *options, code=3)
    return mended


def test_an_option_that_changes_pixels_restores_again(as_png: Destination) -> None:
    assert set(as_png.sequence_of().values()) == {4}
    assert as_png.record(4)["counts"] == {"restored": 6, "failed": 1}
    assert '"format":"png"' in as_png.rows().requested.iloc[0]


def test_names_that_would_collide_both_survive(as_png: Destination) -> None:
    restored = {p.name for p in (as_png.path / "restored").glob("a*.png")}
    assert len(restored) == 2
    assert restored <= {"a.png", "a.jpg.png", "a.tif.png"}
    assert (as_png.path / "restored/box/b.png").exists()


def test_masks_are_kept_on_request(as_png: Destination) -> None:
    masks = {str(p.relative_to(as_png.path)) for p in as_png.path.glob("masks/**/*.png")}
    assert masks == {f"masks/{name}.png" for name in (*SCANS, "new/e.png")}


def test_the_older_runs_rows_stay_readable(as_png: Destination) -> None:
    folders = sorted((as_png.path / "manifest").iterdir())
    assert [folder.name[:10] for folder in folders] == ["run=000001", "run=000003", "run=000004"]
    rows = pd.concat(pd.read_parquet(part) for part in folders[0].glob("*.parquet"))
    assert sorted(rows.relative_path) == sorted([*SCANS, "letter.jpg"])
    assert [set(json.loads(found)) for found in rows.requested.unique()] == [
        {"damage_model", "faces", "colorize"}
    ]


def test_what_the_old_option_left_is_reported_as_stray(as_png: Destination) -> None:
    found = ask_json("verify", as_png.path, code=7)
    stray = {path for path, _ in found["stray"]["examples"]}
    assert stray == {"restored/a.jpg", "restored/a.tif"}
    assert not found["missing"]["count"] + found["altered"]["count"]


def test_an_upgrade_restores_nothing_by_itself(
    as_png: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("plan", as_png.source, as_png.path, *LIGHT, "--format", "png", "--keep-masks")
    assert ask_json(*asked)["to_restore"] == 0
    monkeypatch.setattr(stages, "LOOK_REVISION", "look/999")
    told = ask_json(*asked)
    assert told["to_restore"] == 0
    assert told["outdated"] == 7
    assert any("--refresh" in note for note in told["notes"])
    refreshed = ask_json(*asked, "--refresh")
    assert refreshed["reasons"] == {"refreshed": 7}


def test_retry_failed_is_asked_for(as_png: Destination) -> None:
    asked = ("plan", as_png.source, as_png.path, *LIGHT, "--format", "png", "--keep-masks")
    assert ask_json(*asked)["withheld"] == 1
    assert ask_json(*asked, "--retry-failed")["reasons"] == {"retried": 1}
