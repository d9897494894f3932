"""The loop all recipes share: steps, averaged weights, held-out scores, checkpoints.

A recipe hands over its networks, its optimizers and two functions; the loop owns time. It can be
killed at any moment: a checkpoint is written whole or not at all, holds everything (networks,
averages, optimizers, step), and training goes on from it with the very samples it would have
seen, since samples are numbered.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Batch = Mapping[str, Tensor]
Step = Callable[[Batch, float], Mapping[str, float]]
"""(batch, progress from 0 to 1) -> losses by name; does its own backward and optimizer steps."""

Score = Callable[[Mapping[str, nn.Module]], Mapping[str, float]]
"""Held-out measures of the averaged networks by name; `score` decides, higher is better."""

_AVERAGE = 0.999  # decay of the averaged weights
_WARM_UP = 200  # steps
_DIRECTIONS = ("_u", "_v")  # endings of the names of spectral norms' singular vectors


class OtherTraining(ValueError):
    """A folder holds the checkpoint of a training with other settings; the message names them."""


class Diverged(ValueError):
    """A loss is no longer a number; the message says which, and when."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: after `minutes` of training (all runs together), or `steps` if given."""

    minutes: float
    steps: int | None = None

    def progress(self, step: int, seconds: float) -> float:
        """How much of it is spent, from 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / max(1, self.steps))
        return min(1.0, seconds / max(1e-9, 60 * self.minutes))


@dataclass(slots=True)
class Training:
    """What a recipe hands to the loop.

    `settings` identify the training: a checkpoint of others is refused. `averaged` names the
    networks whose running average is scored and returned. `learning_rate` is the peak; the loop
    warms up and anneals it by a cosine to a twentieth, unless it is to stay `steady`.
    """

    name: str
    settings: Mapping[str, Any]
    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]
    averaged: tuple[str, ...]
    learning_rate: float
    step: Step
    score: Score
    batches: Callable[[int], Iterator[Batch]]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    steady: bool = False


def train(
    training: Training,
    folder: Path,
    budget: Budget,
    checkpoint_seconds: float = 120,
    score_seconds: float = 300,
    report: Callable[[str], None] = print,
    score_steps: int | None = None,
) -> dict[str, dict[str, Tensor]]:
    """Train until `budget` is spent; the best averaged weights seen, by network.

    Scored every `score_seconds`, or, with `score_steps`, after every so many steps, which are
    checkpoints then as well.
    Writes `<folder>/<name>.checkpoint.pt` and `<folder>/<name>.csv` (a row a scoring). Raises
    `OtherTraining` where the folder's checkpoint is of another training, `Diverged` when a loss
    is no longer a number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = _State(training, folder)
    state.resume()
    if state.step:
        report(f"{training.name}: going on from step {state.step} ({state.seconds / 60:.1f} min)")
    started = time.monotonic() - state.seconds
    last_saved = last_scored = time.monotonic()
    losses: dict[str, list[float]] = {}
    batches = training.batches(state.step)
    while (progress := budget.progress(state.step, state.seconds)) < 1.0:
        _set_learning_rate(training, state.step, progress)
        batch = {name: part.to(training.device) for name, part in next(batches).items()}
        for name, value in training.step(batch, progress).items():
            if not math.isfinite(value):
                raise Diverged(
                    f"{training.name}: {name} is {value} at step {state.step}; go on from the "
                    "checkpoint with a lower learning rate"
                )
            losses.setdefault(name, []).append(value)
        state.step += 1
        state.average()
        state.seconds = time.monotonic() - started
        now = time.monotonic()
        due = now - last_scored > score_seconds
        if score_steps is not None:
            due = state.step % score_steps == 0
        if due:
            state.score(losses, report)
            losses, last_scored = {}, time.monotonic()
        if now - last_saved > checkpoint_seconds or (due and score_steps is not None):
            state.save()
            last_saved = time.monotonic()
    if losses:
        state.score(losses, report)
    state.save()
    return state.best


