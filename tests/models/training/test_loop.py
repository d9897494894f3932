"""The loop: averages, the best weights, budgets, and a training that is killed and goes on."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.training.loop import Batch, Budget, Diverged, OtherTraining, Training, train


class Killed(Exception):
    pass


def samples(start: int) -> Iterator[Batch]:
    step = start
    while True:
        generator = torch.Generator().manual_seed(step)
        inputs = torch.rand(8, 3, generator=generator)
        yield {"inputs": inputs, "wanted": inputs.sum(1, keepdim=True)}
        step += 1


def training(
    die_at: int | None = None, scores: Mapping[int, float] | None = None, seed: int = 0
) -> Training:
    """Learn a sum, with noise drawn in each step as the recipes do."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(network.parameters())
    seen: list[int] = []

    def step(batch: Batch, progress: float) -> dict[str, float]:
        assert 0 <= progress < 1
        if die_at is not None and len(seen) == die_at:
            raise Killed
        seen.append(1)
        noise = 0.01 * torch.randn_like(batch["inputs"])
        loss = (network(batch["inputs"] + noise) - batch["wanted"]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss.item()}

    def score(networks: Mapping[str, nn.Module]) -> dict[str, float]:
        assert not networks["sum"].training
        if scores is not None:
            return {"score": scores[len(seen)]}
        batch = next(samples(10_000))
        error = (networks["sum"](batch["inputs"]) - batch["wanted"]).square().mean()
        return {"score": -error.item()}

    return Training(
        name="sum",
        settings={"seed": seed, "width": 4},
        networks={"sum": network},
        optimizers={"sum": optimizer},
        averaged=("sum",),
        learning_rate=0.05,
        step=step,
        score=score,
        batches=samples,
    )


ALWAYS: dict[str, Any] = {"checkpoint_seconds": -1, "score_seconds": -1, "report": lambda _: None}
SELDOM: dict[str, Any] = {"checkpoint_seconds": -1, "report": lambda _: None}


def held(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / "sum.checkpoint.pt", weights_only=True)
    return found


