"""Faded photographs by the thousand, for the tone network: readings of clean ones, and fading.

Fading acts on every pixel alike, so it is applied to what the network reads of a photograph
(`models.damage.tone_net.reading`) and not to the photograph: a sample costs microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.damage.tone_net import power, reading
from models.training.data import Image
from models.training.degradation import TRAINING

CLEAN = 0.35
"""Share of the samples that are clean: what is to be left alone is a third of the lesson."""

_GREY = 0.3  # of the samples: one curve, for luminance
_ALIKE = 0.5  # of the faded: by the same ranges as `models.training.degradation`
_DUE = (0.012, 0.06)  # RMS change from which on a correction is somewhat, and fully, due
_LONG_EDGE = 256  # of the copies that are read, as in `models.damage.tone`
_LEAST_REACH = 0.22  # between black and white
_LUMA = (0.299, 0.587, 0.114)


def readings(photographs: Sequence[Image], crops: int = 3, seed: int = 0) -> Tensor:
    """Nx3x48x32 uint8: of every photograph the whole and `crops` random parts."""
    made = []
    for index, photograph in enumerate(photographs):
        scale = min(1.0, _LONG_EDGE / max(photograph.shape))
        small: NDArray[np.uint8] = cv2.resize(  # type: ignore[assignment]
            photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
        made.append(reading(small))
        rng = np.random.default_rng([seed, index])
        height, width = small.shape[:2]
        for _ in range(crops):
            rows, columns = (max(8, int(side * rng.uniform(0.55, 1))) for side in (height, width))
            top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
            made.append(reading(small[top : top + rows, left : left + columns]))
    return torch.stack(made)


def draw(clean: Tensor, rng: np.random.Generator, all_faded: bool = False) -> dict[str, Tensor]:
    """A batch from `clean` (Bx3xHxW in [0, 1]): `clean`, `faded`, `grey` (B) and `due` (B).

    `clean` comes back with a mild exposure of its own, and as grey where `grey` is true. `due`
    is how much a correction is called for, 0 to 1. All of it follows from `rng`. Half of the
    faded are drawn from the ranges of the project's degradation synthesis; the others more
    widely: a lost range (common to the channels, and of each dye layer), a power for each,
    density lost by dyes that also absorb in their neighbours' channels, yellowing, grain.
    """
    drawn = _Drawn(len(clean), rng)
    grey = drawn.uniform(0, 1)[:, 0] < _GREY
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    clean = clean.clone()
    clean[grey] = (clean[grey] * luma).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    clean = power(clean, drawn.normal(0.15).clamp(-0.4, 0.4).exp()[:, :, None, None])

    own = (~grey).float()[:, None]  # only colour fades layer by layer
    sound = torch.zeros(len(clean), 1) if all_faded else drawn.chance(CLEAN)
    alike = drawn.chance(_ALIKE)
    severity = drawn.uniform(0.05, 1.0) * (1 - sound) * (1 - alike)
    faded = _density_lost(clean, severity * drawn.chance(0.35), own, drawn)
    wide, like = _wide(severity, own, drawn), _alike(own, drawn)
    identity = (torch.zeros(1, 3), torch.ones(1, 3), torch.ones(1, 3))
    black, white, gamma = (
        torch.where(sound > 0, none, torch.where(alike > 0, one, other))
        for none, one, other in zip(identity, like, wide, strict=True)
    )
    middle, reach = (black + white) / 2, (white - black).clamp_min(_LEAST_REACH)
    faded = power(faded, gamma[:, :, None, None]) * reach[:, :, None, None]
    faded = (faded + (middle - reach / 2)[:, :, None, None]).clamp(0, 1)
    change = (faded - clean).square().mean((1, 2, 3)).sqrt()
    grain = drawn.grain(clean.shape[1:])[grey.long()] * drawn.uniform(0, 0.015)[:, :, None, None]
    faded = ((faded + grain).clamp(0, 1) * 255).round() / 255
    due = ((change - _DUE[0]) / (_DUE[1] - _DUE[0])).clamp(0, 1)
    return {"clean": clean, "faded": faded, "grey": grey, "due": due}


class _Drawn:
    """Random numbers for `count` pictures, as BxN float32."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.count, self.rng = count, rng

    def uniform(self, low: float, high: float, columns: int = 1) -> Tensor:
        values = self.rng.uniform(low, high, (self.count, columns))
        return torch.from_numpy(values.astype(np.float32))

    def normal(self, spread: float, columns: int = 1) -> Tensor:
        values = self.rng.normal(0, spread, (self.count, columns))
        return torch.from_numpy(values.astype(np.float32))

    def chance(self, probability: float) -> Tensor:
        return (self.uniform(0, 1) < probability).float()

    def grain(self, shape: torch.Size) -> Tensor:
        """2x`shape`: noise of its own in each channel, and the same in all three."""
        grain = torch.from_numpy(self.rng.standard_normal((2, *shape), dtype=np.float32))
        grain[1] = grain[1, :1]
        return grain


def _density_lost(clean: Tensor, severity: Tensor, own: Tensor, drawn: _Drawn) -> Tensor:
    """Dyes that lost density; each absorbs a little in the neighbours' channels."""
    kept = 1 - severity * drawn.uniform(0.1, 0.6)
    kept = kept * torch.exp(-severity * own * drawn.normal(0.35, 3).abs())
    crosstalk = severity * own * drawn.uniform(0, 0.15)
    mixing = (1 - crosstalk)[:, :, None] * torch.eye(3) + crosstalk[:, :, None] / 3
    chosen = severity[:, 0] > 0
    faded = clean.clone()
    density = -clean[chosen].clamp_min(0.04).log()  # above the black of a print
    lost = (mixing * kept[:, None, :])[chosen] @ density.flatten(2)
    faded[chosen] = torch.exp(-lost).view_as(density)
    return faded


def _wide(severity: Tensor, own: Tensor, drawn: _Drawn) -> tuple[Tensor, Tensor, Tensor]:
    """Black, white and gamma (Bx3) over wide ranges, scaled by `severity` (Bx1)."""
    common, layers = drawn.chance(0.75), drawn.chance(0.7) * own
    yellow = drawn.chance(0.4) * own * torch.tensor([0.0, 0.35, 1.0])
    black = common * drawn.uniform(0, 0.3) + layers * drawn.normal(0.06, 3).abs()
    white = common * drawn.uniform(0, 0.3) + layers * drawn.normal(0.07, 3).abs()
    white = white + yellow * drawn.uniform(0.05, 0.35)
    gamma = common * drawn.normal(0.25) + layers * drawn.normal(0.2, 3)
    return (
        (severity * black).clamp(0, 0.45),
        (1 - severity * white).clamp(0.5, 1),
        (severity * gamma).exp().clamp(0.5, 2.0),
    )


def _alike(own: Tensor, drawn: _Drawn) -> tuple[Tensor, Tensor, Tensor]:
    """Black, white and gamma (Bx3) as `degradation.unstructured.fading` draws them."""
    uneven = drawn.uniform(*TRAINING.cast_strength) * drawn.chance(TRAINING.cast) * own
    yellow = drawn.chance(0.5) * torch.tensor([0.0, 0.4, 1.5])
    black = drawn.uniform(*TRAINING.fade_black) + uneven * drawn.uniform(0, 1, 3)
    white = drawn.uniform(*TRAINING.fade_white) - uneven * drawn.uniform(0, 1, 3)
    gamma = drawn.uniform(*TRAINING.fade_gamma) * (1 + uneven * drawn.uniform(-1, 1, 3))
    return black, white * (1 - yellow * uneven), gamma
