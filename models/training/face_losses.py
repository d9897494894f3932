"""What tells whether a face is still the same one: measures of its eyes, its mouth, its skin."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from models.faces.align import TEMPLATE, TEMPLATE_SIDE

_SOFTNESS = 3.0 / TEMPLATE_SIDE  # standard deviation of the low-pass, of the side
_EYE = (40.0, 24.0)  # pixels of the template: width and height of a window
_MOUTH = (64.0, 36.0)
_MOUTH_BELOW = 26.0  # pixels of the template: the mouth's middle below the nose base
_LUMA = (0.299, 0.587, 0.114)


def windows(side: int) -> tuple[tuple[slice, slice], ...]:
    """Rows and columns of the left eye, the right eye and the mouth in a crop of `side`."""
    left, right, nose = TEMPLATE.tolist()
    mouth = [nose[0], nose[1] + _MOUTH_BELOW]
    share = side / TEMPLATE_SIDE
    places = []
    for (x, y), (width, height) in ((left, _EYE), (right, _EYE), (mouth, _MOUTH)):
        across, down = (
            slice(round((middle - size / 2) * share), round((middle + size / 2) * share))
            for middle, size in ((x, width), (y, height))
        )
        places.append((down, across))
    return tuple(places)


def kept(restored: Tensor, true: Tensor) -> Tensor:
    """Correlation of luminance in the windows of eyes and mouth, both low-passed: Bx3.

    `restored` and `true` are aligned faces Bx3xSxS of one range. 1: the same but for contrast
    and brightness. A window without contrast correlates with nothing: 0.
    """
    one, other = _soft(_luminance(restored)), _soft(_luminance(true))
    found = []
    for rows, columns in windows(true.shape[-1]):
        a, b = (
            plane[..., rows, columns].flatten(1)
            - plane[..., rows, columns].flatten(1).mean(1)[:, None]
            for plane in (one, other)
        )
        scale = (a.square().sum(1) + 1e-4) * (b.square().sum(1) + 1e-4)
        found.append((a * b).sum(1) / scale.sqrt())
    return torch.stack(found, dim=1)


def identity(restored: Tensor, true: Tensor) -> Tensor:
    """One less the mean of `kept`: the identity term, a scalar from 0 to 2."""
    return 1 - kept(restored, true).mean()


def texture(restored: Tensor, true: Tensor) -> Tensor:
    """By how many octaves `restored` has more fine detail than `true`: B.

    Mean absolute Laplacian of luminance; -1: half as much. Both Bx3xSxS of one range.
    """
    return (_detail(restored) / _detail(true)).log2()


def _detail(face: Tensor) -> Tensor:
    kernel = face.new_tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    found = functional.conv2d(_luminance(face), kernel)
    return found.abs().mean(dim=(1, 2, 3)).clamp_min(1e-4)


def _luminance(face: Tensor) -> Tensor:
    weights = torch.tensor(_LUMA, device=face.device).view(1, 3, 1, 1)
    return (face.float() * weights).sum(1, keepdim=True)


def _soft(plane: Tensor) -> Tensor:
    """Gaussian low-pass of Bx1xSxS, its deviation a fixed share of the side."""
    sigma = max(0.5, _SOFTNESS * plane.shape[-1])
    reach = math.ceil(3 * sigma)
    place = torch.arange(-reach, reach + 1, dtype=plane.dtype, device=plane.device)
    kernel = torch.exp(-(place / sigma).square() / 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(plane, (reach, reach, reach, reach), mode="reflect")
    down = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(down, kernel.view(1, 1, 1, -1))
