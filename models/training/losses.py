"""The losses of the recipes: each a plain function from tensors to one scalar tensor.

Images are BxCxHxW floats (the range is the caller's; the ranges of both arguments agree),
latents BxCxhxw. Everything is averaged over all elements, in float32 whatever the autocast,
since bf16 loses a mean over a million values.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

FeaturesOfScales = Sequence[Sequence[Tensor]]
"""What a critic returns: for each scale its features, the scores last."""


def charbonnier(
    predicted: Tensor, wanted: Tensor, weight: Tensor | None = None, epsilon: float = 1e-3
) -> Tensor:
    """Mean of sqrt(d^2 + epsilon^2) - epsilon: L1, but smooth at nothing.

    `weight` (broadcast against the images, >= 0) makes it a weighted mean; where all weights
    are 0 the loss is 0. Source: Charbonnier et al., ICIP 1994; Lai et al., CVPR 2017, eq. 2.
    """
    difference = predicted.float() - wanted.float()
    loss = torch.sqrt(difference.square() + epsilon * epsilon) - epsilon
    return _mean(loss, weight)


def absolute(predicted: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean of |d|, weighted like `charbonnier`."""
    return _mean((predicted.float() - wanted.float()).abs(), weight)


def kl_to_unit(mean: Tensor) -> Tensor:
    """KL divergence of N(mean, s^2) from N(0, 1), per latent value, without its constant.

    The published autoencoder has no variance head: its posterior has one known standard
    deviation s everywhere, whose share of the divergence no weight can change, so that only the
    mean is driven. Source: Kingma and Welling, ICLR 2014, appendix B; Wan et al., CVPR 2020,
    eq. 1, first term.
    """
    return 0.5 * mean.float().square().mean()


def generator_lsgan(scores: Sequence[Tensor]) -> Tensor:
    """How far the critic's scores of generated pictures are from "real" (1), over its scales.

    Source: Mao et al., Least Squares GAN, ICCV 2017, eq. 9 (a = 0, b = c = 1).
    """
    return _over_scales([(score.float() - 1).square().mean() for score in scores])


def critic_lsgan(real: Sequence[Tensor], generated: Sequence[Tensor]) -> Tensor:
    """The critic's own loss: real pictures scored 1, generated ones 0, halves averaged."""
    terms = [
        0.5 * ((one.float() - 1).square().mean() + other.float().square().mean())
        for one, other in zip(real, generated, strict=True)
    ]
    return _over_scales(terms)


def feature_matching(real: FeaturesOfScales, generated: FeaturesOfScales) -> Tensor:
    """Mean L1 between the critic's features of real and generated pictures; scores left out.

    The features of the real pictures are constants here. Source: Wang et al., pix2pixHD, CVPR
    2018, eq. 4; Wan et al., CVPR 2020, eq. 7.
    """
    terms = [
        absolute(other, one.detach())
        for scale_real, scale_generated in zip(real, generated, strict=True)
        for one, other in zip(scale_real[:-1], scale_generated[:-1], strict=True)
    ]
    return _over_scales(terms)


def multiscale_gradient(
    predicted: Tensor, wanted: Tensor, weight: Tensor | None = None, scales: int = 3
) -> Tensor:
    """Mean L1 between horizontal and vertical differences, on `scales` halved copies.

    Edges at several sizes count on their own, so that a blurred edge costs more than its few
    pixels do in a plain L1. `weight` is Bx1xHxW. A scale smaller than 2 pixels is left out; the
    pictures themselves must not be. Source: Li and Snavely, MegaDepth, CVPR 2018, eq. 4.
    """
    difference = predicted.float() - wanted.float()
    terms: list[Tensor] = []
    for scale in range(scales):
        if scale:
            difference = functional.avg_pool2d(difference, 2)
            weight = None if weight is None else functional.avg_pool2d(weight, 2)
        if min(difference.shape[-2:]) < 2:
            break
        across = (difference[..., :, 1:] - difference[..., :, :-1]).abs()
        down = (difference[..., 1:, :] - difference[..., :-1, :]).abs()
        terms.append(_mean(across, None if weight is None else weight[..., :, 1:]))
        terms.append(_mean(down, None if weight is None else weight[..., 1:, :]))
    return _over_scales(terms)


def _mean(loss: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return loss.mean()
    weights = weight.float().expand_as(loss)
    return (loss * weights).sum() / weights.sum().clamp_min(1e-6)


def _over_scales(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).mean()
