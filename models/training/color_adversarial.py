"""NoGAN, third step: generator and critic against each other, for a few thousand crops.

Every 1,000 crops the generator is scored and kept as a file; the one at the inflection
(`color_inflection`) is the result, which may be the generator as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.color.generator import ColorUNet
from models.device import autocast
from models.training.color import color_loss
from models.training.color_critic import classifier_step
from models.training.color_generations import as_picture, fingerprint
from models.training.color_inflection import SUFFIX, Checkpoints
from models.training.color_losses import fooling_loss
from models.training.color_measures import HeldOut, drawn, measure
from models.training.color_samples import drawing
from models.training.color_sheet import write_sheet
from models.training.critics import PatchCritic, scores
from models.training.data import Image, batches
from models.training.loop import Batch, Budget, Training, train
from models.weights.store import read_safetensors, write_safetensors

EVERY = 1000
"""Crops from one checkpoint to the next."""

_CRITIC_RATE = 4.0  # times the generator's learning rate


@dataclass(frozen=True, slots=True)
class CropBudget(Budget):
    """A budget that is spent after `most` steps as well, whatever its minutes."""

    most: int = 1

    def progress(self, step: int, seconds: float) -> float:
        """How much of it is spent, from 0 to 1."""
        return max(Budget.progress(self, step, seconds), min(1.0, step / self.most))


def train_adversarial(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    generator: ColorUNet,
    critic: PatchCritic,
    crops: int = 20000,
    adversarial: float = 0.1,
    critic_below: float = 0.65,
    vivid: float = 1.0,
    saturation: float = 0.0,
    perceptual: float = 0.5,
    batch: int = 16,
    crop: int = 128,
    learning_rate: float = 5e-5,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    name: str = "adversarial",
    every: int | None = None,
    report: Callable[[str], None] = print,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train `generator` and `critic` in turn for at most `crops` crops; the averaged weights of
    the generator at the inflection.

    `adversarial` weighs the critic's term beside those of the first step. The generator moves
    only where the critic's loss is below `critic_below` (chance: 0.693): one that cannot tell
    has nothing to teach. The learning rate stays: one that falls would look like an inflection.
    `every`: crops between checkpoints, by default `EVERY`; each is kept as
    `folder`/`name`-checkpoints/crops-NNNNN.safetensors, all measures in
    `name`.inflection.json. Other arguments as `models.training.color.train_generator`.
    """
    device = device or torch.device("cpu")
    torch.manual_seed(seed + 1)
    came = {"generator": fingerprint(generator.state_dict())}
    came["critic"] = fingerprint(critic.state_dict())
    generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    critic.to(device)
    loss_of = color_loss(vivid, saturation, perceptual, device, report)
    optimizers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.Adam(generator.parameters(), lr=learning_rate, betas=(0.0, 0.99)),
        "critic": torch.optim.Adam(
            [{"params": list(critic.parameters()), "relative_rate": _CRITIC_RATE}],
            lr=learning_rate * _CRITIC_RATE,
            betas=(0.0, 0.99),
        ),
    }
    draw = drawing(photographs, shares, crop)
    track = _Track(folder, name, batch)

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        track.steps += 1
        grey = samples["grey"]
        with autocast(device):
            made = generator(grey)
        pictures, true = as_picture(grey, made), as_picture(grey, samples["ab"])
        judging = classifier_step(critic, optimizers["critic"], true, pictures.detach(), device)
        if judging >= critic_below:
            return {"critic": judging}
        critic.requires_grad_(False)
        with autocast(device):
            judged = scores(critic(pictures * 2 - 1))
        terms = loss_of(grey, made, samples["ab"])
        terms["fooling"] = adversarial * fooling_loss(judged)
        optimizers[name].zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        optimizers[name].step()
        return {term: value.item() for term, value in terms.items()} | {"critic": judging}

    def score(networks: Mapping[str, nn.Module]) -> dict[str, float]:
        answers = drawn(networks[name], validation, device)
        write_sheet(folder / f"{name}-pictures.png", answers, validation)
        measures = measure(answers, validation)
        track.keep(networks[name], measures)
        return measures

    def start_batches(first: int) -> Iterator[Batch]:
        track.go_on(first)
        if first == 0:
            generator.eval()
            report(f"{name}: before it, score {score({name: generator})['score']:.5f}")
            generator.train()
        return batches(draw, batch, seed + 1, first, workers)

    training = Training(
        name=name,
        settings={
            **came,
            "adversarial": adversarial,
            "critic_below": critic_below,
            "vivid": vivid,
            "saturation": saturation,
            "perceptual": perceptual if loss_of.network is not None else 0.0,
            "batch": batch,
            "crop": crop,
            "seed": seed,
        },
        networks={name: generator.train(), "critic": critic.train()},
        optimizers=optimizers,
        averaged=(name,),
        learning_rate=learning_rate,
        steady=True,
        step=step,
        score=score,
        batches=start_batches,
        device=device,
    )
    bounded = CropBudget(budget.minutes, budget.steps, most=max(1, crops // batch))
    score_steps = max(1, (every or EVERY) // batch)
    train(training, folder, bounded, score_steps=score_steps, report=report, **loop)
    best, weights = track.best()
    report(f"{name}: the inflection is at {best} crops")
    return weights


class _Track:
    """Which crop a phase is at, and the files of its checkpoints."""

    def __init__(self, folder: Path, name: str, batch: int) -> None:
        self.record = folder / f"{name}{SUFFIX}"
        self.folder = folder / f"{name}-checkpoints"
        self.batch, self.steps = batch, 0
        self.checkpoints = Checkpoints(self.record, 0)

    def go_on(self, steps: int) -> None:
        self.steps = steps
        self.checkpoints = Checkpoints(self.record, steps * self.batch)

    def keep(self, network: nn.Module, measures: Mapping[str, float]) -> None:
        crops = self.steps * self.batch
        halves = {
            key: (value.half() if value.is_floating_point() else value).cpu().contiguous()
            for key, value in network.state_dict().items()
        }
        write_safetensors(halves, self._file(crops), {"crops": crops})
        self.checkpoints.add(crops, measures)

    def best(self) -> tuple[int, dict[str, Tensor]]:
        crops = self.checkpoints.inflection()
        weights = read_safetensors(self._file(crops))
        return crops, {
            key: value.float() if value.is_floating_point() else value
            for key, value in weights.items()
        }

    def _file(self, crops: int) -> Path:
        return self.folder / f"crops-{crops:05}.safetensors"
