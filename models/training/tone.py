"""The recipe of the tone network: fade thumbnails of clean photographs, learn to undo it.

Thumbnails are made once; fading then costs little more than a power, so the whole training
takes minutes on one core. About a third of the samples are clean: what is to be left alone is
half of the lesson. Everything about a step follows from the seed and the step's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from models.damage.tone_net import Estimate, ToneNet, power, thumbnail, together, undo
from models.device import autocast
from models.training.data import Image
from models.training.loop import Batch, Budget, Training, train

_CLEAN = 0.35  # of the samples
_GREY = 0.3  # of the samples: one curve for luminance
_HELD_OUT = 10  # one photograph in so many is kept for the calibration of the certainty
_LABEL = (0.012, 0.06)  # RMS change from which on a correction is somewhat, and fully, due
_CLEAN_WEIGHT = 2.0
_TOUCHED = 0.06  # share of held-out clean pictures that may be corrected at all
_STRIDE = 3  # of the pixels the loss looks at, in rows and columns
_LUMA = (0.299, 0.587, 0.114)


def thumbnails(photographs: Sequence[Image], crops: int = 3, seed: int = 0) -> Tensor:
    """Nx3x64x64 uint8: of every photograph the whole and `crops` random parts."""
    made = []
    for index, photograph in enumerate(photographs):
        made.append(thumbnail(photograph))
        rng = np.random.default_rng([seed, index])
        height, width = photograph.shape[:2]
        for _ in range(crops):
            rows, columns = (max(8, int(side * rng.uniform(0.55, 1))) for side in (height, width))
            top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
            made.append(thumbnail(photograph[top : top + rows, left : left + columns]))
    return torch.stack(made)


def draw(clean: Tensor, rng: np.random.Generator, all_faded: bool = False) -> dict[str, Tensor]:
    """A batch from `clean` (Bx3xHxW in [0, 1]): `clean`, `faded`, `grey` (B) and `due` (B).

    `clean` comes back with a mild exposure of its own, and as grey where `grey` is true. `due`
    is how much a correction is called for, 0 to 1. All of it is drawn from `rng`, uniformly or
    normally, per picture: a range that is lost (black lifted, white lowered, common to the
    channels and for each dye layer), a power for each, density lost with dyes that stain their
    neighbours' channels, a yellowing paper, grain; and a plain cast.
    """
    count = len(clean)

    def uniform(low: float, high: float, columns: int = 1) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, columns)).astype(np.float32))

    def normal(spread: float, columns: int = 1) -> Tensor:
        return torch.from_numpy(rng.normal(0, spread, (count, columns)).astype(np.float32))

    def chance(probability: float) -> Tensor:
        return (uniform(0, 1) < probability).float()

    grey = uniform(0, 1)[:, 0] < _GREY
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    clean = clean.clone()
    clean[grey] = (clean[grey] * luma).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    exposure = torch.exp(normal(0.15).clamp(-0.4, 0.4))
    clean = power(clean, exposure[:, :, None, None])

    own = (~grey).float()[:, None]  # only colour fades layer by layer
    severity = uniform(0.05, 1.0)
    if not all_faded:
        severity = severity * (1 - chance(_CLEAN))
    range_lost, layers, density = chance(0.75), chance(0.7) * own, chance(0.35)
    faded = clean.clone()
    chosen = (density * severity > 0)[:, 0]
    kept = 1 - severity * uniform(0.1, 0.6)
    kept = kept * torch.exp(-severity * own * normal(0.35, 3).abs())
    crosstalk = severity * own * uniform(0, 0.15)
    mixing = (1 - crosstalk)[:, :, None] * torch.eye(3) + crosstalk[:, :, None] / 3
    mixing = (mixing * kept[:, None, :])[chosen]
    amount = -clean[chosen].clamp_min(0.04).log()  # density over the sRGB curve; a print's black
    faded[chosen] = torch.exp(-(mixing @ amount.flatten(2)).view_as(amount))

    yellow = chance(0.4) * torch.tensor([0.0, 0.35, 1.0])
    black = severity * (
        range_lost * uniform(0, 0.3) + layers * normal(0.05, 3).abs() + layers * uniform(0, 0.06, 3)
    )
    white = 1 - severity * (
        range_lost * uniform(0, 0.3)
        + layers * normal(0.07, 3).abs()
        + own * yellow * uniform(0.05, 0.35)
    )
    gamma = torch.exp(severity * (range_lost * normal(0.25) + layers * normal(0.2, 3)))
    black, white = black.clamp(0, 0.45), white.clamp(0.5, 1)
    middle, span = (black + white) / 2, (white - black).clamp_min(0.22)
    black, white = middle - span / 2, middle + span / 2
    faded = power(faded, gamma.clamp(0.5, 2.0)[:, :, None, None])
    faded = black[:, :, None, None] + span[:, :, None, None] * faded
    change = (faded - clean).square().mean((1, 2, 3)).sqrt()
    due = ((change - _LABEL[0]) / (_LABEL[1] - _LABEL[0])).clamp(0, 1)
    noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
    grain = torch.randn((2, *clean.shape[1:]), generator=noise)  # one for all, strengths differ
    grain[1] = grain[1, :1]
    faded = faded + grain[grey.long()] * uniform(0, 0.015)[:, :, None, None]
    faded = (faded.clamp(0, 1) * 255).round() / 255
    return {"clean": clean, "faded": faded, "grey": grey, "due": due}


def loss_of(network: nn.Module, samples: Batch) -> tuple[Tensor, dict[str, float]]:
    """Charbonnier distance of the corrected thumbnails, and cross entropy of the certainty."""
    with autocast(samples["faded"].device):
        estimate: Estimate = together(network(samples["faded"]), samples["grey"])
    # A curve knows no place: some of the pixels say what it does as well as all of them.
    faded, clean = (samples[name][:, :, ::_STRIDE, ::_STRIDE] for name in ("faded", "clean"))
    away = undo(faded, estimate) - clean
    distance = (away.square() + 1e-4).sqrt().mean((1, 2, 3))
    weight = 1 + (_CLEAN_WEIGHT - 1) * (1 - samples["due"])
    distance = (distance * weight).mean()
    entropy = F.binary_cross_entropy_with_logits(estimate.logit.float(), samples["due"])
    return distance + 0.05 * entropy, {"distance": distance.item(), "entropy": entropy.item()}


@torch.inference_mode()
def measure(network: nn.Module, clean: Tensor, seed: int = 20261122) -> dict[str, float]:
    """Held-out figures on `clean` thumbnails (Nx3x64x64 uint8), each faded once, by a fixed seed.

    `gain`: mean PSNR gained by the whole correction where it is applied, that is where the
    certainty exceeds what all but `_TOUCHED` of the clean ones have; `ungated`: without that
    condition; `caught`: share of the clearly faded that are corrected; `auc`: faded against
    clean. `score` is `gain`.
    """
    rng = np.random.default_rng(seed)
    gains, certainties, due, sound = [], [], [], []
    for part in clean.float().div(255).split(128):
        samples = draw(part, rng, all_faded=True)
        estimate = together(network(samples["faded"]), samples["grey"])
        before, after = (
            (pixels - samples["clean"]).square().mean((1, 2, 3)).clamp_min(1e-6)
            for pixels in (samples["faded"], undo(samples["faded"], estimate))
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
    """Shift the certainty so that all but `_TOUCHED` of `clean` (uint8 thumbnails, in colour and
    grey) stay below one half, which is where a correction sets in; returns the shift."""
    network.eval()
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    logits = []
    for part in clean.float().div(255).split(256):
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
    batch: int = 64,
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
    pool = thumbnails(kept or photographs, crops, seed)
    sound = thumbnails(photographs[::_HELD_OUT], 0)
    scored = thumbnails(validation, 7, seed)
    network = ToneNet(width)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-3)

    def batches(step: int) -> Iterator[Batch]:
        while True:
            rng = np.random.default_rng([seed, step])
            chosen = pool[torch.from_numpy(rng.integers(0, len(pool), batch))].float() / 255
            mirrored = torch.from_numpy(rng.random(batch) < 0.5)[:, None, None, None]
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
