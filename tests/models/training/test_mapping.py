"""The recipe of the mapping: frozen autoencoders, what is measured, and that it can be killed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_kit import LOOP, Killed, check_same, checkpoint, dies_after, in_float32, pictures

from models.damage.mapping import ScratchMapping
from models.damage.vae import Autoencoder
from models.training import mapping
from models.training.degradation import TRAINING, Textures
from models.training.direct import HeldOut, held_out
from models.training.loop import Budget, OtherTraining
from models.training.mapping import fillable, fingerprint, train_mapping
from models.training.translation import added, measure, translate

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "width": 8,
    "blocks": 1,
    "critic_width": 4,
    "batch": 2,
    "crop": 32,
} | LOOP


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(1, 48, 48, seed=9), TRAINING, Textures.load(None))


def autoencoder(seed: int, width: int = 4) -> Autoencoder:
    torch.manual_seed(seed)
    return Autoencoder(width=width, norm="position")


def learn(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    given = {"old": autoencoder(1), "clean": autoencoder(2)} | TINY | words
    return train_mapping(
        [pictures()],
        [1.0],
        validation,
        folder,
        Budget(1, steps),
        TRAINING,
        Textures.load(None),
        **given,
    )


@pytest.mark.parametrize("kind", ["scratch", "quality"])
def test_killed_and_resumed_equals_one_go(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    in_float32(monkeypatch, mapping)
    whole = learn(tmp_path / "whole", validation, 4, kind=kind)
    dies_after(monkeypatch, mapping, 2)
    with pytest.raises(Killed):
        learn(tmp_path / "halves", validation, 4, kind=kind)
    check_same(whole, learn(tmp_path / "halves", validation, 4, kind=kind))
    one, other = (checkpoint(tmp_path / half, "mapping") for half in ("whole", "halves"))
    for network in ("mapping", "critic"):
        check_same(one["networks"][network], other["networks"][network])


def test_the_autoencoders_are_frozen_and_the_mapping_is_not(
    tmp_path: Path, validation: HeldOut
) -> None:
    old, clean = autoencoder(1), autoencoder(2)
    before = fingerprint(old, clean)
    learn(tmp_path, validation, 1, old=old, clean=clean)
    one = checkpoint(tmp_path, "mapping")["networks"]["mapping"]
    learn(tmp_path, validation, 3, old=old, clean=clean)
    two = checkpoint(tmp_path, "mapping")["networks"]["mapping"]
    assert fingerprint(old, clean) == before
    assert all(parameter.grad is None for parameter in (*old.parameters(), *clean.parameters()))
    assert not any(torch.equal(one[name], two[name]) for name in one if "before" in name)


def test_mapped_latents_come_nearer_to_those_of_clean_pictures(
    tmp_path: Path, validation: HeldOut
) -> None:
    words = {"adversarial": 0.0, "matching": 0.0, "pixels": 0.0, "learning_rate": 3e-2}
    distances = []
    for steps in (1, 25):
        mapped = ScratchMapping(latent=4, width=8, norm="position", blocks=1)
        mapped.load_state_dict(learn(tmp_path / str(steps), validation, steps, **words))
        with torch.inference_mode():
            before = autoencoder(1).encode(validation.degraded[0] * 2 - 1)
            wanted = autoencoder(2).encode(validation.true[0] * 2 - 1)
            distances.append(float((mapped(before) - wanted).abs().mean()))
    assert distances[1] < 0.9 * distances[0]
    assert set(checkpoint(tmp_path / "25", "mapping")["networks"]) == {"mapping"}


def test_a_mapping_belongs_to_its_autoencoders(tmp_path: Path, validation: HeldOut) -> None:
    learn(tmp_path, validation, 1)
    with pytest.raises(OtherTraining, match="autoencoders"):
        learn(tmp_path, validation, 2, old=autoencoder(7))


def test_what_does_not_fit_is_refused(tmp_path: Path, validation: HeldOut) -> None:
    with pytest.raises(ValueError, match="say scratch or quality"):
        learn(tmp_path, validation, 1, kind="patch")
    with pytest.raises(ValueError, match="4 and 6 channels"):
        learn(tmp_path, validation, 1, clean=autoencoder(2, width=6))


def test_a_perceptual_distance_is_kept_small_where_a_network_for_it_is_given(
    tmp_path: Path, validation: HeldOut
) -> None:
    seen: list[tuple[int, ...]] = []

    def features(image: Tensor) -> list[Tensor]:
        seen.append(tuple(image.shape))
        return [image.mean((2, 3))]

    lines: list[str] = []
    words = {"perceptual": features, "report": lines.append}
    learn(tmp_path, validation, 1, **words)
    assert seen == [(2, 3, 32, 32)] * 2
    assert "perception" in lines[-1]
    assert checkpoint(tmp_path, "mapping")["settings"]["perception"] == 10.0


class _Same(nn.Module):
    """An autoencoder without loss, or a mapping that changes nothing, or by `shift`."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        self.shift = shift

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        del mask
        return image + self.shift


def test_the_damaged_picture_is_painted_white_before_it_is_encoded() -> None:
    image, mask = torch.full((1, 3, 4, 4), -0.5), torch.zeros(1, 1, 4, 4)
    mask[..., 1] = 1
    made = translate(_Same(), _Same(), _Same(), image, mask)
    assert made[..., 1].unique().tolist() == [1.0]
    assert made[..., 0].unique().tolist() == [-0.5]


def test_a_scan_receives_the_change_outside_the_mask_and_the_translation_inside() -> None:
    image, translated, reference = (torch.full((1, 3, 2, 2), value) for value in (0.3, 0.5, 0.4))
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    made = added(image, translated, reference, mask)
    assert made[0, :, 0, 0].tolist() == pytest.approx([0.5] * 3)
    assert made[0, :, 1, 1].tolist() == pytest.approx([0.4] * 3)


def test_measures_by_hand() -> None:
    # True pictures are 0.5; degraded ones 0.6, and 0.9 in the mask, a quarter of them.
    true, degraded = torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.6)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :2] = 1
    degraded = torch.where(mask > 0, 0.9, degraded)
    held = HeldOut((degraded,), (true,), (mask,))
    found = measure(_Same(), _Same(shift=-0.1), _Same(), held, CPU)
    # Encoded is white in the mask: 1 - 0.05 there, and 0.6 - 0.05 outside of it.
    inside, outside = 0.45**2, 0.05**2
    assert found["filled_psnr"] == pytest.approx(-10 * math.log10(inside), abs=1e-3)
    whole = -10 * math.log10(inside / 4 + outside * 3 / 4)
    assert found["psnr"] == pytest.approx(whole, abs=1e-3)
    assert found["plain_psnr"] == pytest.approx(whole, abs=1e-3)
    assert found["damaged_psnr"] == pytest.approx(-10 * math.log10(0.4**2), abs=1e-3)
    before = -10 * math.log10(0.4**2 / 4 + 0.1**2 * 3 / 4)
    assert found["input_psnr"] == pytest.approx(before, abs=1e-3)
    gains = whole - before + found["filled_psnr"] - found["damaged_psnr"]
    assert found["score"] == pytest.approx(gains / 2, abs=1e-3)
    assert found["ceiling"] > 60


def test_a_mask_that_leaves_nothing_to_fill_from_is_not_shown() -> None:
    mask = np.zeros((32, 32), bool)
    mask[::4, ::4] = True  # every position of the latent has a damaged pixel
    assert not fillable(mask).any()
    mask[:, 8:] = False
    assert np.array_equal(fillable(mask), mask)
