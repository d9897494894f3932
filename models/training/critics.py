"""The discriminators of the recipes: small, spectrally normalised, returning their features.

Critics exist in training only: no published layout is kept and no weights ship. Spectral norm
(Miyato et al., ICLR 2018) instead of a gradient penalty: one matrix product a step, where a
penalty would double the cost of the critic on a CPU.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from models.training.losses import critic_lsgan


class PatchCritic(nn.Module):
    """Scores patches of pictures, at several scales.

    Bx`channels`xHxW (range [-1, 1]) -> for each scale a list of features, the last of them the
    scores Bx1xhxw (unbounded; 1 = real). `depth` stride-2 convolutions of 4x4 from `width`
    channels (doubled at each, at most 8 times), then two of 3x3; LeakyReLU 0.2; no
    normalisation of activations. Pictures must be at least 2^(depth + scales - 1) pixels wide.
    Source: Isola et al., CVPR 2017, 3.2.2 (PatchGAN); Wang et al., CVPR 2018, 3.2 (scales).
    """

    def __init__(self, channels: int = 3, width: int = 32, depth: int = 3, scales: int = 1) -> None:
        super().__init__()
        self.critics = nn.ModuleList(_patch_layers(channels, width, depth) for _ in range(scales))

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        """Features of every scale, the finest first, scores last in each list."""
        results = []
        for index, critic in enumerate(self.critics):
            if index:
                picture = functional.avg_pool2d(picture, 2)
            results.append(_features(cast(nn.ModuleList, critic), picture))
        return results


class LatentCritic(nn.Module):
    """Scores latents, to tell those of real old photographs from those of synthetic ones.

    Bx`latent`xhxw -> scores Bx1xhxw (1 = real). 3x3 and 1x1 convolutions without strides: a
    latent is already small. Source: Wan et al., CVPR 2020, eq. 2 (D_R,X).
    """

    def __init__(self, latent: int = 64, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(latent, width, 3, padding=1)),
                spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
                spectral_norm(nn.Conv2d(width, 1, 1)),
            ]
        )

    def forward(self, latent: Tensor) -> list[list[Tensor]]:
        """One scale: its features, the scores last."""
        return [_features(self.layers, latent)]


def scores(features: list[list[Tensor]]) -> list[Tensor]:
    """The scores of every scale, out of what a critic returns."""
    return [scale[-1] for scale in features]


def critic_step(
    critic: PatchCritic,
    optimizer: torch.optim.Optimizer,
    true: Tensor,
    made: Tensor,
    precision: AbstractContextManager[object],
) -> float:
    """One step of a critic of one scale on real and generated pictures (both Bx3xHxW in [-1, 1],
    `made` without gradients), its forward pass in `precision`; the loss."""
    critic.requires_grad_(True)
    with precision:
        judged = scores(critic(torch.cat([true, made.to(true.dtype)])))
    real, generated = judged[0].chunk(2)
    loss = critic_lsgan([real], [generated])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def _patch_layers(channels: int, width: int, depth: int) -> nn.ModuleList:
    layers: list[nn.Module] = []
    inside = channels
    for step in range(depth):
        outside = width * min(2**step, 8)
        layers.append(spectral_norm(nn.Conv2d(inside, outside, 4, stride=2, padding=1)))
        inside = outside
    layers.append(spectral_norm(nn.Conv2d(inside, inside, 3, padding=1)))
    layers.append(spectral_norm(nn.Conv2d(inside, 1, 3, padding=1)))
    return nn.ModuleList(layers)


def _features(layers: nn.ModuleList, values: Tensor) -> list[Tensor]:
    """The output of every layer, LeakyReLU after all but the last."""
    found: list[Tensor] = []
    for layer in layers:
        values = layer(values)
        if layer is not layers[-1]:
            values = functional.leaky_relu(values, 0.2)
        found.append(values)
    return found