def _set_learning_rate(training: Training, step: int, progress: float) -> None:
    rate = training.learning_rate
    if not training.steady:
        warm = min(1.0, (step + 1) / _WARM_UP)
        rate *= warm * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)
    for optimizer in training.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("relative_rate", 1.0)


class _State:
    """Step, seconds, averages, the best so far; and how they are kept."""

    def __init__(self, training: Training, folder: Path) -> None:
        self.training, self.folder = training, folder
        self.path = folder / f"{training.name}.checkpoint.pt"
        self.step, self.seconds = 0, 0.0
        self.best: dict[str, dict[str, Tensor]] = {}
        self.best_score = -math.inf
        self.averages = {name: _copy(training.networks[name]) for name in training.averaged}

    def average(self) -> None:
        decay = min(_AVERAGE, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, kept in self.averages.items():
                for key, value in self.training.networks[name].state_dict().items():
                    # A mean of directions is shorter than one: the norm would come out too small.
                    if value.is_floating_point() and not key.endswith(_DIRECTIONS):
                        kept[key].lerp_(value, 1 - decay)
                    else:
                        kept[key].copy_(value)

    def score(self, losses: Mapping[str, list[float]], report: Callable[[str], None]) -> None:
        """Score the averages, remember the best, write a row and a line."""
        networks = self.training.networks
        trained = {name: _copy(networks[name]) for name in self.averages}
        modes = {name: network.training for name, network in networks.items()}
        for name, kept in self.averages.items():
            networks[name].load_state_dict(kept)
        for network in networks.values():
            network.eval()
        with torch.inference_mode():
            scores = dict(self.training.score(networks))
        for name, network in networks.items():
            network.train(modes[name])
        for name, values in trained.items():
            networks[name].load_state_dict(values)
        if scores["score"] > self.best_score:
            self.best_score = scores["score"]
            self.best = {
                name: {key: value.clone() for key, value in kept.items()}
                for name, kept in self.averages.items()
            }
        means = {name: sum(values) / len(values) for name, values in losses.items()}
        row = {"step": self.step, "minutes": round(self.seconds / 60, 2)} | {
            name: round(value, 5) for name, value in (means | scores).items()
        }
        self._write(row)
        report(f"{self.training.name}: " + "  ".join(f"{k} {v}" for k, v in row.items()))

    def _write(self, row: Mapping[str, Any]) -> None:
        """Add a row. A loss that joins late (a critic) is a new column: empty in earlier rows."""
        path = self.folder / f"{self.training.name}.csv"
        rows: list[Mapping[str, Any]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        rows.append(row)
        measures = list(row)[list(row).index("score") :]
        losses = dict.fromkeys(name for one in rows for name in one if name not in measures)
        partial = path.with_suffix(".csv.partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*losses, *measures])
            writer.writeheader()
            writer.writerows(rows)
        partial.replace(path)

    def save(self) -> None:
        training = self.training
        partial = self.path.with_suffix(".partial")
        torch.save(
            {
                "settings": dict(training.settings),
                "step": self.step,
                "seconds": self.seconds,
                "networks": {n: m.state_dict() for n, m in training.networks.items()},
                "optimizers": {n: o.state_dict() for n, o in training.optimizers.items()},
                "averages": self.averages,
                "best": self.best,
                "best_score": self.best_score,
                "random": torch.get_rng_state(),
            },
            partial,
        )
        partial.replace(self.path)

    def resume(self) -> None:
        if not self.path.exists():
            return
        training = self.training
        held = torch.load(self.path, map_location=training.device, weights_only=True)
        if held["settings"] != dict(training.settings):
            raise OtherTraining(
                f"{self.path} is of a training with {held['settings']}, not "
                f"{dict(training.settings)}; choose another folder or the same settings"
            )
        for name, network in training.networks.items():
            network.load_state_dict(held["networks"][name])
        for name, optimizer in training.optimizers.items():
            optimizer.load_state_dict(held["optimizers"][name])
        self.step, self.seconds = held["step"], held["seconds"]
        self.averages, self.best = held["averages"], held["best"]
        self.best_score = held["best_score"]
        torch.set_rng_state(held["random"].cpu())


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}
