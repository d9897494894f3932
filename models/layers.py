"""What the networks of the damage stage are made of: norms, residual block, checks of shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["instance", "position", "none"]

_EPSILON = 1e-5


class BadNetworkInput(ValueError):
    """A network was given a tensor whose shape it does not process; the message says which."""


def check_shape(
    tensor: Tensor, channels: int, multiple: int = 1, *, what: str, least: int = 1
) -> None:
    """Raise `BadNetworkInput` unless `tensor` is Bx`channels`xHxW with sides of `multiple`.

    Networks do not pad: whoever cuts tiles does, from each network's `multiple`. `least` is the
    smallest side.
    """
    wanted = f"B x {channels} x H x W"
    if multiple > 1:
        wanted += f" with H and W multiples of {multiple}"
    if least > 1:
        wanted += f", at least {least}"
    shape = tuple(tensor.shape)
    if len(shape) != 4 or shape[1] != channels or shape[0] < 1:
        raise BadNetworkInput(f"{what} has the shape {shape}; it takes {wanted}")
    if any(side % multiple or side < least for side in shape[2:]):
        raise BadNetworkInput(f"{what} has the shape {shape}; it takes {wanted}: pad it first")


class ReflectionPad(nn.ReflectionPad2d):
    """Reflected borders in whatever type the tensor has. Autocast would make float32 of it and
    the next layer bf16 again (measured: 44 % of the detector's time on a CPU)."""

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW with its borders."""
        with torch.autocast(x.device.type, enabled=False):
            return functional.pad(x, self.padding, mode="reflect")


class PooledInstanceNorm(nn.Module):
    """Instance normalisation without affine part and without keys, eps 1e-5, biased variance.

    BxCxHxW in and out: each channel of each image is brought to mean 0 and variance 1. Inside
    `pooled(module)` the statistics come from all images of the first batch together, and hold
    for the batches after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pooling = False
        self.statistics: tuple[Tensor, Tensor] | None = None
        """Mean and variance, each C in float32, once a batch was seen inside `pooled`."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, BxCxHxW."""
        if not self.pooling:
            return functional.instance_norm(x, eps=_EPSILON)
        if self.statistics is None:
            variance, mean = torch.var_mean(x.detach().float(), dim=(0, 2, 3), correction=0)
            self.statistics = mean, variance
        return functional.batch_norm(x, *self.statistics, eps=_EPSILON)


@contextmanager
def pooled(module: nn.Module) -> Iterator[None]:
    """Let the tiles of one scan share their statistics: the same tone on both sides of a seam.

    Inside, every `PooledInstanceNorm` of `module` takes mean and variance over all tiles of the
    first batch it sees and keeps them for the tiles that follow. So the first batch should be
    drawn from all over the scan, and one scan is one context. At the end all is forgotten.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, PooledInstanceNorm)]
    for norm in norms:
        norm.pooling, norm.statistics = True, None
    try:
        yield
    finally:
        for norm in norms:
            norm.pooling, norm.statistics = False, None


def pooled_statistics(module: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """What `pooled` has recorded so far: name of the norm -> (mean, variance), each C."""
    return {
        name: layer.statistics
        for name, layer in module.named_modules()
        if isinstance(layer, PooledInstanceNorm) and layer.statistics is not None
    }


class PositionNorm(nn.Module):
    """Each position normalised over its channels, then weight and bias per channel (keys
    `weight`, `bias`, each C), eps 1e-5.

    BxCxHxW in and out. Nothing is taken from other positions, so a tile gives what the whole
    scan would (layer normalisation at every pixel: Ba et al. 2016; Li et al., NeurIPS 2019,
    without their moment shortcut).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, BxCxHxW."""
        # BxHxWxC and back: no copy where channels are innermost in memory already.
        inner = x.permute(0, 2, 3, 1)
        normed = functional.layer_norm(
            inner, (len(self.weight),), self.weight, self.bias, eps=_EPSILON
        )
        return normed.permute(0, 3, 1, 2)


def normalization(kind: Norm, channels: int) -> nn.Module:
    """A norm for `channels`: `instance` (published: no keys, statistics of the whole image),
    `position` (ours: keys weight and bias, independent of tiling) or `none`.

    Raises `ValueError` for another word.
    """
    if kind == "instance":
        return PooledInstanceNorm()
    if kind == "position":
        return PositionNorm(channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"norm {kind!r}: say instance, position or none")


class ResidualBlock(nn.Module):
    """x + [reflect-pad 1, conv 3x3 (key `conv_block.1`), norm (`.2`), ReLU, reflect-pad 1,
    conv 3x3 (`.5`), norm (`.6`)](x); BxCxHxW in and out, sides of 2 or more."""

    def __init__(self, channels: int, norm: Norm = "instance") -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3),
            normalization(norm, channels),
            nn.ReLU(inplace=True),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3),
            normalization(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to the same shape."""
        change: Tensor = self.conv_block(x)
        return x + change if torch.is_grad_enabled() else change.add_(x)
