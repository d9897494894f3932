"""DeOldify's own way with a picture, step by step, and ours of bringing one to its networks.

The published recipe squeezes every picture to a square of 16 times the render factor, which
turns panoramas green; it is here to compare with. `canvas` pads instead, and keeps the shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

RENDER_FACTOR = 35
"""That of the published picture colorizers; the video one takes 21."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)
_UNIT = 16  # pixels of side per render factor
_LONGEST = 4  # times its shorter side, from which on a picture gets no longer and no finer
_LEAST = 32


def normalized(picture: Floats) -> Tensor:
    """HxW or HxWx3 in [0, 1] to 1x3xHxW as networks trained on ImageNet take it."""
    colors = np.broadcast_to(picture[..., None] if picture.ndim == 2 else picture, _rgb(picture))
    planes = np.ascontiguousarray(((colors - _MEAN) / _DEVIATION).transpose(2, 0, 1))
    return torch.from_numpy(planes)[None]


def denormalized(planes: Tensor) -> Floats:
    """1x3xHxW of a network to HxWx3, clipped to [0, 1]."""
    values = planes[0].float().cpu().numpy().transpose(1, 2, 0)
    return cast(Floats, np.clip(values * _DEVIATION + _MEAN, 0.0, 1.0))


def squeezed(picture: Bytes, render_factor: int = RENDER_FACTOR) -> Bytes:
    """`picture` HxWx3 as the published network sees it: stretched to a square SxSx3, S = 16
    `render_factor`, and then made grey (luma of BT.601, three times)."""
    side = _UNIT * render_factor
    square = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(square.convert("L").convert("RGB"))


def drawn(network: nn.Module, grey: Bytes) -> Bytes:
    """What a published network makes of `grey` HxWx3: HxWx3, fractions cut off as published."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        made = network(normalized(grey.astype(np.float32) / np.float32(255)).to(device))
    return (denormalized(made) * 255).astype(np.uint8)


def unsqueezed(square: Bytes, picture: Bytes) -> Bytes:
    """The network's picture at the size of `picture`."""
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(Image.fromarray(square).resize(size, Image.Resampling.BILINEAR))


def with_luma_of(picture: Bytes, color: Bytes) -> Bytes:
    """Chroma of `color` with the luma (BT.601, full range, 8 bits) of `picture`; HxWx3 each."""
    joined = cv2.cvtColor(color, cv2.COLOR_RGB2YUV)
    joined[..., 0] = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV)[..., 0]
    return cast(Bytes, cv2.cvtColor(joined, cv2.COLOR_YUV2RGB))


def colorized(network: nn.Module, picture: Bytes, render_factor: int = RENDER_FACTOR) -> Bytes:
    """The whole published recipe for `picture` HxWx3, but for the watermark."""
    square = drawn(network, squeezed(picture, render_factor))
    return with_luma_of(picture, unsqueezed(square, picture))


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a picture lies on what a network is given, in pixels: `width` x `height` of picture
    at (`left`, `top`) of `across` x `down`."""

    width: int
    height: int
    left: int
    top: int
    across: int
    down: int


def canvas(width: int, height: int, render_factor: int, multiple: int = 32) -> Canvas:
    """The working size of a scan of `width` x `height` pixels: as many pixels as the published
    square of `render_factor` has, in the scan's own proportions, in a frame of multiples.

    The network's time is that of `render_factor` whatever the scan's size. Beyond 1 to 4 the
    long side keeps its length, so that a strip is not drawn finer than its network has seen.
    """
    side = _UNIT * render_factor
    ratio = max(width, height) / min(width, height)
    long_side = side * math.sqrt(min(ratio, _LONGEST))
    short_side = long_side / ratio
    size = (long_side, short_side) if width >= height else (short_side, long_side)
    inner = [max(1, round(length)) for length in size]
    outer = [max(_LEAST, -(-length // multiple) * multiple) for length in inner]
    left, top = ((frame - length) // 2 for frame, length in zip(outer, inner, strict=True))
    return Canvas(inner[0], inner[1], left, top, outer[0], outer[1])


def laid(grey: Floats, place: Canvas) -> Floats:
    """`grey` HxW in [0, 1] scaled to its place, its margins mirrored: `down` x `across`."""
    shrinks = grey.shape[0] * grey.shape[1] > place.width * place.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    scaled = cv2.resize(grey, (place.width, place.height), interpolation=how)
    border = (
        place.top,
        place.down - place.height - place.top,
        place.left,
        place.across - place.width - place.left,
    )
    framed = cv2.copyMakeBorder(np.clip(scaled, 0, 1), *border, cv2.BORDER_REFLECT)
    return cast(Floats, framed)


def lifted(planes: Floats, place: Canvas) -> Floats:
    """The picture's own part of `down` x `across` (x C), at working size."""
    return planes[place.top : place.top + place.height, place.left : place.left + place.width]


def _rgb(picture: Floats) -> tuple[int, int, int]:
    return picture.shape[0], picture.shape[1], 3
