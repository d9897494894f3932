"""Networks small enough to be known: an analytic detector, translators that are a formula."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional

from models.damage.model import DamageModel
from models.damage.regions import Thresholds
from models.damage.revival import Gate
from models.damage.translator import Translation

CPU = torch.device("cpu")


def mean(image: Tensor, side: int, weight: Tensor | None = None) -> Tensor:
    """The mean of a window around every pixel, of those pixels that `weight` counts."""
    weight = torch.ones_like(image[:, :1]) if weight is None else weight
    return _box(image * weight, side) / _box(weight, side).clamp_min(1e-6)


def _box(x: Tensor, side: int) -> Tensor:
    down = functional.avg_pool2d(x, (side, 1), 1, (side // 2, 0))
    return functional.avg_pool2d(down, (1, side), 1, (0, side // 2))


def bright_things(grey: Tensor) -> Tensor:
    """Logits of a detector: what is 40 levels or more brighter than the 21 pixels around it."""
    return 60 * (grey - mean(grey, 21)) - 18


def white_things(grey: Tensor) -> Tensor:
    """Logits of a detector: what is as white as paper, however large."""
    return 300 * (grey - 0.93)


class Averaging:
    """Fills with the mean of what is known around, in a tone of its own; takes off noise.

    `shade` is what its pictures are darker by: a filling must not inherit it. `noise` is how
    much of the difference to the mean of three by three it takes off.
    """

    name = "averaging"
    multiple = 8
    least = 16
    weights: Mapping[str, str] = {"averaging": "0" * 64}

    def __init__(self, shade: float = 0.1, noise: float = 1.0) -> None:
        self.shade, self.noise = shade, noise
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, image: Tensor, mask: Tensor) -> Translation:
        self._take(image, mask)
        assert not mask.any()
        return Translation(image + self.noise * (mean(image, 3) - image), image)

    def draw(self, image: Tensor, mask: Tensor) -> Tensor:
        self._take(image, mask)
        filled = mean(image, 33, 1 - mask)
        return torch.where(mask > 0, filled, image) * 0.8 + 0.2 - self.shade

    def pooled(self, image: Tensor, mask: Tensor) -> AbstractContextManager[None]:
        assert image.shape[1] == 3 and mask.shape[1] == 1
        return nullcontext()

    def _take(self, image: Tensor, mask: Tensor) -> None:
        assert image.shape[1] == 3 and mask.shape == (len(image), 1, *image.shape[2:])
        assert all(side % self.multiple == 0 for side in image.shape[2:])
        assert min(image.shape[2:]) >= self.least
        assert float(image.min()) >= -1e-6 and float(image.max()) <= 1 + 1e-6
        self.seen.append(tuple(image.shape))


class Broken(Averaging):
    """Answers with NaN."""

    def draw(self, image: Tensor, mask: Tensor) -> Tensor:
        return super().draw(image, mask) * torch.nan


def model(
    translator: Averaging | None = None,
    thresholds: Thresholds | None = None,
    gate: Gate | None = None,
) -> DamageModel:
    """A model of the damage stage that needs no weights."""
    made = translator or Averaging()
    return DamageModel(
        name="tiny",
        revision="tiny/1",
        weights=made.weights,
        detector=bright_things,
        device=CPU,
        multiple=8,
        least=16,
        filler=made,
        reviver=made,
        thresholds=thresholds or Thresholds(),
        gate=gate or Gate(),
    )
