"""The recipe of the direct network: its measures by hand, its masks, and that it can be killed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_kit import LOOP, Killed, check_same, checkpoint, dies_after, in_float32, pictures

from models.training import direct
from models.training.degradation import EVALUATION, TRAINING, Textures
from models.training.direct import (
    HeldOut,
    held_out,
    measure,
    restoration_loss,
    shown_mask,
    train_direct,
)
from models.training.loop import Budget

CPU = torch.device("cpu")
TINY: dict[str, Any] = {"width": 4, "blocks": 1, "batch": 2, "crop": 32} | LOOP


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(2, 70, 55, seed=9), EVALUATION, Textures.load(None))


def learn(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    return train_direct(
        [pictures(), pictures(2, seed=4)],
        [0.7, 0.3],
        validation,
        folder,
        Budget(1, steps),
        TRAINING,
        Textures.load(None),
        **(TINY | words),
    )


def test_killed_and_resumed_equals_one_go(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch, direct)
    whole = learn(tmp_path / "whole", validation, 4)
    dies_after(monkeypatch, direct, 2)
    with pytest.raises(Killed):
        learn(tmp_path / "halves", validation, 4)
    assert checkpoint(tmp_path / "halves", "direct")["step"] == 2
    check_same(whole, learn(tmp_path / "halves", validation, 4))


def test_the_score_rises_with_the_first_steps(tmp_path: Path, validation: HeldOut) -> None:
    weights = learn(tmp_path, validation, 120, width=8, learning_rate=1e-2)
    network = direct.DirectNet(width=8, blocks=1)
    with torch.inference_mode():
        before = measure(network, validation, CPU)["score"]
        network.load_state_dict(weights)
        assert measure(network, validation, CPU)["score"] > before + 0.02


def test_held_out_pictures_are_the_same_every_time_and_fit_the_network() -> None:
    one, other = (
        held_out(pictures(2, 70, 55, seed=9), EVALUATION, Textures.load(None)) for _ in range(2)
    )
    for first, second in zip(one.degraded, other.degraded, strict=True):
        assert torch.equal(first, second)
    assert tuple(one.true[0].shape) == (1, 3, 64, 48)
    assert tuple(one.mask[0].shape) == (1, 1, 64, 48)
    assert one.mask[0].any()
    assert not torch.equal(one.degraded[0], one.true[0])


class _Filler(nn.Module):
    """Gives 0.5 in the mask, and elsewhere the picture as it is."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask > 0, 0.5, image)


def test_measures_by_hand() -> None:
    true, mask = torch.full((1, 3, 8, 8), 0.4), torch.zeros(1, 1, 8, 8)
    mask[..., :2] = 1
    degraded = torch.where(mask > 0, 0.9, true + 0.01)
    found = measure(_Filler(), HeldOut((degraded,), (true,), (mask,)), CPU)
    assert found["filled_psnr"] == pytest.approx(20.0, abs=0.01)
    assert found["damaged_psnr"] == pytest.approx(-20 * math.log10(0.5), abs=0.01)
    whole = -10 * math.log10(0.01 / 4 + 0.0001 * 3 / 4)
    before = -10 * math.log10(0.25 / 4 + 0.0001 * 3 / 4)
    assert found["psnr"] == pytest.approx(whole, abs=0.01)
    assert found["input_psnr"] == pytest.approx(before, abs=0.01)
    gains = whole - before + found["filled_psnr"] - found["damaged_psnr"]
    assert found["score"] == pytest.approx(gains / 2, abs=0.01)


def test_the_loss_counts_masked_pixels_five_times_and_edges_everywhere() -> None:
    true, mask = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., 0, 0] = 1
    wrong_inside, wrong_outside = true.clone(), true.clone()
    wrong_inside[..., 0, 0] = 1.0
    wrong_outside[..., 7, 7] = 1.0
    nothing = restoration_loss(true, true, mask)[1]["samples"]
    inside = restoration_loss(wrong_inside, true, mask)[1]["samples"] - nothing
    outside = restoration_loss(wrong_outside, true, mask)[1]["samples"] - nothing
    assert inside == pytest.approx(5 * outside, rel=1e-2)
    flat = restoration_loss(true + 0.3, true, mask)[1]
    assert flat["edges"] == pytest.approx(restoration_loss(true, true, mask)[1]["edges"], abs=1e-4)


def test_a_shown_mask_errs_as_a_detector_does() -> None:
    mask = np.zeros((64, 64), bool)
    mask[20:24, 10:50] = True
    rng = np.random.default_rng(0)
    shown = [shown_mask(mask, rng) for _ in range(200)]
    missed = sum(not one.any() for one in shown)
    invented = sum(bool((one & ~mask)[30:].any()) for one in shown)
    assert 10 < missed < 60
    assert 5 < invented < 60
    assert all((one & mask).sum() == mask.sum() for one in shown if one.any())
