"""What tests of the recipes share: small pictures, a training that is killed, exact comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from models.training.data import Image
from models.training.loop import Training


class Killed(Exception):
    """Stands for kill -9: nothing of the training runs after it."""


def pictures(count: int = 3, height: int = 64, width: int = 80, seed: int = 0) -> list[Image]:
    """Smooth colour fields with edges and some texture, HxWx3 uint8."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        field = rng.uniform(0, 255, (4, 5, 3)).astype(np.float32)
        picture = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(6):
            corner = rng.integers(0, (width, height)).tolist()
            color = rng.uniform(0, 255, 3).tolist()
            cv2.circle(picture, corner, int(rng.integers(4, 14)), color, -1)
        picture += rng.normal(0, 4, picture.shape)
        made.append(np.clip(picture, 0, 255).astype(np.uint8))
    return made


def write_pictures(folder: Path, made: list[Image]) -> Path:
    """`made` as PNG files of a new folder, returned."""
    folder.mkdir(parents=True)
    for index, picture in enumerate(made):
        write_picture(folder / f"p{index:03}.png", picture)
    return folder


def write_picture(path: Path, picture: Any) -> None:
    """`picture` HxWx3 uint8, RGB, as a file; its folder is made."""
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])


def in_float32(monkeypatch: pytest.MonkeyPatch, recipe: ModuleType) -> None:
    """Let `recipe` run in float32 on every CPU."""
    monkeypatch.setattr(recipe, "autocast", lambda _device: nullcontext())


def dies_after(monkeypatch: pytest.MonkeyPatch, recipe: ModuleType, steps: int) -> None:
    """Let the next training of `recipe` write a checkpoint after each step, and be killed when
    it begins the one after `steps`."""
    real: Callable[..., Any] = recipe.train

    def train(training: Training, *rest: Any, **words: Any) -> Any:
        taken: list[int] = []

        def step(batch: Mapping[str, Tensor], progress: float) -> Mapping[str, float]:
            if len(taken) == steps:
                monkeypatch.setattr(recipe, "train", real)
                raise Killed
            taken.append(1)
            return training.step(batch, progress)

        words["checkpoint_seconds"] = -1  # after every step
        return real(replace(training, step=step), *rest, **words)

    monkeypatch.setattr(recipe, "train", train)


def check_same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    """Fail unless both hold the same keys with bit-identical values."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def checkpoint(folder: Path, name: str) -> dict[str, Any]:
    """What a training of that name has written last."""
    held: dict[str, Any] = torch.load(folder / f"{name}.checkpoint.pt", weights_only=True)
    return held


LOOP: dict[str, Any] = {"report": lambda _: None, "workers": 0, "seed": 3}
"""Keywords of every recipe under test: silent, without another process."""
