"""Is a photograph monochrome, toned or in colour? Decided from its pixels, never its mode.

A monochrome or toned print, whatever the paper, the fading or the scanner did to it, has one
colour for every luminance: its chroma follows a curve (a*(L*), b*(L*)) in CIELAB, but for what
changes slowly over the sheet (uneven yellowing, the scanner's light), which is taken away. A
photograph in colour shows different colours at the same luminance and place. So the decision
rests on the share of places that lie off the picture's own curve, where a place is a pixel's
neighbourhood: colour fringes of a scanner, half-tone screens, JPEG blocks and grain lie off it
too, but to all sides, and their mean does not. A stamp, a signature, painted cheeks stay below
that share, stains below that distance. A brown or yellowed print whose parts aged differently (an
oval, a half in the light) leaves its curve too, but only towards stronger or weaker tone: where
almost nothing lies across such a tone's hue, what lies along it counts for less. Warm things in
colour differ in hue as well and keep the full distance, as does blue, which is no tone of paper.

Calibrated, against one distance to all sides: of 3,186 photographs in colour 5 lie below the share
(5, the same) and of 263 monochrome and toned prints 2 above it (4); of 790 prints made from
photographs and aged hard (uneven toning, stains, stamps, mounts, silver mirrors) 16 % (21 %), of
395 faded, cast or hand-tinted colour ones 3.8 % below (the same). The error that colours a colour
photograph anew is worse than the one that leaves a print alone. What remains is colour that is a
function of luminance (blue sky with white cloud and nothing else), which no measurement of the
pixels tells from a toned print, one coloured thing in a grey studio, which is as large as a stamp,
and prints whose parts aged to different hues. `models.evaluation.decision` measures it on labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Samples, Tone
from models.pixels import reduced, unit

COLOR_SHARE = 0.036
"""Share of places off the curve from which on a photograph is in colour."""

TONED_CHROMA = 4.0
"""Median CIELAB chroma of the curve from which on a photograph without colour is toned."""

_LONG_EDGE = 160  # of the copy: averages grain, half-tone screens and JPEG blocks away
_NEIGHBOURS = 2.0  # pixels of the copy, Gaussian: fringes, screens, dust and grain cancel out
_OFF_CURVE = 4.0  # CIELAB units, for a picture of full tonal range
_OFF_TONE = 0.1  # and for each unit of the tone's own chroma within
_STRONG_TONE = (20.0, 35.0)  # CIELAB chroma: a cyanotype wavers more than a grey print
_FULL_RANGE = 80.0  # L* between the darkest and the lightest 2 %
_FADED = 0.5  # a faded picture's distances shrink with its range, but not below noise
_ALONG = 0.3  # what a distance along the hue of a brown print counts, one across it being 1
_BROWN = (50.0, 100.0, 10.0)  # degrees of CIELAB hue, first to last, and over how many it ends
_TONED = (TONED_CHROMA, 2 * TONED_CHROMA)  # CIELAB chroma: grey has no hue to lie along
_ACROSS = (0.6, 0.9)  # CIELAB, root mean square: 32 of 35 such prints lie below, 1 of 309 in colour
_BINS = 20
_CLIPPED = (3.0, 96.0)  # L* beyond which chroma is lost or is the sheet around a vignette
_FEWEST = 200  # pixels that support a decision
_ROUNDS = 3  # curve and slow change are found in turn
_NEAR = 2.0  # CIELAB units from curve and slow change: further off counts less in finding them


@dataclass(frozen=True, slots=True)
class ToneDecision:
    """The tone and the figures it was decided from, by name."""

    tone: Tone
    measures: dict[str, float]


def decide(pixels: Samples) -> ToneDecision:
    """Decide the tone of `pixels`, HxW or HxWx3 uint8 or uint16: the photograph area only.

    Measures: `off_curve` (share of places off the curve and the sheet's slow change, 0 to 1),
    `along_weight` (what a distance along the tone's hue counted in it, 0.3 to 1),
    `off_distance` (CIELAB distance counted as off), `chroma` (median CIELAB chroma of the
    curve), `unevenness` (root mean square of the slow change, CIELAB), `residual_p95` (95th
    percentile of the places' distance), `hue_spread` (residual along the minor axis over the
    major one, 0 to 1), `explained` (share of the chroma's variance that both explain, 0 to 1),
    `range` (L* from the 2nd to the 98th percentile).
    """
    if pixels.ndim == 2:
        return ToneDecision("monochrome", {"off_curve": 0.0, "chroma": 0.0})
    measures = _measures(to_lab(reduced(pixels, _LONG_EDGE)))
    tone: Tone = "monochrome"
    if measures["off_curve"] >= COLOR_SHARE:
        tone = "color"
    elif measures["chroma"] >= TONED_CHROMA:
        tone = "toned"
    return ToneDecision(tone, measures)


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


def _measures(copy: NDArray[np.float32]) -> dict[str, float]:
    """The figures of `decide`, from CIELAB HxWx3 of a reduced copy."""
    usable = (copy[..., 0] > _CLIPPED[0]) & (copy[..., 0] < _CLIPPED[1])
    if usable.sum() < _FEWEST:
        usable = np.ones(copy.shape[:2], bool)
    lightness, ab = copy[usable][:, 0], copy[usable][:, 1:]
    low, high = np.percentile(lightness, (2, 98))
    curve, change = _curve_and_change(lightness, ab, _slow_terms(*copy.shape[:2])[usable.ravel()])
    residual = ab - curve - change
    off = _averaged(residual, usable)
    chroma = float(np.median(np.hypot(curve[:, 0], curve[:, 1])))
    tone = curve.mean(axis=0)
    along, across = _turned(off, tone)
    weight = 1 - (1 - _ALONG) * _like_brown_print(tone, chroma, across)
    limit = _OFF_CURVE * float(np.clip((high - low) / _FULL_RANGE, _FADED, 1.0))
    limit += _OFF_TONE * (float(np.clip(chroma, *_STRONG_TONE)) - _STRONG_TONE[0])
    return {
        "off_curve": float((np.hypot(weight * along, across) > limit).mean()),
        "along_weight": weight,
        "off_distance": limit,
        "chroma": chroma,
        "unevenness": float(np.sqrt((change**2).sum(axis=1).mean())),
        "residual_p95": float(np.percentile(np.hypot(along, across), 95)),
        "hue_spread": _hue_spread(residual),
        "explained": _explained(ab, residual),
        "range": float(high - low),
    }


def _averaged(residual: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`residual` of the usable pixels, averaged over their neighbours that are usable."""
    sums = np.zeros((*usable.shape, 3), np.float32)
    sums[usable, :2] = residual
    sums[usable, 2] = 1.0
    sums = cv2.GaussianBlur(sums, (0, 0), _NEIGHBOURS)
    return cast(NDArray[np.float32], (sums[..., :2] / np.maximum(sums[..., 2:], 1e-6))[usable])


def _turned(
    off: NDArray[np.float32], tone: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far the places `off`, Nx2, lie along the hue of `tone` (a*, b*), and how far across."""
    a, b = tone / max(float(np.hypot(*tone)), 1e-6)
    return off[:, 0] * a + off[:, 1] * b, off[:, 1] * a - off[:, 0] * b


def _like_brown_print(
    tone: NDArray[np.float32], chroma: float, across: NDArray[np.float32]
) -> float:
    """0 to 1: the hue is one of sepia and old paper, and the places keep to it."""
    hue = float(np.degrees(np.arctan2(tone[1], tone[0])))
    first, last, soft = _BROWN
    brown = np.clip(1 + min(hue - first, last - hue) / soft, 0, 1)
    toned = _rise(chroma, _TONED) - _rise(chroma, _STRONG_TONE)
    return float(brown * toned * (1 - _rise(float(np.sqrt((across**2).mean())), _ACROSS)))


def _rise(value: float, over: tuple[float, float]) -> float:
    """0 below `over`, 1 above it, straight between."""
    return float(np.clip((value - over[0]) / (over[1] - over[0]), 0, 1))


def _slow_terms(height: int, width: int) -> NDArray[np.float32]:
    """Powers of place up to the second, one row a pixel, each of mean zero."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = [across, down, across * across, down * down, across * down]
    columns = np.stack([term.ravel() for term in terms], axis=1)
    return cast(NDArray[np.float32], columns - columns.mean(axis=0))


def _curve_and_change(
    lightness: NDArray[np.float32], ab: NDArray[np.float32], slow: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture's curve and its slow change over the sheet, each at every pixel."""
    change = np.zeros_like(ab)
    curve = _curve(lightness, ab)
    terms = np.column_stack([np.ones(len(slow), np.float32), slow])
    for _ in range(_ROUNDS if len(ab) >= _FEWEST else 0):
        off = np.hypot(*(ab - curve - change).T)
        weighted = terms / np.maximum(off, _NEAR)[:, None]
        # Least absolute distances, by least squares: what is far off pulls no more for it.
        found = np.linalg.lstsq(weighted.T @ terms, weighted.T @ (ab - curve), rcond=None)[0]
        change = (slow @ found[1:]).astype(np.float32)
        curve = _curve(lightness, ab - change)
    return curve, change


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
