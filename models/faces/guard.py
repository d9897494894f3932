"""The identity guard: is the enhanced face still the one in the scan?

dlib's descriptor does not see what matters: moved irises and an erased mouth change it no more
than a JPEG or honest deblurring do (DESIGN 6, measured). What sees it: an honest enhancement,
blurred as the scan is blurred, is the scan again, in each eye and in the mouth. The descriptor
is asked for swaps alone, and only its distance leaves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import BadStageInput
from models.faces.texture import SIDE, texture_kept

Crop = NDArray[np.float32]
Plane = NDArray[np.float32]
Distance = Callable[[Crop, Crop], float]

EYE_LEFT, EYE_RIGHT, MOUTH = (91.0, 112.0), (165.0, 112.0), (128.0, 196.0)
"""Middles of the windows in a crop of 256. dlib's five points have no mouth: it lies half an
eye distance below the nose base, give or take a tenth."""

_EYE_SPREAD, _MOUTH_SPREAD = (13.0, 9.0), (24.0, 13.0)  # Gaussian weights, pixels of 256
_QUIET = 1.5  # pixels: both crops are smoothed by this first, against grain
_BLURS = (0.0, 1.0, 1.5, 2.0, 2.8, 4.0, 5.6)
_FACE = slice(72, 224), slice(64, 192)  # rows and columns the blur is fitted on
_REACH = 6  # pixels of 256 a window is searched for around its place
_FLAT = 1e-5  # variance (full scale 1) from which down a window holds nothing to compare


@dataclass(frozen=True, slots=True)
class Limits:
    """Least scores that pass; distances above `distance` are another person's face.

    Chosen by `albumen evaluate faces --calibrate` on portraits of the training split, 200 pairs
    of each sort, the embedded network's own among the honest: 97.0 % of the tampered stopped,
    1.0 % of the honest. What passes is skin smoothed a little.
    """

    eye: float = 0.95
    mouth: float = 0.96
    texture: float = 0.8
    distance: float = 0.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard found. Correlations from -1 to 1 (nan where there was nothing to compare),
    `texture` 1 where it was kept, `distance` None where it was not asked for; `reason` is empty
    for a face that passed."""

    eye_left: float
    eye_right: float
    mouth: float
    texture: float
    distance: float | None
    passed: bool
    reason: str

    @property
    def correlations(self) -> tuple[float, float, float]:
        """Left eye, right eye, mouth, as the manifest keeps them."""
        return self.eye_left, self.eye_right, self.mouth


LIMITS = Limits()


def check(
    before: Crop, after: Crop, limits: Limits = LIMITS, distance: Distance | None = None
) -> Verdict:
    """Whether `after` is an enhancement of `before` and not another face.

    Aligned crops SxSx3 or SxSx1 float32 in [0, 1], S at least 64, at the strength they are
    meant to be blended. `distance` (`models.faces.descriptor`) is asked only where it is given.
    Raises `BadStageInput` for crops of other or different shapes.
    """
    first, second = _planes(before, after)
    scores = correlations(first, second)
    texture = texture_kept(first, second)
    apart = None if distance is None else distance(before, after)
    bounds = (limits.eye, limits.eye, limits.mouth)
    reasons = [
        f"{name} changed ({score:.2f}, at least {least:.2f})"
        for name, score, least in zip(
            ("left eye", "right eye", "mouth"), scores, bounds, strict=True
        )
        if score < least  # nan is not: nothing to compare
    ]
    if texture < limits.texture:
        reasons.append(f"skin smoothed ({texture:.2f}, at least {limits.texture:.2f})")
    if apart is not None and apart > limits.distance:
        reasons.append(f"another face ({apart:.2f}, at most {limits.distance:.2f})")
    return Verdict(*scores, texture, apart, not reasons, "; ".join(reasons))


def correlations(before: Plane, after: Plane) -> tuple[float, float, float]:
    """Scores of left eye, right eye and mouth of luminance planes 256x256, from -1 to 1.

    Each is the weighted correlation in the window, less what a shift of up to 6 pixels would
    better it by: a moved iris stays similar to itself, but not in its place.
    """
    quiet = _smoothed(before, _QUIET)
    alike = max(
        (_smoothed(after, math.hypot(_QUIET, blur)) for blur in _BLURS),
        key=lambda plane: _correlation(quiet[_FACE], plane[_FACE], None),
    )
    windows = ((EYE_LEFT, _EYE_SPREAD), (EYE_RIGHT, _EYE_SPREAD), (MOUTH, _MOUTH_SPREAD))
    left, right, mouth = (_score(quiet, alike, middle, spread) for middle, spread in windows)
    return left, right, mouth


def _score(
    before: Plane, after: Plane, middle: tuple[float, float], spread: tuple[float, float]
) -> float:
    x, y = round(middle[0]), round(middle[1])
    across, down = round(1.8 * spread[0]), round(1.8 * spread[1])
    columns, rows = np.arange(-across, across + 1), np.arange(-down, down + 1)
    weight = np.exp(-0.5 * ((columns / spread[0]) ** 2 + (rows[:, None] / spread[1]) ** 2))

    def window(plane: Plane, right: int = 0, below: int = 0) -> Plane:
        top, start = y + below - down, x + right - across
        return plane[top : top + 2 * down + 1, start : start + 2 * across + 1]

    here = _correlation(window(before), window(after), weight)
    if math.isnan(here):
        return here
    places = [
        _correlation(window(before), window(after, right, below), weight)
        for below in range(-_REACH, _REACH + 1, 2)
        for right in range(-_REACH, _REACH + 1, 2)
    ]
    return here - max(0.0, max(places) - here)


def _correlation(one: Plane, other: Plane, weight: NDArray[np.float64] | None) -> float:
    """Weighted Pearson correlation; nan where `one` is flat, 0 where only `other` is."""
    share = np.full(one.shape, 1 / one.size) if weight is None else weight / weight.sum()
    first, second = one - (share * one).sum(), other - (share * other).sum()
    ours, theirs = float((share * first**2).sum()), float((share * second**2).sum())
    if ours < _FLAT:
        return float("nan")
    if theirs < _FLAT / 10:
        return 0.0
    return float((share * first * second).sum() / np.sqrt(ours * theirs))


def _planes(before: Crop, after: Crop) -> tuple[Plane, Plane]:
    for crop in (before, after):
        shape = crop.shape
        if len(shape) != 3 or shape[0] != shape[1] or shape[0] < 64 or shape[2] not in (1, 3):
            raise BadStageInput(f"the guard compares crops SxSx3 or SxSx1, not {shape}")
    if before.shape[0] != after.shape[0]:
        raise BadStageInput(f"crops of different sizes: {before.shape} and {after.shape}")
    return _plane(before), _plane(after)


def _plane(crop: Crop) -> Plane:
    """Luminance 256x256."""
    grey = crop[..., 0] if crop.shape[2] == 1 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    if grey.shape != (SIDE, SIDE):
        method = cv2.INTER_AREA if grey.shape[0] > SIDE else cv2.INTER_CUBIC
        grey = cv2.resize(grey, (SIDE, SIDE), interpolation=method)
    return cast(Plane, np.ascontiguousarray(grey, np.float32))


def _smoothed(plane: Plane, sigma: float) -> Plane:
    return cast(Plane, cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))
