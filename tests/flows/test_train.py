"""`albumen train` and `python -m models.training`: what they write, refuse, and never import."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import run
from training_kit import pictures, write_pictures

from flows.curves import draw_curves
from flows.exit_codes import ExitCode
from flows.train import register
from models.training.__main__ import main
from models.weights.networks import construct
from models.weights.store import read_metadata, read_safetensors
from tasks.errors import UsageError

TINY = ("--steps", 1, "--batch", 1, "--crop", 64, "--device", "cpu", "--workers", 0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("training")
    return {
        "photographs": write_pictures(root / "photographs", pictures(3)),
        "held": write_pictures(root / "held", pictures(1, 64, 64, seed=8)),
        "old": write_pictures(root / "old", pictures(2, seed=5)),
    }


def albumen(*arguments: object) -> int:
    return run(register, "train", *arguments)


def test_every_part_of_damage_is_trained_in_turn_and_can_be_loaded(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = albumen(
        *("damage", folders["photographs"], "--held-out", folders["held"]),
        *("--old", folders["old"], "--out", out, "--set", "critic_width=4", *TINY),
    )
    assert code == ExitCode.OK
    parts = ("autoencoder-old", "autoencoder-clean", "mapping", "direct")
    said = capsys.readouterr().out
    assert [said.index(f"\n{part}: step 1") for part in parts] == sorted(
        said.index(f"\n{part}: step 1") for part in parts
    )
    for part in parts:
        assert (out / f"{part}.png").read_bytes().startswith(b"\x89PNG")
        assert (out / f"{part}.checkpoint.pt").exists()
    for name in ("damage_vae_a", "damage_vae_b", "damage_mapping", "damage_direct"):
        path = out / f"{name}.safetensors"
        about = read_metadata(path)
        network = construct(about["network"], about["settings"])
        network.load_state_dict(read_safetensors(path))


def test_the_same_command_goes_on_and_another_one_is_refused(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("scratch", folders["photographs"], "--held-out", folders["held"], "--out", tmp_path)
    tiny = ("--batch", 1, "--crop", 64, "--workers", 0, "--width", 2)
    albumen(*words, *tiny, "--steps", 1)
    albumen(*words, *tiny, "--steps", 2)
    assert "going on from step 1" in capsys.readouterr().out
    with (tmp_path / "scratch.csv").open(encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]
    with pytest.raises(UsageError, match=r"'seed': 1.*'seed': 9"):
        albumen(*words, *tiny, "--steps", 3, "--seed", 9)


def test_a_training_begins_from_the_weights_of_another(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    words = ("scratch", folders["photographs"], "--held-out", folders["held"], *TINY)
    first, second = tmp_path / "first", tmp_path / "second"
    albumen(*words, "--out", first, "--width", 2)
    weights = first / "damage_scratch.safetensors"
    # Another seed: other random weights, were they not replaced. One step of warm-up moves little.
    albumen(*words, "--out", second, "--width", 2, "--seed", 9, "--start", weights)
    before = read_safetensors(weights)
    after = read_safetensors(second / "damage_scratch.safetensors")
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_allclose(after[name].float(), value.float(), atol=1e-3)
    with pytest.raises(UsageError, match="the weights to start from do not fit"):
        albumen(*words, "--out", tmp_path / "third", "--width", 4, "--start", weights)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["damage", "{nowhere}", "--old", "{old}"], "nowhere is not a folder"),
        (["damage", "{empty}", "--old", "{old}"], "holds no photographs"),
        (["damage", "{photographs}"], "--old FOLDER"),
        (["damage", "{photographs}", "--old", "{old}", "--part", "critic"], "no part 'critic'"),
        (["damage", "{photographs}", "--old", "{old}", "--width", "8"], "name one part"),
        (["damage", "{photographs}", "--part", "mapping"], "train autoencoder-old"),
        (["damage", "{photographs}", "--old", "{old}", "--start", "x.safetensors"], "one start"),
        (["tone", "{photographs}", "--start", "x.safetensors"], "leave --start out"),
        (["scratch", "{photographs}", "--start", "{nowhere}"], "--start: .*nowhere"),
        (["scratch", "{photographs}", "--crop", "50"], "multiple of 16"),
        (["scratch", "{photographs}", "--set", "kind=quarter"], "there are half, published"),
        (["scratch", "{photographs}", "--minutes", "0"], "more than 0"),
        (["scratch", "{photographs}", "--device", "cuda:7"], "CUDA"),
        (["scratch", "{photographs}", "--device", "abacus"], "abacus"),
        (["scratch", "{photographs}", "--splits", "{nowhere}"], "no file of splits"),
        (["scratch", "{photographs}", "--textures", "{nowhere}"], "nowhere"),
        (["scratch", "{photographs}", "--set", "depht=3"], "no setting 'depht'.*depth"),
        (["scratch", "{photographs}", "--set", "depth=deep"], "depth=deep"),
        (["scratch", "{photographs}", "--set", "depth"], "NAME=VALUE"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(
    folders: dict[str, Path],
    tmp_path: Path,
    words: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    known = {**folders, "nowhere": tmp_path / "nowhere", "empty": tmp_path / "empty"}
    filled = [word.format(**known) for word in words]
    filled += ["--out", str(tmp_path / "out"), "--held-out", str(folders["held"]), "--steps", "1"]
    with pytest.raises(UsageError, match=complaint) as raised:
        albumen(*filled)
    assert "\n" not in str(raised.value)
    capsys.readouterr()
    assert main(filled) == 2
    assert str(raised.value).removeprefix("train: ") in capsys.readouterr().err


def test_photographs_are_set_aside_where_no_held_out_ones_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twelve = write_pictures(tmp_path / "twelve", pictures(12, 48, 48))
    words = ("tone", twelve, "--out", tmp_path / "out", "--steps", 1, "--batch", 2)
    assert albumen(*words) == ExitCode.OK
    assert "tone: 11 photographs, 0 real old ones, 1 held out" in capsys.readouterr().out
    assert (tmp_path / "out" / "damage_tone.safetensors").exists()


def test_training_imports_nothing_a_bare_gpu_machine_lacks(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    barred = ("ray", "prefect", "pyvips", "scipy", "pandas", "typer", "matplotlib", "torchvision")
    program = (
        "import sys\n"
        f"barred = {barred!r}\n"
        "sys.modules.update(dict.fromkeys(barred))\n"  # as if they were not installed
        "from models.training.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "loaded = [name for name in (*barred, 'tasks', 'flows') if sys.modules.get(name)]\n"
        "print('code', code, 'loaded', loaded)\n"
    )
    words: list[Any] = ["damage", folders["photographs"]]
    words += ["--part", "direct", "--held-out", folders["held"], "--out", tmp_path, "--width", 4]
    made = subprocess.run(
        [sys.executable, "-c", program, *map(str, [*words, *TINY])],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "code 0 loaded []" in made.stdout, made.stdout + made.stderr


def history(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["step,minutes,loss,score,psnr", *rows, ""]), encoding="utf-8")
    return path


def test_curves_leave_out_what_a_resumed_training_went_through_again(tmp_path: Path) -> None:
    killed = history(
        tmp_path / "a.csv", ["10,1,0.5,3,20", "20,2,9.9,9,99", "15,1.5,0.4,4,21", "30,3,0.3,5,22"]
    )
    clean = history(tmp_path / "b.csv", ["10,1,0.5,3,20", "15,1.5,0.4,4,21", "30,3,0.3,5,22"])
    one, other = (cv2.imread(str(draw_curves(path))) for path in (killed, clean))
    assert one is not None
    assert other is not None
    # All but the title, which names the file.
    assert one.shape == other.shape
    assert np.mean(np.any(one != other, axis=2)) < 0.003
    assert len(np.unique(one.reshape(-1, 3), axis=0)) > 10


def test_curves_of_a_loss_that_joined_late(tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    late.write_text("step,minutes,loss,critic,score\n1,1,0.5,,3\n2,2,0.4,0.7,4\n", encoding="utf-8")
    assert cv2.imread(str(draw_curves(late))) is not None


def test_a_file_that_is_no_history_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"empty\.csv"):
        draw_curves(history(tmp_path / "empty.csv", []))
    other = tmp_path / "other.csv"
    other.write_text("step,minutes\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not the history of a training"):
        draw_curves(other)
