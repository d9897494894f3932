"""The recipe of the damage detector: a U-Net that tells structured damage from what looks like it.

Clean photographs with painted look-alikes (writing, lace, stripes) and clean faces come with
empty masks as often as damaged ones come with theirs (issue: a detector trained on damage alone
takes eyes, lips and spectacles for scratches). Damage that ageing has made invisible is not
asked for: the loss passes over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from models.damage.detector import DamageDetector
from models.damage.scratch import ScratchUNet
from models.device import autocast
from models.training.data import Image, batches, random_crop, to_bytes
from models.training.degradation import Severity, Textures, degrade, lookalikes
from models.training.loop import Batch, Budget, Training, train
from models.training.request import BadRequest
from models.training.start import begin

_LOOKALIKES = 0.35  # of the samples
_SOUND = 0.3  # of the samples, beside those the severity leaves alone: neither damaged nor aged.
# Sharp edges on clean scans are what a detector that mostly sees aged ones takes for scratches.
_SCALES = (0.4, 1.8)  # of a photograph's own pixels: large scans are softer than small ones
_FALSE_ALARM = 2.0  # weight of undamaged pixels against damaged ones, per pixel of each
_BINS = 256

NETWORKS: Mapping[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "half": (DamageDetector, ("width", "blocks")),
    "published": (ScratchUNet, ("width", "depth")),
}
"""By `kind`: the network, and the settings that build it."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Pictures the score is measured on: HxW grey in [-1, 1], and HxW masks (bool)."""

    grey: tuple[Tensor, ...]
    mask: tuple[NDArray[np.bool_], ...]
    ignore: tuple[NDArray[np.bool_], ...]


def held_out(
    photographs: Sequence[Image], severity: Severity, textures: Textures, seed: int = 20261122
) -> HeldOut:
    """Each photograph once degraded (by a seed of its own) and once clean."""
    grey, mask, ignore = [], [], []
    for index, photograph in enumerate(photographs):
        height, width = (side // 16 * 16 for side in photograph.shape[:2])
        photograph = photograph[:height, :width]
        made = degrade(photograph, np.random.default_rng([seed, index]), severity, textures)
        grey += [_signed(made.degraded), _signed(made.clean)]
        mask += [made.mask, np.zeros_like(made.mask)]
        ignore += [made.ignore, np.zeros_like(made.ignore)]
    return HeldOut(tuple(grey), tuple(mask), tuple(ignore))


def _signed(image: NDArray[np.float32]) -> Tensor:
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    return torch.from_numpy(grey)[None, None] * 2 - 1


def measure(network: nn.Module, pictures: HeldOut, device: torch.device) -> dict[str, float]:
    """Best F1 over thresholds, ROC AUC, recall there, and the share of clean pixels taken for
    damage there; `score` is the F1 less ten times that share."""
    found, missed = np.zeros(_BINS), np.zeros(_BINS)
    clean = np.zeros(_BINS)
    for grey, mask, ignore in zip(pictures.grey, pictures.mask, pictures.ignore, strict=True):
        with autocast(device):
            probability = torch.sigmoid(network(grey.to(device)).float())[0, 0].cpu().numpy()
        level = np.minimum((probability * _BINS).astype(int), _BINS - 1)
        if mask.any():
            found += np.bincount(level[mask], minlength=_BINS)
            missed += np.bincount(level[~mask & ~ignore], minlength=_BINS)
        else:
            clean += np.bincount(level.ravel(), minlength=_BINS)
    true, false = (np.cumsum(counts[::-1])[::-1] for counts in (found, missed))
    f1 = 2 * true / np.maximum(true + false + found.sum(), 1)
    at = int(f1.argmax())
    rates = np.append(true, 0) / max(found.sum(), 1), np.append(false, 0) / max(missed.sum(), 1)
    alarms = float(clean[at:].sum() / max(clean.sum(), 1))
    return {
        "score": float(f1[at]) - 10 * alarms,
        "f1": float(f1[at]),
        "auc": float(np.trapezoid(rates[0][::-1], rates[1][::-1])),
        "recall": float(true[at] / max(found.sum(), 1)),
        "threshold": at / _BINS,
        "clean_alarms": alarms,
    }


def train_scratch(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    severity: Severity,
    textures: Textures,
    kind: str = "half",
    width: int = 32,
    blocks: int = 6,
    depth: int = 4,
    batch: int = 12,
    crop: int = 192,
    learning_rate: float = 1e-3,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train the detector `kind` of `NETWORKS`; the best averaged weights.

    `photographs` are sets of HxWx3 uint8 pictures drawn from in the proportions `shares` (say
    scenes, faces, real old portraits). `start` are weights to begin from. Resumes from `folder`.
    Raises `BadRequest` for another kind.
    """
    if kind not in NETWORKS:
        raise BadRequest(f"no detector {kind!r}; there are {', '.join(NETWORKS)}")
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    built, keywords = NETWORKS[kind]
    sizes = {"width": width, "blocks": blocks, "depth": depth}
    settings = {name: sizes[name] for name in keywords}
    network = built(**settings)
    begin(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-4)

    def draw(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        pictures = photographs[rng.choice(len(photographs), p=shares)]
        image = random_crop(pictures[int(rng.integers(len(pictures)))], rng, crop, _SCALES)
        if rng.random() < _LOOKALIKES:
            image = lookalikes(image, rng)
        if rng.random() < _SOUND:
            nothing = np.zeros(image.shape[:2], bool)
            return {"degraded": image, "mask": nothing, "ignore": nothing}
        made = degrade(image, rng, severity, textures)
        return {"degraded": to_bytes(made.degraded), "mask": made.mask, "ignore": made.ignore}

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        weights = torch.tensor([0.299, 0.587, 0.114], device=device).view(1, 3, 1, 1)
        grey = (samples["degraded"] * weights).sum(1, keepdim=True) * 2 - 1
        with autocast(device):
            logits = network(grey)
        loss, parts = detection_loss(logits.float(), samples["mask"], samples["ignore"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return parts

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name="scratch",
        settings={"kind": kind, **settings, "batch": batch, "crop": crop, "seed": seed},
        networks={"scratch": network},
        optimizers={"scratch": optimizer},
        averaged=("scratch",),
        learning_rate=learning_rate,
        step=step,
        score=lambda networks: measure(networks["scratch"], validation, device),
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, **loop)["scratch"]


def detection_loss(logits: Tensor, mask: Tensor, ignore: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Cross entropy, damaged and undamaged pixels balanced gently, and a Dice term.

    `logits`, `mask` and `ignore` are Bx1xHxW. Damaged pixels are a few in a hundred; the square
    root of their share balances them without teaching the network to cry wolf.
    """
    counted = 1 - ignore
    share = mask.mean().clamp(1e-3, 0.5)
    weight = counted * torch.where(mask > 0, share.rsqrt() / _FALSE_ALARM, torch.ones_like(mask))
    entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    cross = (entropy * weight).sum() / weight.sum().clamp_min(1)
    probability = torch.sigmoid(logits) * counted
    overlap = 2 * (probability * mask).sum() + 1
    dice = 1 - overlap / (probability.sum() + (mask * counted).sum() + 1)
    return cross + 0.5 * dice, {"cross": cross.item(), "dice": dice.item()}
