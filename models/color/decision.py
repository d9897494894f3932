"""Is a photograph monochrome, toned or in colour? Decided from its pixels, never its mode.

A monochrome or toned print, whatever the paper, the fading or the scanner did to it, has one
colour for every luminance: its chroma follows a curve (a*(L*), b*(L*)) in CIELAB. A photograph
in colour shows different colours at the same luminance. So the decision rests on the share of
pixels that lie off the picture's own curve. A stamp, a signature or an inventory number in
coloured ink stays below that share, stains and uneven yellowing below that distance.

Calibrated on 2,452 colour photographs (99.8 % above the share, 98 to 99 % still when faded or
half desaturated) and 276 monochrome and toned ones (96 % below it): the error that colours a
colour photograph anew is worse than the one that leaves a print alone. What remains is colour
that is a function of luminance (blue sky with white cloud and nothing else), which no
measurement of the pixels tells from a toned print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Samples, Tone
from models.pixels import reduced, unit

COLOR_SHARE = 0.05
"""Share of pixels off the curve from which on a photograph is in colour."""

TONED_CHROMA = 4.0
"""Median CIELAB chroma of the curve from which on a photograph without colour is toned."""

_LONG_EDGE = 160  # of the copy: averages grain, half-tone screens and JPEG blocks away
_OFF_CURVE = 5.0  # CIELAB units, for a picture of full tonal range
_FULL_RANGE = 80.0  # L* between the darkest and the lightest 2 %
_FADED = 0.5  # a faded picture's distances shrink with its range, but not below noise
_BINS = 20
_CLIPPED = (3.0, 96.0)  # L* beyond which chroma is lost or is the sheet around a vignette
_FEWEST = 200  # pixels that support a decision


@dataclass(frozen=True, slots=True)
class ToneDecision:
    """The tone and the figures it was decided from, by name."""

    tone: Tone
    measures: dict[str, float]


def decide(pixels: Samples) -> ToneDecision:
    """Decide the tone of `pixels`, HxW or HxWx3 uint8 or uint16: the photograph area only.

    Measures: `off_curve` (share of pixels off the curve, 0 to 1), `off_distance` (CIELAB
    distance counted as off), `chroma` (median CIELAB chroma of the curve), `residual_p95`
    (95th percentile distance from the curve), `hue_spread` (residual along the minor axis
    over the major one, 0 to 1), `explained` (share of the chroma's variance that the curve
    explains, 0 to 1), `range` (L* from the 2nd to the 98th percentile).
    """
    if pixels.ndim == 2:
        return ToneDecision("monochrome", {"off_curve": 0.0, "chroma": 0.0})
    lab = to_lab(reduced(pixels, _LONG_EDGE)).reshape(-1, 3)
    lightness, ab = lab[:, 0], lab[:, 1:]
    usable = (lightness > _CLIPPED[0]) & (lightness < _CLIPPED[1])
    if usable.sum() >= _FEWEST:
        lightness, ab = lightness[usable], ab[usable]
    low, high = np.percentile(lightness, (2, 98))
    curve = _curve(lightness, ab)
    residual = ab - curve
    distance = np.hypot(residual[:, 0], residual[:, 1])
    limit = _OFF_CURVE * float(np.clip((high - low) / _FULL_RANGE, _FADED, 1.0))
    chroma = float(np.median(np.hypot(curve[:, 0], curve[:, 1])))
    off_curve = float((distance > limit).mean())
    tone: Tone = "monochrome"
    if off_curve >= COLOR_SHARE:
        tone = "color"
    elif chroma >= TONED_CHROMA:
        tone = "toned"
    return ToneDecision(
        tone,
        {
            "off_curve": off_curve,
            "off_distance": limit,
            "chroma": chroma,
            "residual_p95": float(np.percentile(distance, 95)),
            "hue_spread": _hue_spread(residual),
            "explained": _explained(ab, residual),
            "range": float(high - low),
        },
    )


def colorfulness(pixels: Samples) -> float:
    """Colourfulness M3 of Hasler and Suesstrunk 2003 (eq. 11), in 8-bit levels; 0 for grey."""
    if pixels.ndim == 2:
        return 0.0
    red, green, blue = np.moveaxis(pixels.astype(np.float32) / unit(pixels), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    spread = float(np.hypot(rg.std(), yb.std()))
    return spread + 0.3 * float(np.hypot(rg.mean(), yb.mean()))


def cast_of(pixels: Samples) -> tuple[float, float]:
    """Mean a* and b* (CIELAB, D65); (0, 0) for grey."""
    if pixels.ndim == 2:
        return 0.0, 0.0
    mean = to_lab(pixels).reshape(-1, 3).mean(axis=0)
    return float(mean[1]), float(mean[2])


def to_lab(pixels: Samples) -> NDArray[np.float32]:
    """CIELAB (D65) HxWx3 float32 of sRGB samples HxWx3: L* 0 to 100, a* and b* about -128 to 127.

    Samples with R=G=B have a* = b* = 0 to within rounding.
    """
    values = pixels.astype(np.float32) / (255 * unit(pixels))
    return cast(NDArray[np.float32], cv2.cvtColor(values, cv2.COLOR_RGB2Lab))


def _curve(lightness: NDArray[np.float32], ab: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture's own colour at each pixel's luminance: medians of equal shares, joined."""
    bins = np.array_split(np.argsort(lightness, kind="stable"), min(_BINS, len(lightness)))
    centres = np.array([lightness[members].mean() for members in bins])
    medians = np.array([np.median(ab[members], axis=0) for members in bins])
    columns = [np.interp(lightness, centres, medians[:, axis]) for axis in (0, 1)]
    return np.stack(columns, axis=1).astype(np.float32)


def _hue_spread(residual: NDArray[np.float32]) -> float:
    if len(residual) < 3:
        return 0.0
    minor, major = np.linalg.eigvalsh(np.cov(residual.T.astype(np.float64)))
    return float(np.sqrt(max(minor, 0.0) / major)) if major > 1e-6 else 0.0


def _explained(ab: NDArray[np.float32], residual: NDArray[np.float32]) -> float:
    total = float(ab.var(axis=0).sum())
    return 1.0 - min(1.0, float(residual.var(axis=0).sum()) / total) if total > 1e-6 else 1.0
