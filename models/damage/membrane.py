"""Makes what a network drew in a hole meet the scan around it: tone first, then no seam.

A network that also takes off fading or noise draws a hole in a tone that is not the scan's.
What it would have to be changed by is known around the hole (the scan less the network's
output) and is carried into it as a smooth membrane (Perez et al., "Poisson image editing",
SIGGRAPH 2003, in the equivalent form of Farbman et al., SIGGRAPH 2009), here by push and pull
over a pyramid (Gortler et al., SIGGRAPH 1996): linear time, any shape of hole.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_CALM = 33
"""Side of the window the differences are averaged over first: tone is wide. Narrower windows
carry the network's own mistakes beside a hole into it (measured on calibration photographs:
a window of 9 costs 0.5 dB of the filling, this one 0.1)."""


def toned(drawn: Tensor, scan: Tensor, unknown: Tensor) -> Tensor:
    """`drawn` BxCxHxW, changed smoothly to the tone of `scan` BxCxHxW.

    `unknown` is Bx1xHxW, 1 where the scan's samples mean nothing, else 0. Where everything is
    unknown `drawn` comes back as it is. Float32; equal channels stay equal.
    """
    known = 1 - unknown
    calm = _mean(known)
    difference = _mean((scan - drawn) * known) / calm.clamp_min(1e-6)
    # Averages reach a few pixels into the hole; there they count as known.
    return drawn + _spread(difference, (calm > 1e-4).to(drawn.dtype))


def _mean(x: Tensor) -> Tensor:
    half = _CALM // 2
    down = functional.avg_pool2d(x, (_CALM, 1), 1, (half, 0), count_include_pad=False)
    return functional.avg_pool2d(down, (1, _CALM), 1, (0, half), count_include_pad=False)


def _spread(values: Tensor, weight: Tensor) -> Tensor:
    """`values` where `weight` (0 to 1) is 1, a smooth surface through them elsewhere."""
    height, width = values.shape[2:]
    if max(height, width) == 1:
        return values * weight
    odd = (0, width % 2, 0, height % 2)
    padded, mass = functional.pad(values * weight, odd), functional.pad(weight, odd)
    below = functional.avg_pool2d(mass, 2)
    coarse = functional.avg_pool2d(padded, 2) / below.clamp_min(1e-6)
    carried = _spread(coarse, (4 * below).clamp_max(1))
    size = (padded.shape[2], padded.shape[3])
    up = functional.interpolate(carried, size, mode="bilinear", align_corners=False)
    up = up[:, :, :height, :width]
    return torch.lerp(up, values, weight)
