"""The recipe of the tone network: fade clean photographs, learn to undo it or to leave them alone.

Everything about a step follows from the seed and the step's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from models.damage.tone_net import SIDE, Estimate, ToneNet, together, undo
from models.device import autocast
from models.training.data import Image
from models.training.loop import Batch, Budget, Training, train
from models.training.tone_samples import draw, readings

_HELD_OUT = 10  # one photograph in so many is kept for the calibration of the certainty
_TOUCHED = 0.05  # share of held-out clean pictures that may be corrected at all
_NEAR = 3e-4  # mean squared error (35 dB) below which closer is hardly better
_ENTROPY = 0.5  # weight of the certainty
_LUMA = (0.299, 0.587, 0.114)


def loss_of(network: nn.Module, samples: Batch) -> tuple[Tensor, dict[str, float]]:
    """Logarithm of the corrected pixels' mean squared error, and cross entropy of the certainty.

    The logarithm is what PSNR counts, and it asks for nothing to be done to a clean picture
    more strongly than for the last improvement of a faded one.
    """
    with autocast(samples["faded"].device):
        estimate = network(samples["faded"])
    estimate = together(Estimate(*(part.float() for part in estimate)), samples["grey"])
    error = (_pixels(undo(samples["faded"], estimate)) - _pixels(samples["clean"])).square()
    distance = (error.mean((1, 2, 3)) + _NEAR).log().mean()
    entropy = F.binary_cross_entropy_with_logits(estimate.logit, samples["due"])
    return distance + _ENTROPY * entropy, {"distance": distance.item(), "entropy": entropy.item()}


def _pixels(view: Tensor) -> Tensor:
    """The single pixels of readings: an averaged copy does not fade as the picture does."""
    return view[:, :, SIDE:]


@torch.inference_mode()
def measure(network: nn.Module, clean: Tensor, seed: int = 20261122) -> dict[str, float]:
    """Held-out figures on `clean` readings (Nx3x48x32 uint8), each faded once, by a fixed seed.

    `gain`: mean PSNR gained by the whole correction where it is applied, that is where the
    certainty exceeds what all but `_TOUCHED` of the clean ones have; `ungated`: without that
    condition; `caught`: share of the clearly faded that are corrected; `auc`: faded against
    clean. `score` is `gain`.
    """
    rng = np.random.default_rng(seed)
    gains, certainties, due, sound = [], [], [], []
    for part in torch.split(clean.float() / 255, 128):
        samples = draw(part, rng, all_faded=True)
        estimate = together(network(samples["faded"]), samples["grey"])
        before, after = (
            (_pixels(view) - _pixels(samples["clean"])).square().mean((1, 2, 3)).clamp_min(1e-5)
            for view in (samples["faded"], undo(samples["faded"], estimate))
        )
        gains.append(10 * torch.log10(before / after))
        certainties.append(estimate.logit)
        due.append(samples["due"])
        sound.append(network(samples["clean"]).logit)
    gain, logit, called = torch.cat(gains), torch.cat(certainties), torch.cat(due) >= 1
    still = torch.cat(sound)
    limit = still.quantile(1 - _TOUCHED)
    gated = torch.where(logit > limit, gain, 0.0)
    return {
        "score": float(gated.mean()),
        "gain": float(gated.mean()),
        "ungated": float(gain.mean()),
        "caught": float((logit > limit)[called].float().mean()),
        "auc": float((logit[called][:, None] > still).float().mean()),
    }


@torch.inference_mode()
def calibrate(network: ToneNet, clean: Tensor) -> float:
    """Shift the certainty so that all but `_TOUCHED` of `clean` (uint8 readings, in colour and
    grey) stay below one half, which is where a correction sets in; returns the shift."""
    network.eval()
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    logits = []
    for part in torch.split(clean.float() / 255, 256):
        level = (part * luma).sum(1, keepdim=True).expand_as(part)
        logits += [network(part).logit, network(level).logit]
    shift = float(torch.cat(logits).quantile(1 - _TOUCHED))
    last = network.head[-1]
    assert isinstance(last, nn.Linear)
    last.bias[9] -= shift
    return shift


def train_tone(
    photographs: Sequence[Image],
    validation: Sequence[Image],
    folder: Path,
    budget: Budget,
    width: int = 32,
    batch: int = 128,
    learning_rate: float = 2e-3,
    seed: int = 1,
    crops: int = 3,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train a `ToneNet(width)`; the best averaged weights, their certainty calibrated.

    `photographs` (HxWx3 uint8) are trained on, one in ten of them aside for the calibration;
    `validation` is scored. Resumes from `folder`.
    """
    torch.manual_seed(seed)
    kept = [image for index, image in enumerate(photographs) if index % _HELD_OUT]
    pool = readings(kept or photographs, crops, seed)
    sound = readings(photographs[::_HELD_OUT], 0)
    scored = readings(validation, 7, seed)
    network = ToneNet(width)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-3)

    def batches(step: int) -> Iterator[Batch]:
        while True:
            rng = np.random.default_rng([seed, step])
            chosen = pool[torch.from_numpy(rng.integers(0, len(pool), batch))].float() / 255
            mirrored = torch.from_numpy(rng.random(batch) < 0.5)[:, None, None, None]
            # The single pixels are mirrored as well: their places carry nothing.
            yield draw(torch.where(mirrored, chosen.flip(3), chosen), rng)
            step += 1

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        loss, parts = loss_of(network, samples)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return parts

    training = Training(
        name="tone",
        settings={"width": width, "batch": batch, "seed": seed, "crops": crops},
        networks={"tone": network},
        optimizers={"tone": optimizer},
        averaged=("tone",),
        learning_rate=learning_rate,
        step=step,
        score=lambda networks: measure(networks["tone"], scored),
        batches=batches,
    )
    best = train(training, folder, budget, **loop)["tone"]
    network.load_state_dict(best)
    calibrate(network, sound)
    return network.state_dict()
