"""The direct face network: degraded crop in, enhanced crop out, adding to its input.

The alternative to a SPADE generator of the same size, to be measured against it. What it knows
beside the picture is where in the aligned crop it looks: eyes and mouths have their places.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.damage.trunk import HalfUNet
from models.layers import check_shape


class DirectFaceNet(HalfUNet):
    """Bx3xHxW in [-1, 1], an aligned crop with sides multiples of 8, to the same shape and about
    the same range, not clipped.

    The layout of `models.damage.trunk.HalfUNet` with five planes in: the picture, and x and y
    from -1 to 1 over the crop. `width` channels at half the resolution, four times as many at an
    eighth, with `blocks` residual blocks dilated 1, 2, 4 in turn, which see the whole face.
    `side` is the crop that the weights were trained for, in pixels; it decides no shape.
    Untrained it changes nothing.
    """

    def __init__(self, width: int = 48, blocks: int = 6, side: int = 256) -> None:
        super().__init__(5, 3, width, blocks, dilations=(1, 2, 4))
        self.side = side

    def forward(self, face: Tensor) -> Tensor:
        """Bx3xHxW in [-1, 1]. Raises `BadNetworkInput` for another shape."""
        check_shape(face, 3, self.multiple, what="face for the direct network", least=64)
        places = torch.cat([face, _places(face)], dim=1)
        change = self.mapped(places)
        return face + change


def _places(face: Tensor) -> Tensor:
    """x and y of every pixel of `face` Bx3xHxW, Bx2xHxW from -1 to 1."""
    height, width = face.shape[2:]
    down = torch.linspace(-1, 1, height, dtype=face.dtype, device=face.device)
    across = torch.linspace(-1, 1, width, dtype=face.dtype, device=face.device)
    places = torch.stack(torch.meshgrid(across, down, indexing="xy"))
    return places.expand(len(face), -1, -1, -1)
