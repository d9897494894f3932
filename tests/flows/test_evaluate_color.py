"""`albumen evaluate color`: what it writes and prints, what it never does, what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from color_painter import painter
from commands import run
from painted_scenes import SEPIA, in_color, landscape, toned
from training_kit import write_picture

from flows import evaluation_costs
from flows.evaluate import WeightsUnusable, register
from flows.exit_codes import ExitCode
from models.evaluation import color_networks
from models.training.data import photograph_files
from models.weights import WeightsMissing
from tasks.errors import UsageError

_SPLITS = ("report", "report", "report", "calibration", "calibration")
_CLOSE, _PALE = Path("close.safetensors"), Path("pale.safetensors")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("colors")
    rows = ["folder,file,split"]
    for number, split in enumerate(_SPLITS):
        write_picture(root / "photos" / f"{number}.png", in_color(96, 128, number))
        rows.append(f"photos,{number}.png,{split}")
    for number in range(2):
        write_picture(root / "train" / f"{number}.png", in_color(64, 64, 20 + number))
        rows.append(f"train,{number}.png,train")
    write_picture(root / "prints" / "0.png", toned(landscape(96, 128), *SEPIA))
    (root / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "labels.csv").write_text(
        "folder,file,split,kind\nphotos,0.png,report,colour\nprints,0.png,report,print\n"
        "photos,3.png,calibration,colour\n",
        encoding="utf-8",
    )
    names = ("photos", "train", "splits.csv", "labels.csv")
    return {name: root / name for name in names} | {"root": root}


@pytest.fixture
def painters(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Formulas instead of networks; the stage around them is the product's."""

    def of_file(path: Path, _device: str) -> Any:
        return painter(path.stem, 0.05 if path.stem == _PALE.stem else 1.0)

    with monkeypatch.context() as patched:
        patched.setattr(color_networks, "network_of_file", of_file)
        patched.setattr(color_networks, "network_of_model", lambda *_: painter("lite"))
        yield


def albumen(folders: dict[str, Path], *words: object) -> int:
    given = ("--photos", folders["photos"], "--splits", folders["splits.csv"], "--threads", 1)
    return run(register, "evaluate", "color", *given, *words)


