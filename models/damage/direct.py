"""The direct network: degraded picture and mask in, restored picture out, no latent between.

A plain U-Net beside deep latent space translation, as the comparison the design asks for
(DESIGN §5): the same photographs, the same size. Its last layer starts at zero, so that an
untrained network changes nothing, and it adds to its input rather than drawing it anew: there
is no bottleneck whose blur could reach the scan.

Layout, width w (default 48); R is a residual block of two 3x3 convolutions without
normalisation, its second one starting at zero. Everything happens at half the resolution or
below, where a convolution of twice the channels costs the same and moves half the memory:

| key prefix | layers | channels | spatial |
|---|---|---|---|
| first | pixel unshuffle 2, conv 3x3 | 16 -> w | 1/2 |
| encoders.i, i = 0, 1 | two R | w*2^i | 1/2^(i+1) |
| downs.i | conv 2x2 stride 2 | w*2^i -> w*2^(i+1) | 1/2^(i+2) |
| middle | `blocks` R, dilated 1, 2, 1, 2, ... | 4w | 1/8 |
| ups.i, i = 1, 0 | conv 1x1, pixel shuffle 2 | w*2^(i+1) -> w*2^i | 1/2^(i+1) |
| decoders.i | (sum with encoders.i), two R | w*2^i | 1/2^(i+1) |
| last | conv 3x3, pixel shuffle 2 | w -> 3 | 1 |
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name the field knows it by

_LEVELS = 2
_PULLED = 9  # levels of the prefilling: holes of up to 256 pixels


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(cast(Tensor, self.conv2.bias))

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.conv2(F.relu(self.conv1(x), inplace=True)))


class DirectNet(nn.Module):
    """Restores a picture directly. `width` channels at half the resolution, four times as many
    at an eighth of it; `blocks` residual blocks there."""

    multiple = 8

    def __init__(self, width: int = 48, blocks: int = 6) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(_LEVELS + 1)]
        self.first = nn.Conv2d(16, width, 3, padding=1)
        self.encoders = nn.ModuleList(
            nn.Sequential(_Residual(channels), _Residual(channels)) for channels in widths[:-1]
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths)
        )
        self.middle = nn.Sequential(
            *(_Residual(widths[-1], dilation=1 + block % 2) for block in range(blocks))
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2))
            for fine, coarse in pairwise(widths)
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(_Residual(channels), _Residual(channels)) for channels in widths[:-1]
        )
        self.last = nn.Conv2d(width, 12, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast(Tensor, self.last.bias))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """`image` Bx3xHxW in [0, 1], `mask` Bx1xHxW of 0 and 1 (1: damaged, its samples are not
        looked at); H and W multiples of 8. Returns Bx3xHxW, about [0, 1], not clipped."""
        hidden = prefilled(image, mask)
        x = self.first(F.pixel_unshuffle(torch.cat([hidden - 0.5, mask], dim=1), 2))
        kept = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            kept.append(x)
            x = down(x)
        x = self.middle(x)
        for up, decoder, bridge in zip(
            reversed(self.ups), reversed(self.decoders), reversed(kept), strict=True
        ):
            x = decoder(up(x) + bridge)
        return hidden + F.pixel_shuffle(self.last(x), 2)


def prefilled(image: Tensor, mask: Tensor) -> Tensor:
    """`image` BxCxHxW with what `mask` Bx1xHxW marks filled smoothly from around it.

    Pull-push (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): means of what is
    known on ever coarser levels, laid from the coarsest into the gaps of the finer ones. A
    network that starts from it has only structure to add. Where nothing is known, 0.5.
    """
    known = (mask <= 0).to(image.dtype)
    means, shares = [image * known], [known]
    while min(means[-1].shape[2:]) > 1 and len(means) < _PULLED:
        means.append(F.avg_pool2d(means[-1], 2, ceil_mode=True))
        shares.append(F.avg_pool2d(shares[-1], 2, ceil_mode=True))
    filled = torch.full_like(means[-1], 0.5)
    for mean, share in zip(reversed(means), reversed(shares), strict=True):
        if filled.shape != mean.shape:
            size = (mean.shape[2], mean.shape[3])
            filled = F.interpolate(filled, size=size, mode="bilinear", align_corners=False)
        filled = torch.where(share > 0, mean / share.clamp_min(1e-6), filled)
    return torch.where(mask > 0, filled, image)
