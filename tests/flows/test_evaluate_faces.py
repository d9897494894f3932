"""`albumen evaluate faces`: what it writes and prints, what it never does, what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import run
from face_kit import portrait, sharpener
from painted_scenes import in_color
from training_kit import write_picture

from flows.evaluate import WeightsUnusable, register
from flows.exit_codes import ExitCode
from models.evaluation import face_contestants, faces
from models.training.data import photograph_files
from tasks.errors import UsageError

_SPLITS = {"0.png": "report", "1.png": "report", "2.png": "train", "3.png": "train"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("faces")
    rows = ["folder,file,split"]
    for number, (name, split) in enumerate(_SPLITS.items()):
        write_picture(root / "portraits" / name, portrait(number, 160))
        rows.append(f"portraits,{name},{split}")
    write_picture(root / "portraits" / "4.png", in_color(80, 80))
    rows.append("portraits,4.png,report")
    (root / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "labels.csv").write_text(
        "folder,file,split,left,top,right,bottom,kind\n"
        "portraits,0.png,report,55,65,145,155,face\nportraits,4.png,report,,,,,none\n"
        "portraits,2.png,train,45,55,115,125,face\n",
        encoding="utf-8",
    )
    names = ("portraits", "splits.csv", "labels.csv")
    return {name: root / name for name in names} | {"root": root}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stage itself, around a network that is a formula."""

    def known(_model: str = "auto", _device: str = "auto", threads: int = 1) -> Any:
        return face_contestants.of_enhancer(sharpener(), threads), sharpener()

    with monkeypatch.context() as patched:
        patched.setattr(face_contestants, "face_contestants", known)
        patched.setattr("models.faces.descriptor.descriptor_distance", _apart)
        patched.setattr(faces, "GUARD_PORTRAITS", 3)
        patched.setattr(faces, "CALIBRATION_PORTRAITS", 1)
        yield


def _apart(one: Any, other: Any) -> float:
    return float(np.abs(one.mean(axis=2) - other.mean(axis=2)).mean())


def albumen(*arguments: object) -> int:
    return run(register, "evaluate", "faces", *arguments)


@pytest.mark.usefixtures("tiny")
def test_the_whole_table_comes_out_of_one_run(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = albumen(
        *("--faces", folders["portraits"], "--splits", folders["splits.csv"], "--out", out),
        *("--labels", folders["labels.csv"], "--labelled", folders["root"]),
        *("--pairs", 5, "--threads", 1, "--device", "cpu", "--detector", "hog"),
    )
    assert code == ExitCode.OK
    printed = capsys.readouterr().out
    assert (out / "table.md").read_text(encoding="utf-8") in printed
    assert "4.png: no face is found" in printed
    data = json.loads((out / "table.json").read_text(encoding="utf-8"))
    about = data["about"]
    assert about["split"] == "report" and about["chosen_on"] == "train"
    assert about["detector"] == "hog"
    assert about["weights"] == {"sharpener": "0" * 64} and about["guard"]["eye"] > 0
    known = {(row["on"], row["method"], row["measure"]): row for row in data["rows"]}
    asked = {
        ("degraded portraits", "face stage", "PSNR in the face"): 2,
        ("degraded portraits", "face stage", "SSIM in the face"): 2,
        ("degraded portraits", "face stage", "descriptor distance"): 2,
        ("clean portraits, all", "face stage", "PSNR in the face, in to out"): 2,
        ("guard, portraits of train", "guard", "catches"): 5,
        ("guard, portraits of report", "guard", "false alarms"): 5,
        ("labelled photographs", "detector", "recall"): 1,
        ("labelled photographs", "detector", "false alarms a picture"): 2,
    }
    for key, count in asked.items():
        assert known[key]["count"] == count and known[key]["met"] is not None, key
    for method in ("bicubic, unsharp, best PSNR", "stage without guard", "network alone"):
        assert known["degraded portraits", method, "PSNR in the face"]["value"] > 10
    with (out / "readings.csv").open(newline="", encoding="utf-8") as file:
        seen = {row["photograph"] for row in csv.DictReader(file)}
    assert seen == {"0.png", "1.png"}  # nothing that was chosen on
    for name in ("degraded_portraits", "clean_portraits"):
        sheet = cv2.imread(str(out / f"sheet_{name}.jpg"))
        assert sheet is not None and np.ptp(sheet) > 100


@pytest.mark.usefixtures("tiny")
def test_limits_are_tried_on_training_portraits_alone(
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def noted(folder: Path, splits: Path | None = None, wanted: Any = ("train",)) -> list[Path]:
        asked.extend(wanted)
        return photograph_files(folder, splits, wanted)

    monkeypatch.setattr("models.evaluation.faces.photograph_files", noted)
    monkeypatch.setattr("models.evaluation.guard_limits.MOST_ALARMS", 1.0)
    monkeypatch.setattr("models.evaluation.guard_limits.BOUNDS", (0.2, 1.0))
    code = albumen(
        *("--faces", folders["portraits"], "--splits", folders["splits.csv"]),
        *("--out", tmp_path, "--pairs", 5, "--calibrate", "--threads", 1),
    )
    assert code == ExitCode.OK and set(asked) == {"train"}
    data = json.loads((tmp_path / "limits.json").read_text(encoding="utf-8"))
    assert data["split"] == "train" and data["chosen"]["catches"] >= data["in_use"]["catches"]
    said = capsys.readouterr().out
    assert said.startswith("in use: eye") and said.count("catches") == len(data["tried"]) + 2
    assert not (tmp_path / "table.md").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (("--chosen-on", "report"), UsageError, "not chosen on what is reported"),
        (("--split", "train"), UsageError, "not chosen on what is reported"),
        (("--calibrate", "--chosen-on", "report"), UsageError, "--chosen-on"),
        (("--labels", "labels.csv"), UsageError, "go together"),
        (("--model", "nonsense"), UsageError, "nonsense"),
        (("--model", "published-256"), WeightsUnusable, "bopbl"),
        (("--detector", "keenest"), UsageError, "keenest.*hog, mmod"),
        (("--detector", "yunet"), WeightsUnusable, "opencv_yunet"),
        (("--device", "abacus"), UsageError, "abacus"),
        (("--textures", "nowhere"), UsageError, "nowhere"),
        (("--split", "nowhere"), UsageError, "split"),
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
    with pytest.raises(error, match=message):
        albumen(
            *("--faces", folders["portraits"], "--splits", folders["splits.csv"]),
            *("--out", tmp_path, "--threads", 1, *options),
        )


@pytest.mark.usefixtures("tiny")
def test_portraits_without_faces_are_no_portraits(tmp_path: Path) -> None:
    for number in range(2):
        write_picture(tmp_path / "scenes" / f"{number}.png", in_color(80, 80, number))
    with pytest.raises(UsageError, match="no face is found"):
        albumen("--faces", tmp_path / "scenes", "--out", tmp_path / "out", "--threads", 1)
    with pytest.raises(UsageError, match="fewer than two faces"):
        albumen(*("--faces", tmp_path / "scenes", "--out", tmp_path / "out", "--calibrate"))
