"""The recipe of the detector: its measures by hand, its loss, and that it can be killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_kit import LOOP, Killed, check_same, checkpoint, dies_after, in_float32, pictures

from models.training import scratch
from models.training.degradation import EVALUATION, TRAINING, Textures
from models.training.loop import Budget
from models.training.scratch import (
    NETWORKS,
    HeldOut,
    detection_loss,
    held_out,
    measure,
    train_scratch,
)

CPU = torch.device("cpu")
TINY: dict[str, Any] = {"width": 4, "blocks": 1, "depth": 2, "batch": 2, "crop": 32} | LOOP


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(2, 70, 55, seed=9), EVALUATION, Textures.load(None))


def learn(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    return train_scratch(
        [pictures(), pictures(2, seed=4)],
        [0.7, 0.3],
        validation,
        folder,
        Budget(1, steps),
        TRAINING,
        Textures.load(None),
        **(TINY | words),
    )


@pytest.mark.parametrize("kind", NETWORKS)
def test_killed_and_resumed_equals_one_go(
    kind: str, tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch, scratch)
    whole = learn(tmp_path / "whole", validation, 4, kind=kind)
    dies_after(monkeypatch, scratch, 2)
    with pytest.raises(Killed):
        learn(tmp_path / "halves", validation, 4, kind=kind)
    assert checkpoint(tmp_path / "halves", "scratch")["step"] == 2
    check_same(whole, learn(tmp_path / "halves", validation, 4, kind=kind))


def test_a_detector_of_another_kind_is_refused(tmp_path: Path, validation: HeldOut) -> None:
    with pytest.raises(ValueError, match="no detector 'quarter'; there are half, published"):
        learn(tmp_path, validation, 1, kind="quarter")


def test_every_held_out_picture_is_there_degraded_and_clean(validation: HeldOut) -> None:
    assert len(validation.grey) == 4
    for index in (0, 2):
        assert tuple(validation.grey[index].shape) == (1, 1, 64, 48)
        assert validation.mask[index].any()
        assert not validation.mask[index + 1].any()
        assert not validation.ignore[index + 1].any()
        assert float(validation.grey[index].min()) >= -1


class _Bright(nn.Module):
    """Takes for damage what is bright."""

    def forward(self, grey: Tensor) -> Tensor:
        return 8 * grey


def picture(bright: slice, damaged: slice) -> tuple[Tensor, Any]:
    grey, mask = torch.full((1, 1, 8, 8), -1.0), np.zeros((8, 8), bool)
    grey[..., bright] = 1.0
    mask[:, damaged] = True
    return grey, mask


def test_measures_by_hand() -> None:
    # Half of the damage is bright, and one column of eight is a false alarm, but for the part
    # that is not to be counted.
    grey, mask = picture(bright=slice(2, 5), damaged=slice(0, 4))
    clean, nothing = picture(bright=slice(0, 1), damaged=slice(0, 0))
    ignore = np.zeros((8, 8), bool)
    found = measure(
        _Bright(), HeldOut((grey, clean), (mask, nothing), (ignore, ignore.copy())), CPU
    )
    # 16 found of 32, 8 false: 2 * 16 / (24 + 32); at the lowest threshold all: 2 * 32 / 96.
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(1.0)
    assert found["clean_alarms"] == pytest.approx(1.0)
    assert found["auc"] == pytest.approx(0.25 * 0.5 / 2 + 0.75 * 0.75, abs=0.01)
    ignore[:, 4] = True
    found = measure(_Bright(), HeldOut((grey, clean), (mask, nothing), (ignore, ~ignore)), CPU)
    assert found["auc"] == pytest.approx(0.75, abs=0.01)


def test_a_perfect_detector_scores_one() -> None:
    grey, mask = picture(bright=slice(0, 3), damaged=slice(0, 3))
    clean, nothing = picture(bright=slice(0, 0), damaged=slice(0, 0))
    held = HeldOut((grey, clean), (mask, nothing), (nothing.copy(), nothing.copy()))
    found = measure(_Bright(), held, CPU)
    assert (found["score"], found["f1"], found["recall"]) == (1.0, 1.0, 1.0)
    assert found["auc"] == pytest.approx(1.0)


def test_the_loss_passes_over_what_is_not_to_be_counted() -> None:
    mask, ignore = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., :2] = 1
    ignore[..., 2] = 1
    right = torch.where(mask > 0, 9.0, -9.0)
    wrong_there, wrong_elsewhere = right.clone(), right.clone()
    wrong_there[..., 2] = 9.0
    wrong_elsewhere[..., 3] = 9.0
    best = detection_loss(right, mask, ignore)[0].item()
    assert detection_loss(wrong_there, mask, ignore)[0].item() == pytest.approx(best, abs=1e-4)
    assert detection_loss(wrong_elsewhere, mask, ignore)[0].item() > best + 0.1
