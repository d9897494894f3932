"""The losses of the colour recipe: distance of colours, of what a network sees in them, and what
a critic makes of the picture.

Colours are CIELAB a* and b* (D65), Bx2xHxW; `light` is L*, Bx1xHxW, 0 to 100. All in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.color.efficientnet import EfficientNetLite0
from models.color.imagenet import load_imagenet
from models.device import autocast

_CHROMA = 30.0  # CIELAB: a colour of this chroma weighs `vivid` more than grey
_UNIT = 10.0  # CIELAB: what counts as one in the losses
_BEND = 2.0  # CIELAB: the smooth L1 is quadratic below
_MAPS = 4  # of the encoder's five, from 1/2 to 1/16
_KNEE = 6 / 29  # of CIELAB's curve
_LINEAR = 0.0031308  # of sRGB's curve
_WHITE = (0.950456, 1.0, 1.088754)
_TO_RGB = (
    (3.240479, -1.53715, -0.498535),
    (-0.969256, 1.875991, 0.041556),
    (0.055648, -0.204043, 1.057311),
)


def lightness(grey: Tensor) -> Tensor:
    """L* (0 to 100) of grey samples with the sRGB curve, [0, 1], of any shape."""
    value = grey.float()
    linear = torch.where(
        value <= 12.92 * _LINEAR, value / 12.92, ((value.clamp_min(0) + 0.055) / 1.055) ** 2.4
    )
    cube = torch.where(
        linear > _KNEE**3, linear.clamp_min(1e-6) ** (1 / 3), linear / (3 * _KNEE**2) + 4 / 29
    )
    return 116 * cube - 16


def srgb(light: Tensor, ab: Tensor) -> Tensor:
    """sRGB Bx3xHxW in [0, 1] of CIELAB, clipped channel by channel, as a critic is shown it."""
    middle = (light.float() + 16) / 116
    ab = ab.float()
    curved = torch.cat([middle + ab[:, :1] / 500, middle, middle - ab[:, 1:] / 200], dim=1)
    xyz = torch.where(curved > _KNEE, curved**3, 3 * _KNEE**2 * (curved - 4 / 29))
    mixing = xyz.new_tensor(_TO_RGB) * xyz.new_tensor(_WHITE)
    linear = torch.einsum("ij,bjhw->bihw", mixing, xyz)
    coded = 1.055 * linear.clamp_min(_LINEAR) ** (1 / 2.4) - 0.055
    return torch.where(linear <= _LINEAR, 12.92 * linear, coded).clamp(0, 1)


def color_distance(made: Tensor, true: Tensor, vivid: float = 1.0) -> Tensor:
    """Smooth L1 of a*, b*, ten units counting as one; colours weigh more than greys.

    A pixel weighs 1 + `vivid` x its true chroma / 30, so that the few vivid ones are not
    outvoted by the many greyish ones (Zhang et al., ECCV 2016, section 2.2, rebalance likewise).
    """
    true = true.float()
    weight = 1 + vivid * true.square().sum(1, keepdim=True).sqrt() / _CHROMA
    distance = functional.smooth_l1_loss(made.float(), true, reduction="none", beta=_BEND)
    return (distance * weight).mean() / weight.mean() / _UNIT


def chroma_missing(made: Tensor, true: Tensor) -> Tensor:
    """L1 of the mean chroma of each picture, ten units counting as one: whatever the hues, a
    picture as colourful as the true one."""
    means = [(ab.float().square().sum(1) + 1e-4).sqrt().mean(dim=(1, 2)) for ab in (made, true)]
    return (means[0] - means[1]).abs().mean() / _UNIT


class Perceptual(nn.Module):
    """Distance of two pictures in the maps of EfficientNet-Lite0 trained on ImageNet (after
    Johnson, Alahi, Fei-Fei, ECCV 2016, eq. 2, with L1). It has nothing to learn.

    Raises `WeightsMissing` where the package with its weights is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0()
        load_imagenet(self.network)
        self.eval().requires_grad_(False)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        """Both Bx3xHxW sRGB in [0, 1]; the mean over maps of their L1, each over the true map's
        own mean."""
        terms = []
        with autocast(made.device):
            # Both on the same way through the network, or it would differ from itself in bf16.
            wanted, found = self._maps(true.detach()), self._maps(made)
        for one, other in zip(found, wanted, strict=True):
            size = other.float().abs().mean().clamp_min(1e-6)
            terms.append((one.float() - other.float()).abs().mean() / size)
        return torch.stack(terms).mean()

    def _maps(self, picture: Tensor) -> list[Tensor]:
        return self.network.maps((picture * 255 - 127) / 128)[:_MAPS]


@dataclass(frozen=True, slots=True)
class ColorLoss:
    """The loss of a generator but for the critic; the terms are weighed by these numbers.

    `perceptual` counts where there is a network for it.
    """

    vivid: float
    saturation: float
    perceptual: float
    network: Perceptual | None

    def __call__(self, grey: Tensor, made: Tensor, true: Tensor) -> dict[str, Tensor]:
        """`grey` Bx1xHxW in [0, 1], colours Bx2xHxW: the terms by name, weighed; their sum is
        the loss."""
        terms = {"colour": color_distance(made, true, self.vivid)}
        if self.saturation:
            terms["saturation"] = self.saturation * chroma_missing(made, true)
        if self.network is not None and self.perceptual:
            light = lightness(grey)
            distance = self.network(srgb(light, made), srgb(light, true))
            terms["perceptual"] = self.perceptual * distance
        return terms


def critic_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy of a critic's scores, taken as logits of "real", halves averaged."""
    losses = [
        (functional.softplus(-one.float()).mean() + functional.softplus(other.float()).mean()) / 2
        for one, other in zip(real, made, strict=True)
    ]
    return torch.stack(losses).mean()


def fooling_loss(made: Sequence[Tensor]) -> Tensor:
    """What a generator loses where the critic is not fooled (the non-saturating form;
    Goodfellow et al., NIPS 2014, section 3)."""
    return torch.stack([functional.softplus(-one.float()).mean() for one in made]).mean()
