"""The network that reads fading and casts from a small copy of a photograph.

Recognising what is on the picture (skin, foliage, sky, paper) tells a cast from a sunset and a
faded print from fog, and the distribution of its samples tells by how much; so a convolutional
branch over a tiny copy and the quantiles of single pixels are joined (a copy of 32 pixels has
no black and white points any more). Black and white are bounded by the picture's own range, so
that nothing of it can be clipped.

Layout (B pictures, width w): six planes (the copy, and the copy with each channel stretched to
the picture's range) 32x32 -> w 8x8 (4x4, stride 4) -> 2w 8x8 (3x3) -> 3w 4x4 (3x3, stride 2),
each a convolution, group norm and SiLU; mean and maximum over space (6w), the quantiles (3x17),
means and covariances of the stretched pixels (3 + 9) -> 3w -> 10 values: black, white and gamma
for each channel, and the certainty. 103,000 parameters at w = 32.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.damage.tone_stretch import Fading

SIDE = 32
"""Pixels of the copy's sides; its proportions are given up."""

ROWS = 16
"""Rows of single pixels below the copy, taken at even distances: 512 of them."""

_QUANTILES = (0.005, *(0.01 + 0.98 * index / 14 for index in range(15)), 0.995)
_LEAST_RANGE = 0.05
_GAMMA = 0.8  # largest |log gamma|


class Estimate(NamedTuple):
    """Fading of B pictures: y = black + (white - black) * x**gamma; all in 0 to 1 but gamma.

    `black`, `white`, `gamma`: Bx3. `logit`: B, the log-odds that a correction is due.
    """

    black: Tensor
    white: Tensor
    gamma: Tensor
    logit: Tensor


class ToneNet(nn.Module):
    """Bx3x48x32 in [0, 1], made by `reading`, -> `Estimate`; luminance as three equal channels."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(6, width, 4, 4),
            _block(width, 2 * width, 3, 1),
            _block(2 * width, 3 * width, 3, 2),
        )
        known = 3 * len(_QUANTILES) + 12
        self.head = nn.Sequential(
            nn.Linear(6 * width + known, 3 * width), nn.SiLU(), nn.Linear(3 * width, 10)
        )
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        with torch.no_grad():
            last.bias[:6] = -1.0  # begin near the identity

    def forward(self, view: Tensor) -> Estimate:
        """The estimate for `view`, Bx3x48x32 in [0, 1]."""
        pixels = view[:, :, SIDE:].flatten(2)  # Bx3x512
        quantiles = _quantiles(pixels)  # Bx3x17
        low, high = quantiles[:, :, 0], quantiles[:, :, -1]
        span = (high - low).clamp_min(_LEAST_RANGE)
        stretched = ((view - low[:, :, None, None]) / span[:, :, None, None]).clamp(0, 1)
        copies = torch.cat((view[:, :, :SIDE], stretched[:, :, :SIDE]), 1)
        features = self.features(copies * 2 - 1)
        pixels = stretched[:, :, SIDE:].flatten(2)
        means = pixels.mean(2)
        away = pixels - means[:, :, None]
        covariances = 10 * (away @ away.transpose(1, 2)).flatten(1) / away.shape[2]
        known = torch.cat((quantiles.flatten(1) * 2 - 1, means * 2 - 1, covariances), 1)
        joined = torch.cat((features.mean((2, 3)), features.amax((2, 3)), known), 1)
        values = self.head(joined).float()
        # Never inside the range of the picture itself: nothing can be clipped.
        middle = (low + high) / 2
        black = torch.minimum(low, middle - _LEAST_RANGE / 2).clamp_min(0)
        white = torch.maximum(high, middle + _LEAST_RANGE / 2).clamp_max(1)
        return Estimate(
            black * torch.sigmoid(values[:, 0:3]),
            1 - (1 - white) * torch.sigmoid(values[:, 3:6]),
            torch.exp(_GAMMA * torch.tanh(values[:, 6:9])),
            values[:, 9],
        )

    @torch.inference_mode()
    def predict(self, view: NDArray[np.uint8]) -> Fading:
        """Fading of one picture, HxW (one curve) or HxWx3 (three) uint8 of any size.

        Runs in float32 on the device of the weights; the network is put into evaluation mode.
        """
        self.eval()
        read = reading(view).to(next(self.parameters()).device)
        estimate = self(read[None].float() / 255)
        if view.ndim == 2:
            estimate = together(estimate, torch.ones(1, dtype=torch.bool, device=read.device))
        channels = 1 if view.ndim == 2 else 3
        black, white, gamma = (part[0, :channels].tolist() for part in estimate[:3])
        certainty = float(torch.sigmoid(estimate.logit[0]))
        return Fading(tuple(black), tuple(white), tuple(gamma), certainty)


def reading(view: NDArray[np.uint8]) -> Tensor:
    """What the network reads of `view` (HxW or HxWx3 uint8): 3x48x32 uint8.

    An area-averaged copy above, single pixels below; luminance is repeated.
    """
    copy = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    pixels = cv2.resize(view, (SIDE, ROWS), interpolation=cv2.INTER_NEAREST)
    both = np.concatenate((copy, pixels))
    if both.ndim == 2:
        both = np.repeat(both[..., None], 3, axis=2)
    return torch.from_numpy(np.ascontiguousarray(both.transpose(2, 0, 1)))


def together(estimate: Estimate, grey: Tensor) -> Estimate:
    """The estimate with one curve for all three channels (their mean) where `grey` (B) is true."""

    def mean(part: Tensor) -> Tensor:
        return torch.where(grey[:, None], part.mean(1, keepdim=True), part)

    black, white, gamma, logit = estimate
    return Estimate(mean(black), mean(white), mean(gamma.log()).exp(), logit)


def undo(faded: Tensor, estimate: Estimate) -> Tensor:
    """`faded` (Bx3xHxW in [0, 1]) with the estimated fading undone; differentiable in both."""
    black, white, gamma = (part[:, :, None, None] for part in estimate[:3])
    ratio = (faded - black) / (white - black).clamp_min(_LEAST_RANGE / 2)
    return power(ratio, 1 / gamma)


def power(values: Tensor, exponent: Tensor) -> Tensor:
    """`values`, brought to [0.001, 1], to the `exponent`; several times as fast as torch.pow."""
    return (values.clamp(1e-3, 1.0).log() * exponent).exp()


def _block(before: int, after: int, kernel: int, stride: int) -> nn.Sequential:
    padding = 0 if kernel == stride else kernel // 2
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, padding), nn.GroupNorm(4, after), nn.SiLU()
    )


def _quantiles(pixels: Tensor) -> Tensor:
    """Bx3x17 of `pixels`, Bx3xN."""
    ordered = pixels.sort(dim=2).values
    last = ordered.shape[2] - 1
    places = torch.tensor([round(share * last) for share in _QUANTILES], device=pixels.device)
    return ordered.index_select(2, places)
