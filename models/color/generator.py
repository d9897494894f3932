"""The colour generator: a U-Net on a pretrained encoder, published and ours by keywords."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.color.efficientnet import EfficientNetLite0
from models.color.resnet import ResNetEncoder
from models.color.unet_blocks import (
    PixelShuffle,
    ResidualPair,
    UpBlock,
    conv_block,
    convolution,
)
from models.device import channels_last
from models.layers import check_shape
from models.spectral import SpectralConv, fold_spectral

Decoder = Literal["deep", "wide"]
Planes = Literal["rgb", "ab"]

_LEAST_SIDE = 32
_STRIP_ENTRIES = {"cpu": 2**24, "cuda": 2**28}
"""Numbers in one map of a strip at full size: 64 MiB in float32 on a CPU."""

_GREY_MEAN, _GREY_SPREAD = 127 / 255, 128 / 255


class ColorUNet(nn.Module):
    """DeOldify's generator (Antic, github.com/jantic/DeOldify; the dynamic U-Net of fastai with
    self-attention and spectral norm), and smaller ones of the same make.

    `planes` says what goes in and what comes out, sides even and at least 32 (`multiple`: those
    that need no resizing inside):

    - `rgb` (published): Bx3xHxW, grey repeated, (v - mean) / deviation of ImageNet for v in
      [0, 1]; out comes Bx3xHxW in the same units, within -3 to 3;
    - `ab` (ours): Bx1xHxW, grey with the sRGB curve, [0, 1]; out come Bx2xHxW, CIELAB a* and b*
      (D65), within -`reach` to `reach`.

    | key prefix | layers | rows |
    |---|---|---|
    | layers.0 | `encoder`: five maps | 1/2 to 1/32 |
    | layers.1 | batch norm; ReLU | 1/32 |
    | layers.3 | two convolutions, `bridge` channels between (0: twice the encoder's) | 1/32 |
    | layers.4 to .7 | up-blocks, joined to the encoder's maps; .5 with attention | 1/16 to 1/2 |
    | layers.8 | pixel shuffle | 1 |
    | layers.10 | joined to the input, two convolutions, residual | 1 |
    | layers.11 | convolution 1x1; sigmoid, stretched | 1 |

    Published: `artistic` is ("resnet34", "deep", growth 1.5), `stable` and `video` are
    ("resnet101", "wide", width 512). A `deep` up-block multiplies the channels it joins by
    `growth`; a `wide` one makes `width` (the last one half of that). Ours: `encoder`
    "efficientnet-lite0", or a resnet at a smaller `encoder_width`; `spectral` False: plain
    convolutions; `full` False: layers 8 to 10 are left out, and colour, which the eye sees
    coarsely, is drawn at half size and enlarged.
    """

    multiple = 32

    def __init__(
        self,
        encoder: str = "resnet34",
        decoder: Decoder = "deep",
        encoder_width: int = 64,
        growth: float = 1.5,
        width: int = 512,
        bridge: int = 0,
        planes: Planes = "rgb",
        reach: float = 3.0,
        spectral: bool = True,
        full: bool = True,
    ) -> None:
        super().__init__()
        if decoder not in ("deep", "wide") or planes not in ("rgb", "ab"):
            raise ValueError(f"decoder {decoder!r}: deep or wide; planes {planes!r}: rgb or ab")
        self.planes, self.reach, self.full = planes, reach, full
        self.inputs = 3 if planes == "rgb" else 1
        body = _encoder(encoder, encoder_width, self.inputs)
        *skips, deepest = body.channels
        between = bridge or 2 * deepest
        bottom = nn.Sequential(
            conv_block(deepest, between, spectral), conv_block(between, deepest, spectral)
        )
        ups, inside = [], deepest
        for step, skip in enumerate(reversed(skips)):
            last = step == len(skips) - 1
            outside = _deep_channels(inside, skip, growth, last) if decoder == "deep" else width
            if decoder == "wide" and last:
                outside = width // 2
            ups.append(
                UpBlock(
                    inside,
                    skip,
                    outside,
                    deep=decoder == "deep",
                    attention=step == 1,
                    spectral=spectral,
                )
            )
            inside = outside
        joined = inside + self.inputs if full else inside
        head = convolution(
            joined, 3 if planes == "rgb" else 2, 1, bias=True, spectral=spectral and planes == "rgb"
        )
        if planes == "ab":
            _silence(head)
        self.layers = nn.ModuleList(
            [
                body,
                nn.BatchNorm2d(deepest),
                nn.ReLU(inplace=True),
                bottom,
                *ups,
                PixelShuffle(inside, inside, spectral, last=True) if full else nn.Identity(),
                nn.Identity(),  # joining, which has no weights
                ResidualPair(joined, spectral) if full else nn.Identity(),
                nn.Sequential(head),
            ]
        )

    @property
    def encoder(self) -> ResNetEncoder | EfficientNetLite0:
        """The encoder, for weights of its own and for a learning rate of its own."""
        return cast("ResNetEncoder | EfficientNetLite0", self.layers[0])

    def prepare(self) -> ColorUNet:
        """Make the network, loaded and on its device, ready for use: eval mode, spectral norms
        folded into the weights, channels innermost in memory. Values stay as they were."""
        self.eval()
        fold_spectral(self)
        channels_last(self)
        return self

    def forward(self, grey: Tensor) -> Tensor:
        """See the class. Raises `BadNetworkInput` for another shape."""
        check_shape(
            grey, self.inputs, 2, what="picture for the colour generator", least=_LEAST_SIDE
        )
        if self.planes == "ab":
            grey = (grey - _GREY_MEAN) / _GREY_SPREAD
        maps = self.encoder.maps(grey.expand(-1, self.encoder.inputs, -1, -1))
        x = self.layers[3](self.layers[2](self.layers[1](maps.pop())))
        for up in self.layers[4:8]:
            x = up(x, maps.pop())  # what is popped is freed once it is used
        if not self.full:
            drawn = self._colour(x)
            return functional.interpolate(drawn, grey.shape[2:], mode="bilinear")
        if torch.is_grad_enabled() or self.training:
            return self._finish(x, grey, 0, x.shape[2])
        return self._finish_in_strips(x, grey)

    def _finish_in_strips(self, x: Tensor, grey: Tensor) -> Tensor:
        """The layers at full size, which take most of the memory, some rows at a time.

        The same values: a strip is drawn with the rows around it that its pixels see.
        """
        entries = grey[:, 0].numel() * (x.shape[1] + self.inputs)
        strips = -(-entries // _STRIP_ENTRIES[x.device.type])
        rows = -(-x.shape[2] // strips)
        drawn = [
            self._finish(x, grey, top, min(top + rows, x.shape[2]))
            for top in range(0, x.shape[2], rows)
        ]
        return torch.cat(drawn, dim=2)

    def _finish(self, x: Tensor, grey: Tensor, top: int, bottom: int) -> Tensor:
        """Rows 2 `top` to 2 `bottom` of the result, from `x` at half size."""
        halo = ResidualPair.halo
        # A pixel of layer 8 sees one row above, a pixel of layer 10 two on each side.
        first, end = max(0, top - halo), min(x.shape[2], bottom + halo // 2)
        shuffled = self.layers[8](x[:, :, first:end])
        above = 2 * top - halo if top else 0
        below = min(2 * bottom + halo, grey.shape[2])
        shuffled = shuffled[:, :, above - 2 * first : below - 2 * first]
        joined = torch.cat([shuffled, grey[:, :, above:below].to(shuffled.dtype)], dim=1)
        del shuffled
        mixed = self.layers[10](joined)[:, :, 2 * top - above : 2 * bottom - above]
        return self._colour(mixed)

    def _colour(self, x: Tensor) -> Tensor:
        drawn = cast(Tensor, self.layers[11](x))
        return torch.sigmoid(drawn.float()) * (2 * self.reach) - self.reach


def _encoder(name: str, width: int, inputs: int) -> ResNetEncoder | EfficientNetLite0:
    return (
        EfficientNetLite0() if name == "efficientnet-lite0" else ResNetEncoder(name, width, inputs)
    )


def _deep_channels(inside: int, skip: int, growth: float, last: bool) -> int:
    joined = inside // 2 + skip
    return int(growth * (joined // 2 if last else joined))


def _silence(head: SpectralConv | nn.Conv2d) -> None:
    """Let an untrained network leave every picture grey."""
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
