"""`train color` as a whole: rounds, files that follow one another, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from training_kit import pictures, write_pictures

from flows.inflection_curve import draw_inflection
from models.color.space import luma
from models.training.command import train_all
from models.training.data import NoPhotographs, to_bytes
from models.training.request import BadRequest, Request, base
from models.weights.networks import construct
from models.weights.store import read_metadata, read_safetensors

SETTINGS = {
    "encoder": "nothing", "perceptual": "0", "bridge": "4", "generated": "8",
    "critic_width": "4", "crops": "4", "critic_below": "9",
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("color")
    made = pictures(3, 72, 80)
    grey = [to_bytes(np.repeat(luma(one)[..., None], 3, axis=2)) for one in made]
    return {
        "photographs": write_pictures(root / "photographs", [*made, grey[0]]),
        "grey": write_pictures(root / "grey", grey),
        "held": write_pictures(root / "held", pictures(1, 64, 64, seed=8)),
    }


def request(folders: dict[str, Path], out: Path, **words: Any) -> Request:
    of = {"critic": ("generated", "critic_width"), "adversarial": ("perceptual", "crops")}
    wanted = of.get(words.get("part", ""), tuple(SETTINGS))
    settings = {name: SETTINGS[name] for name in wanted} | words.pop("settings", {})
    chosen: dict[str, Any] = {
        "held_out": folders["held"], "steps": 2, "batch": 2, "crop": 32, "device": "cpu",
        "workers": 0,
    }  # fmt: skip
    given = folders[words.pop("of", "photographs")]
    return Request("color", [given], out, settings=settings, **(chosen | words))


def test_repetitions_share_the_minutes(tmp_path: Path) -> None:
    once = Request("color", [], tmp_path).shares()
    assert list(once) == ["generator", "critic", "adversarial"]
    thrice = Request("color", [], tmp_path, settings={"repeats": "3"}).shares()
    assert list(thrice) == [
        *("generator", "critic", "adversarial"),
        *("critic-2", "adversarial-2", "critic-3", "adversarial-3"),
    ]
    assert sum(once.values()) == pytest.approx(sum(thrice.values())) == pytest.approx(1)
    assert thrice["critic-2"] == pytest.approx(once["critic"] / 3)
    for part in thrice:
        assert base(part) in once
    assert base("autoencoder-old") == "autoencoder-old"


@pytest.mark.parametrize(("repeats", "said"), [("x", "a number"), ("0", "1 to 10"), ("11", "10")])
def test_senseless_repetitions_are_refused(tmp_path: Path, repeats: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        Request("color", [], tmp_path, settings={"repeats": repeats}).shares()


@pytest.fixture(scope="module")
def trained(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Path], list[str]]:
    """Two rounds, whole."""
    out, said = tmp_path_factory.mktemp("trained"), list[str]()
    settings = {"repeats": "2", "width": "4"}
    return out, train_all(request(folders, out, settings=settings), said.append), said


def test_all_steps_follow_one_another(trained: tuple[Path, dict[str, Path], list[str]]) -> None:
    out, written, said = trained
    assert "color: 3 photographs" in said[0] and "; 1 not in colour left out" in said[0]
    parts = ["generator", "critic", "adversarial", "critic-2", "adversarial-2"]
    assert list(written) == parts
    assert all((out / f"{part}.safetensors").is_file() for part in parts)
    ready = out / "color_generator.safetensors"
    assert written["adversarial-2"] == ready
    about = read_metadata(ready)
    assert about["name"] == "color_generator"
    assert about["recipe"] == "train adversarial-2"
    network = construct(about["network"], about["settings"])
    network.load_state_dict(read_safetensors(ready))
    assert about["settings"]["width"] == 4
    first, second = (
        json.loads((out / f"{part}-pictures" / "generations.json").read_text())["about"]
        for part in ("critic", "critic-2")
    )
    assert first["seed"] == second["seed"]


def test_one_part_begins_from_what_is_there_or_from_weights_of_another_training(
    trained: tuple[Path, dict[str, Path], list[str]], folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match=r"critic begins from .*generator\.safetensors"):
        train_all(request(folders, tmp_path, part="critic"))
    start = trained[0] / "color_generator.safetensors"
    quiet: list[str] = []
    again = request(folders, tmp_path, part="critic", start=start)
    assert train_all(again, quiet.append)["critic"] == tmp_path / "critic.safetensors"
    with pytest.raises(BadRequest, match=r"no part 'critic-2'"):
        train_all(request(folders, tmp_path, part="critic-2"))
    moved = request(folders, tmp_path, part="adversarial", start=start)
    assert train_all(moved, quiet.append)["adversarial"].is_file()
    with pytest.raises(BadRequest, match=r"cut off|no safetensors"):
        (tmp_path / "cut.safetensors").write_bytes(start.read_bytes()[:500])
        cut = tmp_path / "cut.safetensors"
        train_all(request(folders, tmp_path, part="critic", start=cut), quiet.append)


def test_photographs_without_colour_teach_nothing(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(NoPhotographs, match=r"none of 3 photographs in .*grey is in colour"):
        train_all(request(folders, tmp_path, of="grey"))


def test_an_unknown_setting_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"no setting 'repeat'; there are .*repeats"):
        train_all(request(folders, tmp_path, settings={"repeat": "3"}))


def test_the_inflection_is_drawn(
    trained: tuple[Path, dict[str, Path], list[str]], tmp_path: Path
) -> None:
    record = trained[0] / "adversarial.inflection.json"
    picture = cv2.imread(str(draw_inflection(record, tmp_path / "drawn.png")))
    assert picture is not None
    moved = json.loads(record.read_text())
    moved["inflection"] = 0 if moved["inflection"] else moved["checkpoints"][-1]["crops"]
    (tmp_path / "adversarial.inflection.json").write_text(json.dumps(moved))
    other = cv2.imread(str(draw_inflection(tmp_path / "adversarial.inflection.json")))
    assert other is not None and other.shape == picture.shape
    assert (other != picture).any()  # the red line stands where the record says
    for text in ("{", "[]", json.dumps(moved | {"checkpoints": []})):
        (tmp_path / "bad.inflection.json").write_text(text)
        with pytest.raises(ValueError, match="bad"):
            draw_inflection(tmp_path / "bad.inflection.json")
