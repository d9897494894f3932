"""`albumen degrade`: a set that can be made again, whose list tells the truth about its files."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from painted_photograph import painted_photograph
from typer.testing import CliRunner

from flows.degrade import LIST, degrade, register
from tasks.errors import UsageError

FOLDERS = ("degraded", "worn", "clean", "masks", "ignored")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    source = tmp_path / "photographs"
    (source / "box 1").mkdir(parents=True)
    for number, name in enumerate(("b.png", "box 1/a.jpg", "c.png")):
        cv2.imwrite(str(source / name), painted_photograph(72, 96, number))
    return source


def rows(destination: Path) -> list[dict[str, str]]:
    with (destination / LIST).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(destination: Path) -> dict[str, bytes]:
    return {
        path.relative_to(destination).as_posix(): path.read_bytes()
        for path in sorted(destination.rglob("*"))
        if path.is_file()
    }


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return image.astype(np.float64) / 255


def test_the_same_command_writes_the_same_bytes(photographs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert degrade(photographs, tmp_path / name) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "one")) == 3 * len(FOLDERS) + 1
    degrade(photographs, tmp_path / "three", seed=1)
    assert files(tmp_path / "one") != files(tmp_path / "three")


def test_the_list_agrees_with_the_files(photographs: Path, tmp_path: Path) -> None:
    destination = tmp_path / "set"
    degrade(photographs, destination)
    listed = rows(destination)
    assert [row["source"] for row in listed] == ["b.png", "box 1/a.jpg", "c.png"]
    for row in listed:
        pictures = {folder: read(destination / folder / row["file"]) for folder in FOLDERS}
        error = np.square(pictures["degraded"] - pictures["clean"]).mean()
        assert float(row["psnr_degraded"]) == pytest.approx(-10 * np.log10(error), abs=0.05)
        assert (int(row["height"]), int(row["width"])) == pictures["masks"].shape == (72, 96)
        assert float(row["mask"]) == pytest.approx(pictures["masks"].mean(), abs=1e-4)
        assert set(np.unique(pictures["masks"])) == {0, 1}
        changed = np.abs(pictures["degraded"] - pictures["worn"]).max(axis=2) > 8.01 / 255
        assert changed[pictures["masks"] == 1].mean() > 0.99
        assert not changed[(pictures["masks"] == 0) & (pictures["ignored"] == 0)].any()
        assert "fade" in row["kinds"].split()


def test_a_picture_keeps_its_seed_when_fewer_are_asked_for(
    photographs: Path, tmp_path: Path
) -> None:
    degrade(photographs, tmp_path / "all")
    degrade(photographs, tmp_path / "few", count=2)
    few, everything = files(tmp_path / "few"), files(tmp_path / "all")
    few.pop(LIST)
    assert len(few) == 2 * len(FOLDERS)
    assert few.items() <= everything.items()


def test_variants_differ_and_the_first_is_the_plain_one(photographs: Path, tmp_path: Path) -> None:
    degrade(photographs, tmp_path / "plain", count=1)
    degrade(photographs, tmp_path / "more", count=1, variants=2)
    plain, more = files(tmp_path / "plain"), files(tmp_path / "more")
    assert more["degraded/b.png.png"] == plain["degraded/b.png.png"]
    assert more["degraded/b.png.1.png"] != more["degraded/b.png.png"]
    assert [row["seed"] for row in rows(tmp_path / "more")] == ["20261122 0", "20261122 0 1"]


def test_structured_severity_leaves_the_worn_picture_sharp(
    photographs: Path, tmp_path: Path
) -> None:
    degrade(photographs, tmp_path / "set", severity="structured", variants=4)
    listed = rows(tmp_path / "set")
    assert all("blur" not in row["kinds"].split() for row in listed)
    assert any(float(row["mask"]) > 0 for row in listed)


def test_contact_sheet_and_summary(photographs: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    sheet = tmp_path / "sheets" / "sheet.jpg"
    finished = CliRunner().invoke(
        app, [str(photographs), str(tmp_path / "set"), "--sheet", str(sheet), "--count", "2"]
    )
    assert finished.exit_code == 0, finished.output
    assert "2 pictures" in finished.output
    assert read(sheet).shape[:2] == (2 * 150, 4 * 195 + 6)


def test_what_is_no_picture_is_named_and_left_out(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photographs / "a letter.jpg").write_text("Dear Sir")
    degrade(photographs, tmp_path / "set")
    assert "a letter.jpg" in capsys.readouterr().err
    assert [row["seed"] for row in rows(tmp_path / "set")] == [
        "20261122 1", "20261122 2", "20261122 3",
    ]  # fmt: skip


def test_requests_that_make_no_sense_are_refused(photographs: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="lies in"):
        degrade(photographs, photographs / "set")
    with pytest.raises(UsageError, match="empty"):
        degrade(empty, tmp_path / "set")
    with pytest.raises(UsageError, match="nowhere"):
        degrade(tmp_path / "nowhere", tmp_path / "set")
    with pytest.raises(UsageError, match="mask_"):
        degrade(photographs, tmp_path / "set", textures=empty)
    with pytest.raises(UsageError, match="--sheet"):
        degrade(photographs, tmp_path / "set", sheet=tmp_path / "sheet.gif")
    (empty / "broken.png").write_text("no picture")
    with pytest.raises(UsageError, match="none of the pictures"):
        degrade(empty, tmp_path / "set")
    assert not (tmp_path / "set").exists()
