"""The U-Net that our own networks share: everything at half the resolution or below.

There a convolution of twice the channels costs the same and moves half the memory, which is
what a processor waits for. No normalisation: a tile must not be judged by its own mean.

Layout, width w; R is a residual block of two 3x3 convolutions, its second one starting at zero:

| key prefix | layers | channels | spatial |
|---|---|---|---|
| first | pixel unshuffle 2, conv 3x3 | 4*inside -> w | 1/2 |
| encoders.i, i = 0, 1 | two R | w*2^i | 1/2^(i+1) |
| downs.i | conv 2x2 stride 2 | w*2^i -> w*2^(i+1) | 1/2^(i+2) |
| middle | `blocks` R, dilated by `dilations` in turn | 4w | 1/8 |
| ups.i, i = 1, 0 | conv 1x1, pixel shuffle 2 | w*2^(i+1) -> w*2^i | 1/2^(i+1) |
| decoders.i | (sum with encoders.i), two R | w*2^i | 1/2^(i+1) |
| last | conv 3x3, pixel shuffle 2 | w -> outside | 1 |
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name the field knows it by

_LEVELS = 2


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(cast(Tensor, self.conv2.bias))

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.conv2(F.relu(self.conv1(x), inplace=True)))


class HalfUNet(nn.Module):
    """BxinsidexHxW to BxoutsidexHxW, sides multiples of 8; untrained it answers zero."""

    multiple = 8

    def __init__(
        self, inside: int, outside: int, width: int, blocks: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(_LEVELS + 1)]
        self.first = nn.Conv2d(4 * inside, width, 3, padding=1)
        self.encoders = nn.ModuleList(
            nn.Sequential(_Residual(channels), _Residual(channels)) for channels in widths[:-1]
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths)
        )
        self.middle = nn.Sequential(
            *(_Residual(widths[-1], dilations[block % len(dilations)]) for block in range(blocks))
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2))
            for fine, coarse in pairwise(widths)
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(_Residual(channels), _Residual(channels)) for channels in widths[:-1]
        )
        self.last = nn.Conv2d(width, 4 * outside, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast(Tensor, self.last.bias))

    def mapped(self, x: Tensor) -> Tensor:
        """BxinsidexHxW to BxoutsidexHxW, what `forward` of the networks built on it adds to."""
        x = self.first(F.pixel_unshuffle(x, 2))
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
        return F.pixel_shuffle(self.last(x), 2)
