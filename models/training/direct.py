"""The recipe of the direct network: degraded photograph and mask to the photograph as it was.

Tone is not its business: the picture is faded before it is aged, and the faded picture is what
the network must give back, since fading is a matter of the whole scan (`models.damage.tone`)
and a network that sees a tile would correct every tile differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.damage.direct import DirectNet
from models.device import autocast
from models.training.data import Image, batches, random_crop, to_bytes
from models.training.degradation import Severity, Textures, degrade, fade
from models.training.loop import Batch, Budget, Training, train
from models.training.start import begin

_SCALES = (0.5, 2.0)
_MISSED = 0.15  # of the samples: the network sees no mask at all
_INVENTED = 0.15  # of the samples: the mask covers sound parts as well
_FILLING = 4.0  # weight of a masked pixel against one that shows itself


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Pictures the score is measured on: 1x3xHxW degraded and true, 1x1xHxW mask, in [0, 1]."""

    degraded: tuple[Tensor, ...]
    true: tuple[Tensor, ...]
    mask: tuple[Tensor, ...]


def held_out(
    photographs: Sequence[Image], severity: Severity, textures: Textures, seed: int = 20261122
) -> HeldOut:
    """Each photograph faded and degraded by a seed of its own, with its true mask."""
    degraded, true, masks = [], [], []
    for index, photograph in enumerate(photographs):
        height, width = (side // 16 * 16 for side in photograph.shape[:2])
        sample = faded_sample(
            photograph[:height, :width],
            np.random.default_rng([seed, index]),
            severity,
            textures,
        )
        planes = [torch.from_numpy(array.astype(np.float32)) for array in sample[:2]]
        degraded.append(planes[0].permute(2, 0, 1)[None])
        true.append(planes[1].permute(2, 0, 1)[None])
        masks.append(torch.from_numpy(sample[2].astype(np.float32))[None, None])
    return HeldOut(tuple(degraded), tuple(true), tuple(masks))


def faded_sample(
    image: Image, rng: np.random.Generator, severity: Severity, textures: Textures
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """`image` HxWx3 faded; the faded picture degraded (first) and as it was (second), both
    HxWx3 in [0, 1], and the HxW mask of its damage, soft fringes included."""
    faded = fade(image, rng, severity)
    made = degrade(faded, rng, severity.without_fading(), textures)
    return made.degraded, made.clean, made.mask | made.ignore


def measure(network: nn.Module, pictures: HeldOut, device: torch.device) -> dict[str, float]:
    """PSNR over everything and inside the masks, and what the degraded input has; `score` is
    the mean gain of the two."""
    errors: list[tuple[float, float, float, float]] = []
    for degraded, true, mask in zip(pictures.degraded, pictures.true, pictures.mask, strict=True):
        with autocast(device):
            restored = network(degraded.to(device), mask.to(device)).float().cpu().clamp(0, 1)
        errors.append(
            (
                psnr(restored, true),
                psnr(degraded, true),
                psnr(restored, true, mask),
                psnr(degraded, true, mask),
            )
        )
    means = np.nanmean(np.array(errors), axis=0).tolist()
    return {
        "score": (means[0] - means[1] + means[2] - means[3]) / 2,
        "psnr": means[0],
        "input_psnr": means[1],
        "filled_psnr": means[2],
        "damaged_psnr": means[3],
    }


def psnr(image: Tensor, true: Tensor, mask: Tensor | None = None) -> float:
    """PSNR in dB of 1x3xHxW in [0, 1], of all pixels or of those in `mask` 1x1xHxW (not a number
    where it is empty)."""
    error = (image - true).square().mean(1, keepdim=True)
    if mask is None:
        return float(-10 * error.mean().clamp_min(1e-9).log10())
    if not mask.any():
        return float("nan")
    return float(-10 * ((error * mask).sum() / mask.sum()).clamp_min(1e-9).log10())


def shown_mask(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """The mask as a detector might give it: grown a little, sometimes missing, sometimes with
    a stroke over sound pixels."""
    if rng.random() < _MISSED:
        return np.zeros_like(mask)
    shown = mask.astype(np.uint8)
    if rng.random() < 0.7:
        side = int(rng.integers(2, 5))
        shown = cv2.dilate(shown, np.ones((side, side), np.uint8))  # type: ignore[assignment]
    if rng.random() < _INVENTED:
        height, width = mask.shape
        points = rng.integers(0, (width, height), (int(rng.integers(2, 5)), 2)).astype(np.int32)
        cv2.polylines(shown, [points], False, 1, int(rng.integers(1, 9)))
    return shown > 0


def train_direct(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    severity: Severity,
    textures: Textures,
    width: int = 48,
    blocks: int = 6,
    batch: int = 16,
    crop: int = 128,
    learning_rate: float = 8e-4,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train a `DirectNet(width, blocks)`; the best averaged weights. Arguments as
    `models.training.scratch.train_scratch`."""
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    network = DirectNet(width=width, blocks=blocks)
    begin(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-4)

    def draw(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        pictures = photographs[rng.choice(len(photographs), p=shares)]
        image = random_crop(pictures[int(rng.integers(len(pictures)))], rng, crop, _SCALES)
        degraded, true, mask = faded_sample(image, rng, severity, textures)
        shown = shown_mask(mask, rng)
        return {"degraded": to_bytes(degraded), "true": to_bytes(true), "mask": shown}

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        with autocast(device):
            restored = network(samples["degraded"], samples["mask"])
        loss, parts = restoration_loss(restored.float(), samples["true"], samples["mask"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        return parts

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name="direct",
        settings={"width": width, "blocks": blocks, "batch": batch, "crop": crop, "seed": seed},
        networks={"direct": network},
        optimizers={"direct": optimizer},
        averaged=("direct",),
        learning_rate=learning_rate,
        step=step,
        score=lambda networks: measure(networks["direct"], validation, device),
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, **loop)["direct"]


def restoration_loss(
    restored: Tensor, true: Tensor, mask: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Charbonnier distance of samples and of their differences to the right and below.

    All tensors Bx3xHxW in [0, 1] (`mask` Bx1xHxW). Masked pixels weigh more: they are few, and
    nothing of them is seen. The differences keep edges from being averaged away.
    """
    weight = 1 + _FILLING * mask
    samples = (_charbonnier(restored - true) * weight).mean()
    across = _charbonnier(_difference(restored - true, 3)).mean()
    down = _charbonnier(_difference(restored - true, 2)).mean()
    edges = across + down
    return samples + 0.5 * edges, {"samples": samples.item(), "edges": edges.item()}


def _charbonnier(difference: Tensor) -> Tensor:
    return (difference.square() + 1e-6).sqrt()


def _difference(image: Tensor, dimension: int) -> Tensor:
    return image.diff(dim=dimension)
