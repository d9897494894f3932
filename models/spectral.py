"""Spectral normalisation (Miyato et al., ICLR 2018) in the published keys, folded for use."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_TINY = 1e-12
_FIRST_STEPS = 3  # training goes on from there


class SpectralConv(nn.Module):
    """A convolution whose weight is divided by its largest singular value sigma.

    Bx`inside`xHxW to Bx`outside`xHxW, stride 1, borders of zeros. Keys: `bias` (where there is
    one), `weight_orig`, `weight_u`, `weight_v`; sigma = u . (W v) with W the weight as
    `outside` rows. `flat`: a 1x1 convolution whose weight is kept as `outside` x `inside` x 1,
    as published code keeps that of a convolution over a sequence.

    The singular vectors are buffers: one step of the power iteration brings them on at every
    training pass, none in eval mode. So in eval mode sigma is a constant of the weights, and
    `fold` can divide by it once.
    """

    def __init__(
        self, inside: int, outside: int, kernel: int, bias: bool = True, flat: bool = False
    ) -> None:
        super().__init__()
        self.padding = kernel // 2
        self.folded = False
        """Whether `weight_orig` is divided by sigma already (sigma is then 1)."""
        self.bias = nn.Parameter(torch.zeros(outside)) if bias else None
        window = (kernel,) if flat else (kernel, kernel)
        self.weight_orig = nn.Parameter(torch.empty(outside, inside, *window))
        nn.init.kaiming_uniform_(self.weight_orig, a=math.sqrt(5))
        self.weight_u: Tensor
        self.weight_v: Tensor
        self.register_buffer("weight_u", functional.normalize(torch.randn(outside), dim=0))
        self.register_buffer("weight_v", torch.zeros(inside * kernel ** len(window)))
        if not self.weight_orig.is_meta:
            self._iterate(_FIRST_STEPS)

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW convolved by the normalised weight."""
        weight = self.weight()
        if weight.ndim == 3:
            weight = weight[..., None]
        return functional.conv2d(x, weight, self.bias, padding=self.padding)

    def weight(self) -> Tensor:
        """The normalised weight, in the shape of `weight_orig`, float32 whatever the autocast."""
        if self.folded and not self.training:
            return self.weight_orig
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            if self.training:
                self._iterate(1)
                self.folded = False
            return self.weight_orig / self._sigma()

    @torch.no_grad()
    def fold(self) -> None:
        """Divide the weight by sigma in place, for use in eval mode.

        Exact: what is convolved is the quotient that would have been made at every pass anyhow,
        and keys and shapes stay as they were (of the new weight sigma is 1). Training goes on
        from a folded layer as from any other.
        """
        if not self.folded:
            self.weight_orig.div_(self._sigma())
            self.folded = True

    def _sigma(self) -> Tensor:
        # Copies: the iteration changes the vectors in place, which a backward pass still needs.
        u, v = self.weight_u.clone(), self.weight_v.clone()
        return u @ (self.weight_orig.flatten(1) @ v)

    @torch.no_grad()
    def _iterate(self, steps: int) -> None:
        matrix = self.weight_orig.flatten(1)
        for _ in range(steps):
            self.weight_v.copy_(functional.normalize(matrix.T @ self.weight_u, dim=0, eps=_TINY))
            self.weight_u.copy_(functional.normalize(matrix @ self.weight_v, dim=0, eps=_TINY))

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self.folded = False  # whatever is loaded has a sigma of its own
        super()._load_from_state_dict(*args, **kwargs)


def fold_spectral(module: nn.Module) -> None:
    """`SpectralConv.fold` of every such layer of `module`; for eval mode, after loading."""
    for layer in module.modules():
        if isinstance(layer, SpectralConv):
            layer.fold()
