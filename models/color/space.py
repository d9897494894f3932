"""Luma and chroma: the colour space in which predicted colour joins a scan's own luminance.

Y' = 0.299 R' + 0.587 G' + 0.114 B' (ITU-R BT.601) on sRGB-coded values from 0 to 1, and
Cb = (B' - Y') / 1.772, Cr = (R' - Y') / 1.402 (the JPEG file interchange format, ITU-T T.871,
centred on 0), each from -0.5 to 0.5. Why this one and not CIELAB or linear light:

- the luma of a grey scan is its sample itself, and the networks' grey input is this luma;
- it is linear in the samples: scaling chroma towards zero never moves luma, so a colour outside
  the gamut is brought in along the straight line to its own grey, in closed form;
- what rounding to samples does to it can be undone by the sample of one channel (`colored`).
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Samples

Floats = NDArray[np.float32]

RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""BT.601 luma weights."""

_CB, _CR = 2 * (1 - BLUE), 2 * (1 - RED)
_TINY = 1e-9
_LOST = 1e-3  # a smaller share of chroma lost is rounding, not clipping


def luma(pixels: Samples) -> Floats:
    """Luma HxW float32 in [0, 1] of HxW or HxWx3 samples; of grey the value itself."""
    full = np.float32(np.iinfo(pixels.dtype).max)
    if pixels.ndim == 2:
        return pixels.astype(np.float32) / full
    values = np.float32(RED) * pixels[..., 0]
    values += np.float32(GREEN) * pixels[..., 1]
    values += np.float32(BLUE) * pixels[..., 2]
    return cast(Floats, values / full)


def chroma(rgb: Floats) -> Floats:
    """Cb and Cr, HxWx2 float32, of RGB HxWx3 in [0, 1]."""
    red, green, blue = (rgb[..., channel] for channel in range(3))
    own = RED * red + GREEN * green + BLUE * blue
    return np.stack([(blue - own) / _CB, (red - own) / _CR], axis=-1).astype(np.float32)


def rgb_of(luma: Floats, chroma: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """RGB HxWx3 in [0, 1] of luma HxW and chroma HxWx2, and where chroma had to be reduced.

    Reduced along the line to grey, as little as brings all channels into [0, 1]: hue (in this
    space) and luma stay. Reductions below 0.1 % of the chroma are not reported.
    """
    red, blue = _CR * chroma[..., 1], _CB * chroma[..., 0]
    green = -(RED * red + BLUE * blue) / GREEN
    up = np.maximum(np.maximum(red, green), blue)
    down = -np.minimum(np.minimum(red, green), blue)
    share = np.minimum((1 - luma) / np.maximum(up, _TINY), luma / np.maximum(down, _TINY))
    share = np.minimum(share, 1)
    channels = [luma + share * one for one in (red, green, blue)]
    rgb = np.stack(channels, axis=-1).astype(np.float32)
    return np.clip(rgb, 0, 1, out=rgb), share < 1 - _LOST


def colored(luma: Floats, chroma: Floats, dtype: np.dtype) -> tuple[Samples, NDArray[np.bool_]]:
    """Samples HxWx3 of `dtype` (uint8 or uint16) whose luma is `luma`, HxW in [0, 1], and where
    chroma (HxWx2) had to be reduced.

    Red and blue are rounded, green is then chosen for the luma: it is met to 0.3 of a sample's
    step (0.587 / 2, and float32), at any colour. So the rounded luma of a colourized grey scan
    is the scan, sample for sample.
    """
    full = float(np.iinfo(dtype).max)
    rgb, reduced = rgb_of(luma, chroma)
    rgb *= np.float32(full)
    red, blue = np.rint(rgb[..., 0]), np.rint(rgb[..., 2])
    green = (luma * np.float32(full) - RED * red - BLUE * blue) / GREEN
    made = np.empty(rgb.shape, dtype)
    made[..., 0], made[..., 2] = red, blue
    made[..., 1] = np.clip(np.rint(green), 0, full)
    return cast(Samples, made), reduced


def to_ab(luma: Floats, chroma: Floats) -> Floats:
    """a* and b* (CIELAB, D65), HxWx2 float32, of luma HxW and chroma HxWx2."""
    rgb, _ = rgb_of(luma, chroma)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    return cast(Floats, lab[..., 1:])


def from_ab(luma: Floats, ab: Floats) -> Floats:
    """Chroma HxWx2 of a* and b* HxWx2, for a network that answers in CIELAB.

    L* is taken from the grey of value `luma`, HxW in [0, 1]. Colours outside sRGB are clipped
    channel by channel, as the conversion does.
    """
    grey = np.repeat(luma[..., None], 3, axis=-1)
    lab = cv2.cvtColor(grey, cv2.COLOR_RGB2Lab)
    lab[..., 1:] = ab
    rgb = cast(Floats, cv2.cvtColor(lab, cv2.COLOR_Lab2RGB))
    return chroma(np.clip(rgb, 0, 1))
