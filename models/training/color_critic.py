"""NoGAN, second step: the critic alone, telling real pictures from the generator's.

It is taught as a plain binary classifier, on pictures that the generator drew beforehand: the
generator does not move meanwhile, so nothing can chase anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.color.decision import to_lab
from models.color.generator import ColorUNet
from models.device import autocast
from models.training.color_generations import (
    as_picture,
    fingerprint,
    generations,
    seconds_of,
)
from models.training.color_losses import critic_loss
from models.training.color_measures import HeldOut, drawn
from models.training.color_samples import drawing
from models.training.critics import PatchCritic, scores
from models.training.data import Image, batches
from models.training.loop import Batch, Budget, Training, train
from models.training.start import begin

_DEPTH = 4  # convolutions of stride 2: a score sees 94 pixels
_GENERATING = 0.3  # of the minutes at most
_OWN_SAMPLES = 1_000_003  # added to the seed: the generator has not learnt from these crops


def color_critic(width: int) -> PatchCritic:
    """A critic of colour pictures, Bx3xHxW in [-1, 1]."""
    return PatchCritic(3, width, _DEPTH)


def train_critic(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    generator: ColorUNet,
    generated: int = 2000,
    critic_width: int = 32,
    batch: int = 16,
    crop: int = 128,
    learning_rate: float = 5e-4,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    name: str = "critic",
    report: Callable[[str], None] = print,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train a critic of `generator`, whose drawings are kept in `folder`/`name`-pictures.

    At most `generated` of them, of `crop` pixels, made in at most three tenths of the
    budget's minutes. Returns the best averaged weights; the score is the share of held-out
    patches judged rightly. Other arguments as `models.training.color.train_generator`. Raises
    `OtherTraining` where the folder's pictures or checkpoint are of another generator.
    """
    device = device or torch.device("cpu")
    generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    drawer = fingerprint(generator.state_dict())
    draw_true = drawing(photographs, shares, crop)
    kept = generations(
        generator,
        draw_true,
        folder / f"{name}-pictures",
        generated,
        seconds_of(budget.minutes, budget.steps, _GENERATING),
        {"generator": drawer, "crop": crop, "seed": seed + _OWN_SAMPLES},
        device,
        workers,
        report,
    )
    budget = replace(budget, minutes=budget.minutes - kept.seconds / 60)
    torch.manual_seed(seed)
    critic = color_critic(critic_width)
    begin(critic, start)
    critic.to(device)
    optimizer = torch.optim.Adam(critic.parameters(), lr=learning_rate, betas=(0.5, 0.99))

    def draw(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        return {**draw_true(rng), "made": kept.draw(rng)}

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        real = as_bytes(as_picture(samples["grey"], samples["ab"]))
        return {"critic": classifier_step(critic, optimizer, real, samples["made"], device)}

    pairs = held_out_pairs(generator, validation, device)

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name=name,
        settings={
            "generator": drawer,
            "generations": len(kept.files),
            "critic_width": critic_width,
            "batch": batch,
            "crop": crop,
            "seed": seed,
        },
        networks={name: critic},
        optimizers={name: optimizer},
        averaged=(name,),
        learning_rate=learning_rate,
        step=step,
        score=lambda networks: told_apart(networks[name], pairs, device),
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, report=report, **loop)[name]


def classifier_step(
    critic: PatchCritic,
    optimizer: torch.optim.Optimizer,
    true: Tensor,
    made: Tensor,
    device: torch.device,
) -> float:
    """One step of the critic on real and drawn pictures Bx3xHxW in [0, 1]; its loss."""
    critic.requires_grad_(True)
    with autocast(device):
        judged = scores(critic(torch.cat([true, made]) * 2 - 1))
    loss = critic_loss(*zip(*(one.chunk(2) for one in judged), strict=True))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def as_bytes(picture: Tensor) -> Tensor:
    """[0, 1] rounded as files are: nothing shall give away which pictures were drawn."""
    return (picture * 255).round() / 255


def held_out_pairs(
    generator: nn.Module, validation: HeldOut, device: torch.device
) -> list[tuple[Tensor, Tensor]]:
    """Real and drawn held-out pictures 1x3xHxW in [0, 1], of one luminance."""
    pairs = []
    for grey, ab, true in zip(
        validation.grey, drawn(generator.eval(), validation, device), validation.true, strict=True
    ):
        true_ab = np.ascontiguousarray(to_lab(true)[..., 1:])
        planes = [torch.from_numpy(one).permute(2, 0, 1)[None] for one in (true_ab, ab)]
        pairs.append((as_bytes(as_picture(grey, planes[0])), as_bytes(as_picture(grey, planes[1]))))
    return pairs


def told_apart(
    critic: nn.Module, pairs: Sequence[tuple[Tensor, Tensor]], device: torch.device
) -> dict[str, float]:
    """`score`: share of patches judged rightly (0.5: chance); `held_out`: cross-entropy."""
    right, losses = [], []
    for real, made in pairs:
        with torch.no_grad(), autocast(device):
            judged = [scores(critic((one * 2 - 1).to(device)))[0].float() for one in (real, made)]
        hits = (judged[0] > 0).float().mean(), (judged[1] <= 0).float().mean()
        right.append(float(sum(hits)) / 2)
        losses.append(float(critic_loss(judged[:1], judged[1:])))
    return {"score": float(np.mean(right)), "held_out": float(np.mean(losses))}
