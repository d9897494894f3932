"""The recipe of the autoencoders: what it learns, what it refuses, and that it can be killed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_kit import LOOP, Killed, check_same, checkpoint, dies_after, in_float32, pictures

from models.damage.vae import Autoencoder
from models.training import autoencoder
from models.training.autoencoder import measure, train_autoencoder
from models.training.degradation import TRAINING, Textures
from models.training.direct import HeldOut, held_out
from models.training.loop import Budget, OtherTraining

CPU = torch.device("cpu")
TINY: dict[str, Any] = {"width": 4, "critic_width": 4, "batch": 2, "crop": 32} | LOOP


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(1, 48, 48, seed=9), TRAINING, Textures.load(None))


def learn(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    return train_autoencoder(
        [pictures()],
        [1.0],
        validation,
        folder,
        Budget(1, steps),
        TRAINING,
        Textures.load(None),
        **(TINY | words),
    )


@pytest.mark.parametrize("domain", ["old", "clean"])
def test_killed_and_resumed_equals_one_go(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    in_float32(monkeypatch, autoencoder)
    words = {"domain": domain, "old": pictures(2, seed=5)}
    whole = learn(tmp_path / "whole", validation, 4, **words)
    dies_after(monkeypatch, autoencoder, 2)
    with pytest.raises(Killed):
        learn(tmp_path / "halves", validation, 4, **words)
    check_same(whole, learn(tmp_path / "halves", validation, 4, **words))
    name = f"autoencoder-{domain}"
    one, other = checkpoint(tmp_path / "whole", name), checkpoint(tmp_path / "halves", name)
    assert set(one["networks"]) == {"autoencoder", "critics"}
    for network in one["networks"]:
        check_same(one["networks"][network], other["networks"][network])


def test_the_picture_comes_back_better(tmp_path: Path, validation: HeldOut) -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        before = measure(Autoencoder(width=8, norm="position"), validation, "clean", CPU)["score"]
    weights = learn(tmp_path, validation, 50, width=8, adversarial=0.0, learning_rate=4e-2)
    trained = Autoencoder(width=8, norm="position")
    trained.load_state_dict(weights)
    with torch.inference_mode():
        assert measure(trained, validation, "clean", CPU)["score"] > before + 1.5


def test_aligned_latents_of_two_kinds_of_pictures_are_harder_to_tell_apart(
    tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch, autoencoder)
    # Dark synthetic pictures, bright real ones: an encoder left alone keeps them well apart.
    dark = [picture // 4 for picture in pictures()]
    bright = [255 - picture // 4 for picture in pictures(seed=5)]
    found = {}
    for alignment in (0.0, 3.0):
        folder = tmp_path / str(alignment)
        weights = train_autoencoder(
            [dark],
            [1.0],
            validation,
            folder,
            Budget(1, 40),
            TRAINING,
            Textures.load(None),
            domain="old",
            old=bright,
            alignment=alignment,
            adversarial=0.0,
            **(TINY | {"batch": 2, "learning_rate": 2e-2}),
        )
        network = Autoencoder(width=4, norm="position")
        network.load_state_dict(weights)
        found[alignment] = _separation(network, dark, bright)
    assert found[3.0] < 0.7 * found[0.0]


def _separation(network: Autoencoder, dark: list[Any], bright: list[Any]) -> float:
    """Distance of the two mean latents, in deviations of a latent within its kind."""
    with torch.inference_mode():
        latents = [
            torch.cat([network.encode(_signed(image)).flatten(2)[0].T for image in images])
            for images in (dark, bright)
        ]
    spread = torch.stack([latent.std(0) for latent in latents]).mean(0)
    return float(((latents[0].mean(0) - latents[1].mean(0)) / (spread + 1e-3)).norm())


def _signed(image: Any) -> Tensor:
    plane = torch.from_numpy(np.ascontiguousarray(image[:64, :64])).permute(2, 0, 1)[None]
    return plane.float() / 127.5 - 1


def test_real_old_photographs_are_needed_for_their_autoencoder(
    tmp_path: Path, validation: HeldOut
) -> None:
    with pytest.raises(ValueError, match="real old photographs"):
        learn(tmp_path, validation, 1, domain="old")


def test_other_settings_are_another_training(tmp_path: Path, validation: HeldOut) -> None:
    learn(tmp_path, validation, 1)
    with pytest.raises(OtherTraining, match=r"'noise': 0\.5"):
        learn(tmp_path, validation, 2, noise=0.5)


def test_one_autoencoder_can_begin_where_another_ended(tmp_path: Path, validation: HeldOut) -> None:
    start = learn(tmp_path / "old", validation, 1, domain="old", old=pictures(1))
    clean = learn(tmp_path / "clean", validation, 1, start=start, learning_rate=0.0)
    check_same(start, clean)


class _Shifted(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image + 0.02  # of 2: a hundredth of the range


def test_the_ceiling_is_a_psnr_against_the_picture_itself() -> None:
    grey, half = torch.full((1, 3, 16, 16), 0.25), torch.full((1, 3, 16, 16), 0.5)
    mask = torch.zeros(1, 1, 16, 16)
    held = HeldOut((grey,), (half,), (mask,))
    for domain in ("old", "clean"):
        found = measure(_Shifted(), held, domain, CPU)  # type: ignore[arg-type]
        assert found["score"] == pytest.approx(-20 * math.log10(0.01), abs=0.01)