def same(one: object, other: object) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, Mapping):
        assert isinstance(other, Mapping)
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        assert isinstance(other, list)
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_the_networks_learn_and_the_history_has_a_row_a_scoring(tmp_path: Path) -> None:
    lines: list[str] = []
    train(training(), tmp_path, Budget(1, steps=80), score_seconds=-1, report=lines.append)
    with (tmp_path / "sum.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(lines) == 80
    assert list(rows[0]) == ["step", "minutes", "loss", "score"]
    assert float(rows[-1]["score"]) > 0.8 * float(rows[0]["score"])  # errors, below nothing


def test_a_loss_that_joins_late_gets_a_column_and_earlier_rows_keep_theirs(tmp_path: Path) -> None:
    train(training(), tmp_path, Budget(1, steps=2), **ALWAYS)
    late = training()
    alone = late.step

    def with_critic(batch: Batch, progress: float) -> Mapping[str, float]:
        return {"critic": 0.25, **alone(batch, progress)}

    train(replace(late, step=with_critic), tmp_path, Budget(1, steps=4), **ALWAYS)
    with (tmp_path / "sum.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "minutes", "loss", "critic", "score"]
    assert [row["critic"] for row in rows] == ["", "", "0.25", "0.25"]
    assert all(float(row["score"]) < 0 < float(row["loss"]) for row in rows)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_killed_and_resumed_equals_one_go(tmp_path: Path, killed_after: int) -> None:
    budget = Budget(1, steps=4)
    best = train(training(), tmp_path / "whole", budget, **SELDOM)
    with pytest.raises(Killed):
        train(training(die_at=killed_after), tmp_path / "halves", budget, **SELDOM)
    # A fresh process: other weights, other random numbers, until the checkpoint is read.
    resumed = training()
    torch.manual_seed(99)
    with torch.no_grad():
        for parameter in resumed.networks["sum"].parameters():
            parameter.add_(1)
    again = train(resumed, tmp_path / "halves", budget, **SELDOM)
    assert same(best, again)
    one, other = held(tmp_path / "whole"), held(tmp_path / "halves")
    for part in ("step", "networks", "optimizers", "averages", "random"):
        assert same(one[part], other[part]), part


def test_a_checkpoint_that_was_being_written_does_no_harm(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(training(die_at=2), tmp_path, Budget(1, steps=4), **SELDOM)
    (tmp_path / "sum.checkpoint.partial").write_bytes(b"half a file")
    train(training(), tmp_path, Budget(1, steps=4), **SELDOM)
    assert held(tmp_path)["step"] == 4


def test_the_budget_counts_all_sessions_together(tmp_path: Path) -> None:
    train(training(), tmp_path, Budget(1, steps=3), **SELDOM)
    done = training(die_at=0)  # would die at its first step
    best = train(done, tmp_path, Budget(1, steps=3), **SELDOM)
    assert held(tmp_path)["step"] == 3
    assert set(best["sum"]) == set(done.networks["sum"].state_dict())
    seconds = held(tmp_path)["seconds"]
    assert Budget(minutes=2 * seconds / 60).progress(3, seconds) == pytest.approx(0.5)
    assert Budget(minutes=seconds / 120).progress(3, seconds) == 1.0  # never more


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    train(training(), tmp_path, Budget(1, steps=1), **SELDOM)
    before = (tmp_path / "sum.checkpoint.pt").read_bytes()
    with pytest.raises(OtherTraining, match=r"'seed': 0.*'seed': 5"):
        train(training(seed=5), tmp_path, Budget(1, steps=2), **SELDOM)
    assert (tmp_path / "sum.checkpoint.pt").read_bytes() == before


def test_the_best_averages_are_returned_not_the_last(tmp_path: Path) -> None:
    kept: list[Tensor] = []
    made = training(scores={1: 0.0, 2: 5.0, 3: 1.0})
    scored = made.score

    def score(networks: Mapping[str, nn.Module]) -> Mapping[str, float]:
        kept.append(next(networks["sum"].parameters()).clone())
        return scored(networks)

    made.score = score
    best = train(made, tmp_path, Budget(1, steps=3), **ALWAYS)
    assert torch.equal(best["sum"]["0.weight"], kept[1])
    assert not torch.equal(best["sum"]["0.weight"], kept[2])


def test_scoring_leaves_no_trace_in_the_training(tmp_path: Path) -> None:
    train(training(), tmp_path / "often", Budget(1, steps=3), **ALWAYS)
    train(training(), tmp_path / "once", Budget(1, steps=3), **SELDOM)
    one, other = held(tmp_path / "often"), held(tmp_path / "once")
    for part in ("networks", "optimizers", "averages"):
        assert same(one[part], other[part]), part


def test_averages_follow_slowly(tmp_path: Path) -> None:
    made = training()
    start = made.networks["sum"].state_dict()["0.weight"].clone()
    train(made, tmp_path, Budget(1, steps=40), report=lambda _: None)
    average = held(tmp_path)["averages"]["sum"]["0.weight"]
    last = made.networks["sum"].state_dict()["0.weight"]
    assert 0 < (average - start).norm() < (last - start).norm()


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    made = training()
    stepped = made.step
    made.step = lambda batch, progress: dict(stepped(batch, progress)) | {"loss": math.nan}
    with pytest.raises(Diverged, match="sum: loss is nan at step 0"):
        train(made, tmp_path, Budget(1, steps=3), **SELDOM)
    assert not (tmp_path / "sum.checkpoint.pt").exists()


def test_directions_of_a_spectral_norm_are_not_averaged(tmp_path: Path) -> None:
    layer = spectral_norm(nn.Linear(6, 6, bias=False))
    plain = training()

    def step(batch: Batch, progress: float) -> Mapping[str, float]:
        with torch.no_grad():  # weights that turn at every step
            layer.parametrizations["weight"].original.normal_()
        layer(torch.ones(1, 6))
        return plain.step(batch, progress)

    lesson = replace(plain, networks={**plain.networks, "layer": layer}, averaged=("sum", "layer"))
    kept = train(replace(lesson, step=step), tmp_path, Budget(1, steps=40), **SELDOM)["layer"]
    lengths = [float(kept[key].norm()) for key in kept if key.endswith(("_u", "_v"))]
    assert lengths == pytest.approx([1, 1])
    assert float(kept["parametrizations.weight.original"].norm()) < 3  # those are: 6 if not
