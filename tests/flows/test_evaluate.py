"""`albumen evaluate`: what it writes and prints, what it never does, what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from commands import run
from painted_scenes import face, in_color, rgb
from tiny_networks import model
from training_kit import write_picture

from flows.evaluate import WeightsUnusable, register
from flows.exit_codes import ExitCode
from models.evaluation import contestants
from models.evaluation.damage import Contestant
from models.training.data import photograph_files
from tasks.errors import UsageError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("evaluation")
    rows = ["folder,file,split"]
    for number in range(7):
        split = "calibration" if number < 3 else "report"
        write_picture(root / "photos" / f"{number}.png", in_color(96, 128, number))
        rows.append(f"photos,{number}.png,{split}")
    for number, split in enumerate(("train", "report")):
        write_picture(root / "faces" / f"{number}.png", rgb(face()))
        rows.append(f"faces,{number}.png,{split}")
    write_picture(root / "old" / "one.png", in_color(64, 80, 9))
    (root / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return {name: root / name for name in ("photos", "faces", "old", "splits.csv")}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model called tiny, without weights."""
    real = contestants.contestant

    def known(name: str, threads: int = 1, device: str = "auto") -> Contestant:
        return contestants.of_model(model()) if name == "tiny" else real(name, threads, device)

    monkeypatch.setattr(contestants, "contestant", known)


def albumen(*arguments: object) -> int:
    return run(register, "evaluate", *arguments)


@pytest.mark.usefixtures("tiny")
def test_the_whole_table_comes_out_of_one_run(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = albumen(
        *("damage", "--photos", folders["photos"], "--faces", folders["faces"]),
        *("--wallpapers", folders["old"], "--old", folders["old"]),
        *("--splits", folders["splits.csv"], "--out", out, "--models", "tiny,classical"),
        *("--limit", 2, "--threads", 1, "--device", "cpu"),
    )
    assert code == ExitCode.OK
    printed = capsys.readouterr().out
    table = (out / "table.md").read_text(encoding="utf-8")
    assert table in printed
    data = json.loads((out / "table.json").read_text(encoding="utf-8"))
    assert data["about"]["split"] == "report" and data["about"]["weights"]["tiny"]
    known = {(row["on"], row["method"], row["measure"]): row for row in data["rows"]}
    for key in (
        ("photographs", "tiny", "PSNR of revive"),
        ("photographs", "non-local means", "HaarPSI of revive"),
        ("photographs", "classical", "SSIM of revive"),
        ("photographs", "Telea", "filling, true mask, against worn"),
        ("photographs", "tiny", "ROC AUC"),
        ("photographs", "tiny", "recall at the thresholds"),
        ("full size", "tiny", "PSNR of revive"),
        ("clean photographs", "tiny", "changed by repair"),
        ("clean faces", "tiny", "eyes or mouth touched"),
    ):
        assert known[key]["value"] is not None, key
    with (out / "readings.csv").open(newline="", encoding="utf-8") as file:
        seen = {row["photograph"] for row in csv.DictReader(file)}
    assert seen == {"4.png", "6.png", "1.png", "one.png"}  # no calibration, no training picture
    for name in ("photographs", "full_size", "clean_faces", "old"):
        assert cv2.imread(str(out / f"sheet_{name}.jpg")) is not None
        assert cv2.imread(str(out / f"detail_{name}.jpg")) is not None
    assert cv2.imread(str(out / "detectors_photographs.png")) is not None


@pytest.mark.usefixtures("tiny")
def test_thresholds_come_from_calibration_and_training_pictures_alone(
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def noted(folder: Path, splits: Path | None = None, wanted: Any = ("train",)) -> list[Path]:
        asked.extend(wanted)
        return photograph_files(folder, splits, wanted)

    monkeypatch.setattr("models.evaluation.session.photograph_files", noted)
    code = albumen(
        *("calibrate", "--photos", folders["photos"], "--faces", folders["faces"]),
        *("--splits", folders["splits.csv"], "--out", tmp_path, "--model", "tiny"),
    )
    assert code == ExitCode.OK
    assert set(asked) == {"calibration", "train"}
    data = json.loads((tmp_path / "thresholds.json").read_text(encoding="utf-8"))
    assert data["model"] == "tiny" and 0 < data["thresholds"]["weak"] <= 1
    assert data["measured"]["clean"] <= 0.003 and data["measured"]["touched"] == 0
    said = capsys.readouterr().out
    assert said.count("recall") == len(data["tried"]) + 1
    assert said.count("\ngate ") == len(data["gates_tried"]) + 1
    assert data["gate"]["gate"]["all"] > data["gate"]["gate"]["nothing"]


@pytest.mark.parametrize("option", ["--split", "--face-split"])
def test_thresholds_are_never_chosen_on_what_is_reported(
    folders: dict[str, Path], tmp_path: Path, option: str
) -> None:
    with pytest.raises(UsageError, match="not chosen on the split 'report'"):
        albumen(
            *("calibrate", "--photos", folders["photos"], "--faces", folders["faces"]),
            *("--out", tmp_path, "--model", "classical", option, "report"),
        )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (("--models", "nonsense"), UsageError, "nonsense"),
        (("--models", ","), UsageError, "names no model"),
        (("--models", "published-scratch"), WeightsUnusable, "bopbl"),
        (("--models", "classical", "--textures", "nowhere"), UsageError, "nowhere"),
        (("--models", "classical", "--split", "nowhere"), UsageError, "split"),
        (("--models", "classical", "--splits", "nowhere.csv"), UsageError, "nowhere.csv"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path / "no weights"))
    splits = () if "--splits" in options else ("--splits", folders["splits.csv"])
    with pytest.raises(error, match=message):
        albumen("damage", "--photos", folders["photos"], "--out", tmp_path, *splits, *options)
