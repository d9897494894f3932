"""The detector of structured damage (scratches, creases, dust, losses): an antialiased U-Net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers import ReflectionPad, check_shape

_SLOPE = 0.2


class ScratchUNet(nn.Module):
    """Grey picture to logits of damage (the detector of Wan et al., CVPR 2020, published layout).

    In: Bx1xHxW in [-1, 1], sides multiples of 2^depth (published 16) and at least twice that.
    Out: Bx1xHxW logits; their sigmoid is the probability that a pixel is damaged.

    Keys, C = width * 2^i at level i (published: width 64, depth 4, 37.6 million parameters):
      first.1                conv 7x7, 1 -> width, LeakyReLU 0.2, no norm
      down_path.i.block      [conv 3x3, BatchNorm, LeakyReLU] twice at .1 .2 and .5 .6, C -> 2C
      down_sample.i          conv 3x3 (.1), BatchNorm (.2), LeakyReLU, blur with stride 2 (.4.filt)
      up_path.j.up.2         conv 3x3 after bilinear doubling, 2C -> C, neither norm nor activation
      up_path.j.conv_block   as down_path, 2C -> C, of [up, the bridge of the same level]
      last.1                 conv 3x3, width -> 1
    Convolutions have biases and reflected borders. The blur (Zhang, ICML 2019) is a buffer:
    published checkpoints hold it.
    """

    multiple = 16

    def __init__(self, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.multiple = 2**depth
        self.first = nn.Sequential(
            ReflectionPad(3), nn.Conv2d(1, width, 7), nn.LeakyReLU(_SLOPE, inplace=True)
        )
        levels = [width * 2**i for i in range(depth)]
        self.down_path = nn.ModuleList(_Double(channels, 2 * channels) for channels in levels)
        self.down_sample = nn.ModuleList(
            nn.Sequential(*_convolution(channels, channels), Blur(channels)) for channels in levels
        )
        self.up_path = nn.ModuleList(_Up(channels) for channels in reversed(levels))
        self.last = nn.Sequential(ReflectionPad(1), nn.Conv2d(width, 1, 3))

    def forward(self, grey: Tensor) -> Tensor:
        """Bx1xHxW in [-1, 1] to Bx1xHxW logits. Raises `BadNetworkInput` for another shape."""
        check_shape(
            grey, 1, self.multiple, what="input of the scratch detector", least=2 * self.multiple
        )
        x, bridges = self.first(grey), []
        for shrink, block in zip(self.down_sample, self.down_path, strict=True):
            bridges.append(x)
            x = block(shrink(x))
        for up in self.up_path:
            x = up(x, bridges.pop())
        logits: Tensor = self.last(x)
        return logits


class Blur(nn.Module):
    """Halving without aliasing: reflect-pad 1, depthwise [1 2 1] x [1 2 1] / 16, stride 2.

    BxCxHxW to BxCxH/2xW/2, even sides. Key `filt`, Cx1x3x3.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0])
        kernel = torch.outer(row, row) / 16
        self.register_buffer("filt", kernel.expand(channels, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to BxCxH/2xW/2."""
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=len(self.filt))


def _convolution(inside: int, outside: int) -> list[nn.Module]:
    """Reflect-pad 1, conv 3x3, BatchNorm, LeakyReLU."""
    return [
        ReflectionPad(1),
        nn.Conv2d(inside, outside, 3),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(_SLOPE, inplace=True),
    ]


class _Double(nn.Module):
    """Two convolutions, `inside` -> `outside` -> `outside`, at the same size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*_convolution(inside, outside), *_convolution(outside, outside))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.block(x)
        return result


class _Up(nn.Module):
    """One level up: 2C at half the size, and the bridge of C, to C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            ReflectionPad(1),
            nn.Conv2d(2 * channels, channels, 3),
        )
        self.conv_block = _Double(2 * channels, channels)

    def forward(self, x: Tensor, bridge: Tensor) -> Tensor:
        # Bx2CxHxW: what comes from below first, then what the way down kept.
        joined = torch.cat([self.up(x), bridge], dim=1)
        result: Tensor = self.conv_block(joined)
        return result
