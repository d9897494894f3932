"""NoGAN's three steps: killed and resumed, learning, kept pictures, checkpoints, inflection."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from training_kit import LOOP, Killed, check_same, checkpoint, dies_after, in_float32, pictures

from models.color.efficientnet import EfficientNetLite0
from models.color.generator import ColorUNet
from models.training import color, color_adversarial, color_critic, color_generations
from models.training.color import network_settings, train_generator
from models.training.color_adversarial import CropBudget, train_adversarial
from models.training.color_critic import (
    as_bytes,
    held_out_pairs,
    told_apart,
    train_critic,
)
from models.training.color_generations import fingerprint, generations
from models.training.color_inflection import Checkpoints, inflection, smoothed
from models.training.color_measures import HeldOut, held_out
from models.training.color_samples import drawing
from models.training.critics import PatchCritic
from models.training.loop import Budget, OtherTraining
from models.training.request import BadRequest
from models.weights.errors import WeightsMissing
from models.weights.store import read_safetensors

CPU = torch.device("cpu")
TINY: dict[str, Any] = {"batch": 2, "crop": 32} | LOOP
SETS = ([0.7, 0.3], [pictures(3, 80, 96), pictures(2, 80, 96, seed=4)])


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(2, 64, 64, seed=9))


def sources(validation: HeldOut, folder: Path, steps: int) -> tuple[Any, ...]:
    return SETS[1], SETS[0], validation, folder, Budget(1, steps)


def learn(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    chosen = {"encoder": "nothing", "perceptual": 0.0, "width": 4, "bridge": 4}
    return train_generator(*sources(validation, folder, steps), **(TINY | chosen | words))


def generator() -> ColorUNet:
    torch.manual_seed(0)
    network = ColorUNet(**network_settings(4, 4))
    with torch.no_grad():  # or it would leave everything grey, and its critic have no work
        network.layers[11][0].bias += torch.tensor([0.3, -0.2])  # type: ignore[index]
    return network


def critic() -> PatchCritic:
    torch.manual_seed(1)
    return color_critic.color_critic(4)


def test_a_generator_killed_and_resumed_equals_one_go(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch, color)
    whole = learn(tmp_path / "whole", validation, 3)
    dies_after(monkeypatch, color, 2)
    with pytest.raises(Killed):
        learn(tmp_path / "halves", validation, 3)
    assert checkpoint(tmp_path / "halves", "generator")["step"] == 2
    check_same(whole, learn(tmp_path / "halves", validation, 3))
    ColorUNet(**network_settings(4, 4)).load_state_dict(whole)
    assert cv2.imread(str(tmp_path / "whole" / "generator-pictures.png")) is not None


def test_a_lesson_of_one_sentence_is_learnt(tmp_path: Path, validation: HeldOut) -> None:
    """What is bright is red, what is dark is blue."""
    made = []
    for picture in pictures(2, 40, 48):
        light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None] / 255
        made.append((light * (230, 120, 90) + (1 - light) * (30, 40, 110)).astype(np.uint8))
    words: dict[str, Any] = {"width": 8, "bridge": 8, "learning_rate": 0.15, "score_steps": 10}
    train_generator(
        *([made], [1.0], validation, tmp_path, Budget(1, 30)),
        **(TINY | words | {"encoder": "nothing", "perceptual": 0.0}),
    )
    with (tmp_path / "generator.csv").open(newline="") as file:
        losses = [float(row["colour"]) for row in csv.DictReader(file)]
    assert len(losses) == 3
    assert losses[-1] < 0.8 * losses[0]


def test_how_an_encoder_begins(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[EfficientNetLite0] = []
    monkeypatch.setattr(color, "load_imagenet", filled.append)
    learn(tmp_path / "imagenet", validation, 1, encoder="imagenet")
    assert len(filled) == 1
    learn(tmp_path / "nothing", validation, 1)
    learn(tmp_path / "start", validation, 1, encoder="imagenet", start=generator().state_dict())
    assert len(filled) == 1
    with pytest.raises(BadRequest, match="there are imagenet, nothing"):
        learn(tmp_path / "other", validation, 1, encoder="imagnet")


def test_without_the_package_one_is_told_what_to_do(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.color.imagenet.find_spec", lambda _: None)
    with pytest.raises(WeightsMissing, match="or train from nothing"):
        learn(tmp_path / "a", validation, 1, encoder="imagenet")
    said: list[str] = []
    learn(tmp_path / "b", validation, 1, perceptual=0.5, report=said.append)
    assert "without the perceptual loss" in said[0]
    with (tmp_path / "b" / "generator.csv").open(newline="") as file:
        assert "perceptual" not in next(csv.reader(file))


def judge(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    chosen: dict[str, Any] = {"generated": 8, "critic_width": 4}
    return train_critic(
        *sources(validation, folder, steps),
        **({"generator": generator()} | TINY | chosen | words),
    )


def test_a_critic_killed_and_resumed_equals_one_go(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (color_critic, color_generations):
        in_float32(monkeypatch, module)
    whole = judge(tmp_path / "whole", validation, 3)
    dies_after(monkeypatch, color_critic, 2)
    with pytest.raises(Killed):
        judge(tmp_path / "halves", validation, 3)
    drawn_before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("critic-pictures/*")}
    check_same(whole, judge(tmp_path / "halves", validation, 3))
    assert len(drawn_before) == 2 * (8 + 1)
    assert all(path.stat().st_mtime_ns == at for path, at in drawn_before.items())


def test_a_critic_learns_to_tell_tinted_pictures_from_real_ones(
    tmp_path: Path, validation: HeldOut
) -> None:
    weights = judge(tmp_path, validation, 40, learning_rate=5e-3, critic_width=8)
    trained = color_critic.color_critic(8)
    trained.load_state_dict(weights)
    pairs = held_out_pairs(generator(), validation, CPU)
    found = told_apart(trained.eval(), pairs, CPU)
    assert found["score"] > 0.8
    assert told_apart(trained, [(one, one) for one, _ in pairs], CPU)["score"] == 0.5


def test_nothing_but_colour_gives_a_drawn_picture_away(validation: HeldOut) -> None:
    for real, made in held_out_pairs(generator(), validation, CPU):
        assert real.shape == made.shape
        assert torch.equal(as_bytes(real), real) and torch.equal(as_bytes(made), made)
        assert not torch.equal(real, made)


def test_pictures_are_bounded_go_on_and_belong_to_one_generator(tmp_path: Path) -> None:
    draw = drawing(SETS[1], SETS[0], 32)
    network = generator()
    about: dict[str, str | int] = {"generator": fingerprint(network.state_dict()), "seed": 7}

    def make(folder: str, count: int, seconds: float = 1e9, **other: Any) -> list[Path]:
        given = (tmp_path / folder, count, seconds, about | other, CPU, 0, lambda _: None)
        return list(generations(network, draw, *given).files)

    assert len(make("none left", 100, 0.0)) == 8  # the minutes are spent: one batch all the same
    assert len(make("none left", 100)) == 8  # and it stays at that
    whole = make("whole", 16)
    record = tmp_path / "whole" / "generations.json"
    whole_bytes = [path.read_bytes() for path in whole]
    held = json.loads(record.read_text())
    record.write_text(json.dumps(held | {"files": 8, "complete": False}))
    whole[12].unlink()
    assert make("whole", 16) == whole
    assert [path.read_bytes() for path in whole] == whole_bytes
    picture = cv2.imread(str(whole[3]))
    assert picture is not None and picture.shape == (32, 32, 3)
    with pytest.raises(OtherTraining, match=r"whole holds pictures of .*'seed': 7"):
        make("whole", 16, seed=8)


def quarrel(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    chosen = {"perceptual": 0.0, "crops": 8, "every": 2, "critic_below": 9.0}
    given: dict[str, Any] = {"generator": generator(), "critic": critic()} | TINY | chosen | words
    return train_adversarial(*sources(validation, folder, steps), **given)


def test_an_adversarial_phase_killed_and_resumed_equals_one_go(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch, color_adversarial)
    words = {"learning_rate": 1e-3}
    whole = quarrel(tmp_path / "whole", validation, 9, **words)
    dies_after(monkeypatch, color_adversarial, 3)
    with pytest.raises(Killed):
        quarrel(tmp_path / "halves", validation, 9, **words)
    check_same(whole, quarrel(tmp_path / "halves", validation, 9, **words))
    records = [
        json.loads((tmp_path / part / "adversarial.inflection.json").read_text())
        for part in ("whole", "halves")
    ]
    assert records[0] == records[1]
    # 8 crops in steps of 2, one checkpoint a step, and the generator as it came.
    assert [row["crops"] for row in records[0]["checkpoints"]] == [0, 2, 4, 6, 8]
    kept = sorted((tmp_path / "whole" / "adversarial-checkpoints").iterdir())
    assert [path.name for path in kept] == [f"crops-{at:05}.safetensors" for at in range(0, 9, 2)]
    chosen = read_safetensors(kept[records[0]["inflection"] // 2])
    check_same(whole, {k: v.float() if v.is_floating_point() else v for k, v in chosen.items()})


def test_a_phase_that_only_harms_gives_back_what_came(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([5.0, 3.0, 2.0, 1.0, 0.0])
    monkeypatch.setattr(color_adversarial, "measure", lambda *_: {"score": next(scores)})
    came = {key: value.clone() for key, value in generator().state_dict().items()}
    after = quarrel(tmp_path, validation, 9, learning_rate=1e-2)
    for key, value in came.items():
        if value.is_floating_point():
            assert torch.equal(after[key], value.half().float()), key


def test_a_generator_stays_where_its_critic_cannot_tell(
    tmp_path: Path, validation: HeldOut
) -> None:
    quarrel(tmp_path / "still", validation, 2, critic_below=0.0)
    quarrel(tmp_path / "moving", validation, 2)

    def moved(folder: str) -> bool:
        files = sorted((tmp_path / folder / "adversarial-checkpoints").iterdir())
        first, last = (read_safetensors(path) for path in (files[0], files[-1]))
        return any(
            not torch.equal(first[key], value)
            for key, value in last.items()
            if "weight" in key and "_bn" not in key
        )

    assert moved("moving") and not moved("still")


def test_a_phase_ends_after_its_crops_whatever_the_minutes() -> None:
    bounded = CropBudget(60, None, most=10)
    assert bounded.progress(5, 0) == 0.5
    assert bounded.progress(1, 1800) == 0.5
    assert bounded.progress(10, 0) == 1
    assert CropBudget(60, 4, most=10).progress(4, 0) == 1


def test_the_inflection_is_the_top_of_the_smoothed_scores(tmp_path: Path) -> None:
    # One lucky checkpoint (1) is no summit; where all of its neighbours are high, it is.
    scores = [1.0, 4.0, 1.0, 2.6, 2.8, 2.7, 0.5]
    assert smoothed([1.0, 3.0]) == [2.0, 2.0]
    assert smoothed(scores)[1] == 2.0
    assert inflection(smoothed(scores)) == 4
    assert inflection([1.0, 1.0]) == 0
    record = tmp_path / "phase.inflection.json"
    kept = Checkpoints(record, 0)
    for at, score in enumerate(scores):
        kept.add(1000 * at, {"score": score})
        held = json.loads(record.read_text())
        assert held["reached"] == (held["inflection"] < 1000 * at)
    assert kept.inflection() == held["inflection"] == 4000
    again = Checkpoints(record, 3000)  # killed: the checkpoint was of 3,000 crops
    assert [row["crops"] for row in again.rows] == [0, 1000, 2000, 3000]
