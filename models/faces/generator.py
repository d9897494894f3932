"""The generator that redraws a face from its degraded crop, which steers every layer of it."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name the field knows it by

from models.layers import PooledInstanceNorm, check_shape
from models.spectral import SpectralConv

StatisticsNorm = Literal["batch", "instance"]

_SLOPE = 0.2


class SpadeGenerator(nn.Module):
    """The face generator of Wan et al. (CVPR 2020, section 3.4), built of SPADE blocks (Park et
    al., CVPR 2019, "Semantic image synthesis with spatially-adaptive normalization").

    Degraded face Bx3xHxW in [-1, 1], an aligned crop with sides multiples of 32, to the enhanced
    one, the same shape and range. What a label map is to Park et al. the degraded face is here.
    `side` is the crop that the weights were trained for, in pixels; it decides no shape: the
    published networks of 256 and of 512 pixels are one layout.

    Keys, w = width, s = H/32 (published: width 64, hidden 128, 92.06 million parameters):

    | key prefix | layers | channels | rows |
    |---|---|---|---|
    | fc | face reduced to s, conv 3x3 | 3 -> 16w | s |
    | head_0 | block | 16w | s |
    | G_middle_0, G_middle_1 | doubled, block, block | 16w | 2s |
    | up_0 to up_3 | doubled and block, each | 16w -> 8w -> 4w -> 2w -> w | 4s to 32s |
    | conv_img | LeakyReLU, conv 3x3; tanh | w -> 3 | 32s |

    Ours differ by keywords: a smaller `width` and `hidden`; `norm` instance, which needs no
    running statistics; `residual`: the network draws only what differs from its input, with no
    tanh, starting from nothing, so that what it is not asked to change passes through it. Then
    values may leave [-1, 1] a little.
    """

    multiple = 32

    def __init__(
        self,
        width: int = 64,
        hidden: int = 128,
        norm: StatisticsNorm = "batch",
        residual: bool = False,
        side: int = 256,
    ) -> None:
        super().__init__()
        self.residual, self.side = residual, side
        coarse = 16 * width
        self.fc = nn.Conv2d(3, coarse, 3, padding=1)
        self.head_0 = SpadeBlock(coarse, coarse, hidden, norm)
        self.G_middle_0 = SpadeBlock(coarse, coarse, hidden, norm)
        self.G_middle_1 = SpadeBlock(coarse, coarse, hidden, norm)
        self.up_0 = SpadeBlock(coarse, 8 * width, hidden, norm)
        self.up_1 = SpadeBlock(8 * width, 4 * width, hidden, norm)
        self.up_2 = SpadeBlock(4 * width, 2 * width, hidden, norm)
        self.up_3 = SpadeBlock(2 * width, width, hidden, norm)
        self.conv_img = nn.Conv2d(width, 3, 3, padding=1)
        if residual:
            nn.init.zeros_(self.conv_img.weight)
            nn.init.zeros_(cast(Tensor, self.conv_img.bias))

    def forward(self, face: Tensor) -> Tensor:
        """Bx3xHxW in [-1, 1] to the same. Raises `BadNetworkInput` for another shape."""
        check_shape(face, 3, self.multiple, what="face for the generator", least=2 * self.multiple)
        height, width = face.shape[2] // self.multiple, face.shape[3] // self.multiple
        x = self.head_0(self.fc(_resized(face, (height, width))), face)
        x = self.G_middle_1(self.G_middle_0(_doubled(x), face), face)
        for block in (self.up_0, self.up_1, self.up_2, self.up_3):
            x = block(_doubled(x), face)
        drawn = cast(Tensor, self.conv_img(F.leaky_relu(x, _SLOPE)))
        return face + drawn if self.residual else torch.tanh(drawn)


class SpadeBlock(nn.Module):
    """Residual block of two convolutions 3x3, each after a norm steered by the face (Park et
    al., figure 4). Bx`inside`xhxw to Bx`outside`xhxw.

    Keys: conv_0, norm_0, conv_1, norm_1; conv_s (1x1, no bias) and norm_s where the channels
    change. Narrower inside where they grow.
    """

    def __init__(self, inside: int, outside: int, hidden: int, norm: StatisticsNorm) -> None:
        super().__init__()
        middle = min(inside, outside)
        self.learned = inside != outside
        self.conv_0 = SpectralConv(inside, middle, 3)
        self.conv_1 = SpectralConv(middle, outside, 3)
        if self.learned:
            self.conv_s = SpectralConv(inside, outside, 1, bias=False)
        self.norm_0 = Spade(inside, hidden, norm)
        self.norm_1 = Spade(middle, hidden, norm)
        if self.learned:
            self.norm_s = Spade(inside, hidden, norm)

    def forward(self, x: Tensor, face: Tensor) -> Tensor:
        """`x` Bx`inside`xhxw, `face` Bx3xHxW at any size."""
        face = _resized(face, (x.shape[2], x.shape[3]))
        shortcut = self.conv_s(self.norm_s(x, face)) if self.learned else x
        y = self.conv_0(F.leaky_relu(self.norm_0(x, face), _SLOPE))
        y = self.conv_1(F.leaky_relu(self.norm_1(y, face), _SLOPE))
        return cast(Tensor, shortcut + y)


class Spade(nn.Module):
    """Spatially-adaptive normalisation: BxCxhxw normalised, then scaled and shifted at every
    position by what two convolutions see in the face (Park et al., eq. 1).

    Keys: param_free_norm (running statistics; none for `instance`), mlp_shared.0, mlp_gamma,
    mlp_beta.
    """

    def __init__(self, channels: int, hidden: int, norm: StatisticsNorm) -> None:
        super().__init__()
        self.param_free_norm = _statistics_norm(norm, channels)
        self.mlp_shared = nn.Sequential(nn.Conv2d(3, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, face: Tensor) -> Tensor:
        """`x` BxCxhxw, `face` Bx3xhxw."""
        seen = self.mlp_shared(face)
        normed = self.param_free_norm(x)
        return cast(Tensor, normed * (1 + self.mlp_gamma(seen)) + self.mlp_beta(seen))


def _statistics_norm(norm: StatisticsNorm, channels: int) -> nn.Module:
    if norm == "batch":
        return nn.BatchNorm2d(channels, affine=False)
    if norm == "instance":
        return PooledInstanceNorm()
    raise ValueError(f"norm {norm!r} of a face generator: say batch or instance")


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _resized(face: Tensor, size: tuple[int, int]) -> Tensor:
    if face.shape[2:] == size:
        return face
    return F.interpolate(face, size=size, mode="bilinear", align_corners=False)
