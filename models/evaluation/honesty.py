"""Honest enhancements of an aligned portrait, to measure the identity guard on.

They sharpen, deblur and denoise what the scan shows, give back the very portrait a degraded scan
was made from (the best any network could do), or are a network's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Crop = NDArray[np.float32]

SIDE = 256
HONEST = ("sharpened", "denoised", "deblurred", "restored", "enhanced")
"""The last is a network's own, there only where one is given."""

_UNTOUCHED = 0.25  # of the network's scans: a sharp face must get through as well


@dataclass(frozen=True, slots=True)
class Pair:
    """Crops SxSx3 float32 in [0, 1], S 256 but for `enhanced`: of the scan and of the enhancer;
    `kind` one of `TAMPERED` (`models.evaluation.tampering`) or `HONEST`."""

    kind: str
    before: Crop
    after: Crop


Enhance = Callable[[Crop], tuple[Crop, Crop]]
"""From a scan's crop 256x256x3 to the two crops that the stage would show the guard."""


def honest(
    kind: str, portrait: Crop, random: np.random.Generator, enhance: Enhance | None = None
) -> Pair:
    """A pair whose enhancement shows what the scan shows; `enhanced` asks `enhance`.

    `portrait` 256x256x3. Raises `ValueError` for an unknown kind, and for `enhanced` without
    a network.
    """
    if kind == "sharpened":
        return Pair(kind, portrait, sharpened(portrait, float(random.uniform(0.3, 1.2))))
    if kind == "denoised":
        noise = random.normal(0, random.uniform(0.01, 0.04), portrait.shape[:2])
        before = clipped(portrait + noise[..., None])
        levels = np.rint(255 * before).astype(np.uint8)
        strength = float(random.uniform(2, 5))
        quiet = cv2.fastNlMeansDenoisingColored(levels, None, strength, strength, 5, 15)
        return Pair(kind, before, (quiet / 255).astype(np.float32))
    if kind == "deblurred":
        before = blurred(portrait, float(random.uniform(0.8, 2.0)))
        return Pair(kind, before, sharpened(before, float(random.uniform(0.8, 2.0)), 2.0))
    if kind == "restored":
        return Pair(kind, degraded(portrait, random), portrait)
    if kind == "enhanced" and enhance is not None:
        scan = portrait if random.random() < _UNTOUCHED else degraded(portrait, random)
        return Pair(kind, *enhance(scan))
    raise ValueError(f"no honest enhancement {kind!r}; there are {', '.join(HONEST)}")


def degraded(portrait: Crop, random: np.random.Generator) -> Crop:
    """The portrait as a scan may show it: smaller, blurred, noisy, faded, a JPEG."""
    small = round(SIDE / random.uniform(1.0, 3.0))
    reduced = cv2.resize(portrait, (small, small), interpolation=cv2.INTER_AREA)
    enlarged = cast(Crop, cv2.resize(reduced, (SIDE, SIDE)))
    soft = blurred(enlarged, float(random.uniform(0.3, 1.5)))
    white = random.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    grain = blurred(white, float(random.uniform(0.4, 1.0)))
    grainy = soft + (random.uniform(0.0, 0.04) * grain / np.std(grain))[..., None]
    fading = random.uniform(0.6, 1.0)
    image = clipped(grainy * fading + random.uniform(0, 1 - fading))
    levels = np.rint(255 * image).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(50, 95))]
    _, data = cv2.imencode(".jpg", levels, quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return (decoded / 255).astype(np.float32)


def sharpened(crop: Crop, amount: float, sigma: float = 1.5) -> Crop:
    """Unsharp masking."""
    return clipped(crop + amount * (crop - blurred(crop, sigma)))


def blurred(crop: Crop, sigma: float) -> Crop:
    """A Gaussian of `sigma` pixels."""
    soft = cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return cast(Crop, np.asarray(soft, np.float32))


def clipped(values: NDArray[Any]) -> Crop:
    """Float32 from 0 to 1."""
    return cast(Crop, np.clip(values, 0, 1).astype(np.float32))
