"""What the colour generator's decoder is made of."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from models.spectral import SpectralConv

_ENTRIES = {"cpu": 2**22, "cuda": 2**26}
"""Similarities held at once: 16 MiB in float32 on a CPU; a GPU wants larger pieces."""


def convolution(
    inside: int, outside: int, kernel: int, *, bias: bool, spectral: bool
) -> SpectralConv | nn.Conv2d:
    """A convolution at the same size, with spectral norm or plain (keys `weight`, `bias`)."""
    if spectral:
        return SpectralConv(inside, outside, kernel, bias)
    return nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=bias)


def conv_block(inside: int, outside: int, spectral: bool) -> nn.Sequential:
    """Convolution 3x3 without bias (key `0`), ReLU, and only then batch norm (`2`)."""
    return nn.Sequential(
        convolution(inside, outside, 3, bias=False, spectral=spectral),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(outside),
    )


class WeightNormConv1x1(nn.Module):
    """A 1x1 convolution whose weight is g v / |v| for every output channel (Salimans and Kingma,
    NeurIPS 2016). Keys `bias`, `weight_g`, `weight_v`; BxCxHxW to Bx`outside`xHxW."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        plain = nn.Conv2d(inside, outside, 1)
        self.bias = nn.Parameter(torch.zeros(outside))
        self.weight_g = nn.Parameter(plain.weight.detach().flatten(1).norm(dim=1).view(-1, 1, 1, 1))
        self.weight_v = nn.Parameter(plain.weight.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to Bx`outside`xHxW."""
        length = self.weight_v.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        return functional.conv2d(x, self.weight_v * (self.weight_g / length), self.bias)


class PixelShuffle(nn.Module):
    """Doubled size: convolution 1x1 to four times `outside` channels, ReLU, pixel shuffle (Shi et
    al., CVPR 2016), and a blur against its checkerboard (Sugawara et al. 2018): the mean of 2x2
    pixels, the top row and the left column repeated.

    Bx`inside`xHxW to Bx`outside`x2Hx2W. Key `conv`: `0` the convolution, `1` a batch norm; with
    `last` instead a bias, weight norm, and no batch norm.
    """

    def __init__(self, inside: int, outside: int, spectral: bool, last: bool = False) -> None:
        super().__init__()
        wide = 4 * outside
        self.conv: nn.Sequential
        if last and spectral:
            self.conv = nn.Sequential(WeightNormConv1x1(inside, wide))
        elif last:
            self.conv = nn.Sequential(nn.Conv2d(inside, wide, 1))
        else:
            first = convolution(inside, wide, 1, bias=False, spectral=spectral)
            self.conv = nn.Sequential(first, nn.BatchNorm2d(wide))
        repeat_subpixels(self.conv[0])

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to Bx`outside`x2Hx2W."""
        doubled = functional.pixel_shuffle(functional.relu_(self.conv(x)), 2)
        return blurred(doubled)


@torch.no_grad()
def repeat_subpixels(layer: nn.Module) -> None:
    """Let the four pixels that a pixel shuffle makes of one begin alike (ICNR: Aitken et al.
    2017), so that an untrained network draws no checkerboard."""
    for name in ("weight", "weight_orig", "weight_v", "weight_g", "bias"):
        held = getattr(layer, name, None)
        if isinstance(held, nn.Parameter):
            held.copy_(held[::4].repeat_interleave(4, dim=0))


def blurred(x: Tensor) -> Tensor:
    """Means of each pixel, the one above, the one at its left and the one between; BxCxHxW."""
    with torch.autocast(x.device.type, enabled=False):
        padded = functional.pad(x, (1, 0, 1, 0), mode="replicate")
        return functional.avg_pool2d(padded, 2, stride=1)


class SelfAttention(nn.Module):
    """Self-attention over positions (Zhang et al., ICML 2019) without a matrix of N x N.

    BxCxhxw in and out: x + `gamma` times, at each position j, the mean of the values v_i
    weighted by softmax over i of q_i . k_j (unscaled, as published: the softmax runs over the
    queries). Keys `gamma` (1), `query`, `key` (C -> C/8), `value` (C -> C), no bias.
    """

    def __init__(self, channels: int, spectral: bool = True) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        narrow = max(1, channels // 8)
        self.query = _pointwise(channels, narrow, spectral)
        self.key = _pointwise(channels, narrow, spectral)
        self.value = _pointwise(channels, channels, spectral)

    def forward(self, x: Tensor) -> Tensor:
        """BxCxhxw to the same."""
        # BxCxhxw -> BxNxC, N = h * w, row by row.
        query, key, value = (
            layer(x).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        seen = linear_memory_attention(key, query, value)
        return x + self.gamma * seen.transpose(1, 2).reshape(x.shape).to(x.dtype)


def _pointwise(inside: int, outside: int, spectral: bool) -> nn.Module:
    if spectral:
        return SpectralConv(inside, outside, 1, bias=False, flat=True)
    return nn.Conv2d(inside, outside, 1, bias=False)


def linear_memory_attention(asking: Tensor, asked: Tensor, value: Tensor) -> Tensor:
    """softmax(`asking` `asked`^T) `value` for BxNxc, BxMxc and BxMxC: BxNxC.

    Goes through the rows in pieces of at most `_ENTRIES` similarities (or one row of each
    image), so that memory grows with N and M, not with their product; in training too, where
    more than one piece is computed again on the way back.
    """
    # Unscaled scores reach into the tens, where bf16 has steps of a quarter: float32.
    asking, asked = asking.float(), asked.float()
    rows = max(1, _ENTRIES[asked.device.type] // (asked.shape[0] * asked.shape[1]))
    pieces = torch.split(asking, rows, dim=1)
    if len(pieces) == 1 or not torch.is_grad_enabled():
        return torch.cat([_attend(piece, asked, value) for piece in pieces], dim=1)
    again = [checkpoint(_attend, piece, asked, value, use_reentrant=False) for piece in pieces]
    return torch.cat([cast(Tensor, piece) for piece in again], dim=1)


def _attend(asking: Tensor, asked: Tensor, value: Tensor) -> Tensor:
    with torch.autocast(asking.device.type, enabled=False):
        weights = torch.softmax(asking @ asked.transpose(1, 2), dim=2)
        return weights.to(value.dtype) @ value


class UpBlock(nn.Module):
    """One step of the decoder: `u` BxUxhxw doubled, joined to the encoder's `s` BxSxHxW (H = 2h or
    2h - 1), convolved to BxFxHxW.

    `deep` (keys `conv1`, `conv2`): doubling halves the channels, two convolutions. Otherwise
    (key `conv`): doubling makes `outside` channels, one convolution. Keys `shuf`, `bn` (of s)
    in both; the attention is the last item of the last convolution.
    """

    def __init__(
        self, inside: int, skip: int, outside: int, *, deep: bool, attention: bool, spectral: bool
    ) -> None:
        super().__init__()
        doubled = inside // 2 if deep else outside
        self.shuf = PixelShuffle(inside, doubled, spectral)
        self.bn = nn.BatchNorm2d(skip)
        joined = doubled + skip
        if deep:
            self.conv1 = conv_block(joined, outside, spectral)
            self.conv2 = last = conv_block(outside, outside, spectral)
        else:
            self.conv = last = conv_block(joined, outside, spectral)
        if attention:
            last.append(SelfAttention(outside, spectral))
        self.deep = deep

    def forward(self, u: Tensor, s: Tensor) -> Tensor:
        """`u` BxUxhxw and `s` BxSxHxW to BxFxHxW."""
        doubled = self.shuf(u)
        if doubled.shape[2:] != s.shape[2:]:
            doubled = functional.interpolate(doubled, s.shape[2:], mode="nearest")
        joined = functional.relu_(torch.cat([doubled, self.bn(s)], dim=1))
        del doubled, u, s
        drawn = self.conv2(self.conv1(joined)) if self.deep else self.conv(joined)
        return cast(Tensor, drawn)


class ResidualPair(nn.Module):
    """x + [convolution 3x3 with bias, ReLU, the same again](x); BxCxHxW in and out.

    Keys `layers.0.0` and `layers.1.0`.
    """

    halo = 2
    """Rows and columns that a pixel sees beyond itself."""

    def __init__(self, channels: int, spectral: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    convolution(channels, channels, 3, bias=True, spectral=spectral),
                    nn.ReLU(inplace=True),
                )
                for _ in range(2)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to the same."""
        change: Tensor = self.layers(x)
        return x + change if torch.is_grad_enabled() else change.add_(x)