@pytest.mark.usefixtures("painters")
def test_the_whole_table_comes_out_of_one_run(
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[tuple[str, ...]] = []
    costs = [
        {"on": "scan", "how": "colour stage", "wall": 9.0, "peak": 3.5, "memory": "m", "unit": "GB"}
    ]

    def noted(threads: int, weights: Any, model: str) -> list[dict[str, Any]]:
        asked.append((str(threads), *map(str, weights), model))
        return costs

    monkeypatch.setattr("flows.evaluate_color.color_costs", noted)
    out = tmp_path / "out"
    code = albumen(
        folders,
        *("--train", folders["train"], "--out", out, "--device", "cpu", "--costs"),
        *("--weights", _CLOSE, "--weights", _PALE),
        *("--labels", folders["labels.csv"], "--labelled", folders["root"]),
    )
    assert code == ExitCode.OK
    assert asked == [("1", str(_CLOSE), str(_PALE), "auto")]
    printed = capsys.readouterr().out
    assert (out / "table.md").read_text(encoding="utf-8") in printed
    assert "chosen: close" in printed and "chosen: pale" in printed
    data = json.loads((out / "table.json").read_text(encoding="utf-8"))
    about = data["about"]
    assert about["split"] == "report" and about["chosen_on"] == "calibration"
    assert about["saturation"]["pale"] == 2.0 and 0.6 <= about["saturation"]["close"] <= 1.1
    assert about["weights"] == {name: {name: "0" * 64} for name in ("close", "pale")}
    known = {(row["on"], row["method"], row["measure"]): row for row in data["rows"]}
    grey, deep, tones = "photographs made grey", "the same, 16 bit", "labelled photographs"
    for method in ("left grey", "sepia tint", "mean training chroma"):
        assert known[grey, method, "CIEDE2000"]["count"] == 3
    met = {
        (grey, "close", "CIEDE2000"): True,
        (grey, "close", "chroma PSNR"): True,
        (grey, "close", "colourfulness of the true"): True,
        (grey, "pale", "colourfulness of the true"): False,
        (deep, "close", "largest luminance error, BT.601 luma"): True,
        (deep, "pale", "largest luminance error, BT.601 luma"): True,
        (tones, "decision", "in colour, would be colourized"): True,
        (tones, "decision", "prints taken for colour"): True,
        ("scan", "colour stage", "m"): True,
    }
    assert {key: known[key]["met"] for key in met} == met
    with (out / "readings.csv").open(newline="", encoding="utf-8") as file:
        seen = {row["photograph"] for row in csv.DictReader(file)}
    assert seen == {"0.png", "1.png", "2.png"}  # nothing that was chosen on
    sheet = cv2.imread(str(out / "sheet_photographs_made_grey_01.jpg"))
    assert sheet is not None and np.ptp(sheet) > 100
    assert "print | real" in (out / "decision.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("painters")
def test_a_saturation_that_is_given_is_used_and_nothing_is_chosen(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = albumen(
        folders,
        *("--train", folders["train"], "--out", tmp_path, "--limit", 1, "--sheets", 0),
        *("--saturation", 0.5, "--render-factor", 6),
    )
    assert code == ExitCode.OK and "chosen:" not in capsys.readouterr().out
    data = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert data["about"]["saturation"] == {"lite": 0.5}
    assert data["about"]["render_factor"] == 6 and not list(tmp_path.glob("sheet*"))
    (share,) = (
        row["value"] for row in data["rows"] if row["measure"] == "colourfulness of the true"
    )
    assert 30 < share < 60


@pytest.mark.usefixtures("painters")
def test_render_factors_are_tried_on_calibration_alone(
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def noted(folder: Path, splits: Path | None = None, wanted: Any = ("train",)) -> list[Path]:
        asked.extend(wanted)
        return photograph_files(folder, splits, wanted)

    monkeypatch.setattr("models.evaluation.color.photograph_files", noted)
    monkeypatch.setattr("models.evaluation.color.RENDER_FACTORS", (6, 8))
    assert albumen(folders, "--out", tmp_path, "--calibrate") == ExitCode.OK
    assert set(asked) == {"calibration"}
    data = json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))
    assert [one["render_factor"] for one in data["tried"]] == [6, 8]
    assert data["chosen"]["lite"] in data["tried"]
    said = capsys.readouterr().out
    assert said.count("\nlite: render factor") == 1 and "chosen for lite" in said
    assert not (tmp_path / "table.md").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (("--chosen-on", "report"), UsageError, "not chosen on what is reported"),
        (("--split", "calibration"), UsageError, "not chosen on what is reported"),
        (("--labels", "labels.csv"), UsageError, "go together"),
        (("--model", "nonsense"), UsageError, "nonsense"),
        (("--model", "published-stable"), WeightsUnusable, "deoldify"),
        (("--weights", "nowhere.safetensors"), WeightsUnusable, "nowhere"),
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
        albumen(folders, "--train", folders["train"], "--out", tmp_path, *options)


@pytest.mark.usefixtures("painters")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--weights", "a/net.safetensors", "--weights", "b/net.safetensors"), "called alike"),
        (("--split", "nowhere"), "nowhere"),
        (("--labels", "nowhere.csv", "--labelled", "."), "nowhere.csv"),
    ],
)
def test_so_is_what_does_not_fit_together(
    folders: dict[str, Path], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        albumen(folders, "--train", folders["train"], "--out", tmp_path, *options)


@pytest.mark.usefixtures("painters")
def test_the_mean_chroma_needs_training_photographs(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--train FOLDER"):
        albumen(folders, "--out", tmp_path)


def test_without_weights_nothing_is_measured(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise WeightsMissing("no colour weights are embedded")

    monkeypatch.setattr(color_networks, "network_of_model", missing)
    with pytest.raises(WeightsUnusable, match="embedded"):
        albumen(folders, "--train", folders["train"], "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_costs_need_a_checkout_and_a_benchmark_that_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "color.py"
    monkeypatch.setattr(evaluation_costs, "_BENCHMARK", script)
    with pytest.raises(UsageError, match="checkout"):
        evaluation_costs.color_costs(1, (), "auto")
    script.write_text("raise SystemExit(3)", encoding="utf-8")
    with pytest.raises(UsageError, match="ended with 3"):
        evaluation_costs.color_costs(1, (), "auto")
    script.write_text(
        "import json, pathlib, sys\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "pathlib.Path(given['--json']).write_text(json.dumps([given]))",
        encoding="utf-8",
    )
    (found,) = evaluation_costs.color_costs(2, [Path("net.safetensors"), Path("b")], "auto")
    assert found["--threads"] == "2" and found["--weights"] == "net.safetensors"
    assert found["--layout"] == "stable" and found["--model"] == "auto"
