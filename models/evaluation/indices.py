"""How alike two pictures are: PSNR, SSIM, HaarPSI, without any network.

Pictures are HxW or HxWx3 of one dtype: uint8, uint16, or float from 0 to 1. All three indices
are symmetric in their two pictures. Raises `Incomparable` where the pictures do not fit.
"""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32] | NDArray[np.float64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HAARPSI_C = 30.0
HAARPSI_ALPHA = 4.2
"""Constants of HaarPSI, fitted by its authors to four databases of human judgements."""

_SSIM_SIDE, _SSIM_SIGMA = 11, 1.5
_SCALES = 3
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


class Incomparable(ValueError):
    """Two pictures of different shape or dtype, or nothing to compare; the message says which."""


def psnr(first: Picture, second: Picture, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all samples, or those where `mask` HxW is true.

    inf where they are equal. Raises `Incomparable` also for a mask of another size, or empty.
    """
    peak = _peak(first, second)
    one, other = first, second
    if mask is not None:
        _check_mask(mask, first)
        one, other = first[mask], second[mask]
    difference = np.subtract(one, other, dtype=np.float64)
    error = float(np.mean(np.square(difference, out=difference)))
    return math.inf if error == 0 else 10 * math.log10(peak * peak / error)


def ssim(first: Picture, second: Picture, mask: Mask | None = None) -> float:
    """Mean structural similarity, -1 to 1, of the mean over channels; over the windows whose
    middle lies where `mask` HxW is true, if there is one.

    Wang et al. 2004, IEEE TIP 13(4), eq. 13: windows 11x11, Gaussian, sigma 1.5; K1 0.01,
    K2 0.03; borders reflected. Raises `Incomparable` for a mask as `psnr` does.
    """
    peak = _peak(first, second)
    if mask is not None:
        _check_mask(mask, first)
    one, other = (
        picture.astype(np.float64).reshape(*picture.shape[:2], -1).mean(axis=2)
        for picture in (first, second)
    )
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_1, mean_2 = _windowed(one), _windowed(other)
    variance_1 = _windowed(one * one) - mean_1 * mean_1
    variance_2 = _windowed(other * other) - mean_2 * mean_2
    covariance = _windowed(one * other) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1 * mean_1 + mean_2 * mean_2 + c1)
    structure = (2 * covariance + c2) / (variance_1 + variance_2 + c2)
    similar = luminance * structure
    return float((similar if mask is None else similar[mask]).mean())


def haarpsi(first: Picture, second: Picture) -> float:
    """Haar wavelet-based perceptual similarity, 0 to 1; 1 for equal pictures.

    Reisenhofer, Bosse, Kutyniok, Wiegand 2018, Signal Processing: Image Communication 61,
    eqs. 10 to 12 and, for colour, section 2.2: local similarities of the two finer Haar scales,
    through a logistic function, weighted by the magnitude of the third; in colour the chroma
    planes of YIQ join with the mean of both weights. Pictures are averaged over 2x2 and every
    second pixel taken first, as there.
    """
    peak = _peak(first, second)
    planes_1, planes_2 = _prepared(first, peak), _prepared(second, peak)
    similar, weights = [], []
    responses_1, responses_2 = _responses(planes_1[0]), _responses(planes_2[0])
    for one, other in zip(responses_1, responses_2, strict=True):
        fine = [_similarity(one[scale], other[scale]) for scale in range(_SCALES - 1)]
        similar.append(np.mean(fine, axis=0))
        weights.append(np.maximum(one[-1], other[-1]))
    if len(planes_1) == 3:
        blurred = [(abs(_box(a)), abs(_box(b))) for a, b in zip(planes_1, planes_2, strict=True)]
        similar.append(np.mean([_similarity(a, b) for a, b in blurred[1:]], axis=0))
        weights.append(np.mean(weights, axis=0))
    total = float(sum(weight.sum() for weight in weights))
    if total == 0:  # two flat pictures: no structure to weigh by
        mean = float(np.mean([_logistic(one).mean() for one in similar]))
    else:
        pairs = zip(similar, weights, strict=True)
        mean = sum(float((_logistic(one) * weight).sum()) for one, weight in pairs) / total
    return float((math.log(mean / (1 - mean)) / HAARPSI_ALPHA) ** 2)


def _peak(first: Picture, second: Picture) -> float:
    """The greatest value a sample can have."""
    if first.shape != second.shape or first.dtype != second.dtype:
        raise Incomparable(
            f"{first.dtype} {first.shape} cannot be compared with {second.dtype} {second.shape}"
        )
    if first.ndim not in (2, 3) or (first.ndim == 3 and first.shape[2] not in (1, 3)):
        raise Incomparable(f"pictures must be HxW or HxWx3, not {first.shape}")
    if first.size == 0:
        raise Incomparable(f"pictures are empty: {first.shape}")
    return 1.0 if first.dtype.kind == "f" else float(np.iinfo(first.dtype.name).max)


def _check_mask(mask: Mask, picture: Picture) -> None:
    if mask.shape != picture.shape[:2]:
        raise Incomparable(f"a mask {mask.shape} does not fit a picture {picture.shape}")
    if not mask.any():
        raise Incomparable("the mask leaves no pixel to compare")


def _windowed(values: Floats) -> Floats:
    size = (_SSIM_SIDE, _SSIM_SIDE)
    return cv2.GaussianBlur(values, size, _SSIM_SIGMA, borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _prepared(picture: Picture, peak: float) -> list[Floats]:
    """Luminance, or Y, I and Q, in 8-bit levels, halved."""
    levels = picture.astype(np.float64).reshape(*picture.shape[:2], -1) * (255 / peak)
    planes = levels @ _YIQ.T if levels.shape[2] == 3 else levels
    return [_box(np.ascontiguousarray(plane))[::2, ::2] for plane in np.moveaxis(planes, 2, 0)]


def _box(plane: Floats) -> Floats:
    """The mean over 2x2 pixels, beginning at each; zeros beyond the picture."""
    return _correlated(plane, np.full((2, 2), 0.25))


def _responses(plane: Floats) -> list[list[Floats]]:
    """Magnitudes of the Haar coefficients [direction][scale], finest scale first."""
    found: list[list[Floats]] = [[], []]
    for scale in range(1, _SCALES + 1):
        side = 2**scale
        kernel = np.full((side, side), 2.0**-scale)
        kernel[: side // 2] *= -1
        found[0].append(abs(_correlated(plane, kernel)))
        found[1].append(abs(_correlated(plane, kernel.T)))
    return found


def _correlated(plane: Floats, kernel: Floats) -> Floats:
    """Of the plane's size, zeros beyond it, as the published code does."""
    anchor = (kernel.shape[1] // 2 - 1, kernel.shape[0] // 2 - 1)
    return cast(
        Floats,
        cv2.filter2D(
            plane,
            cv2.CV_64F,
            np.ascontiguousarray(kernel),
            anchor=anchor,
            borderType=cv2.BORDER_CONSTANT,
        ),
    )


def _similarity(one: Floats, other: Floats) -> Floats:
    """Eq. 2, between 0 and 1, of magnitudes."""
    constant = HAARPSI_C**2
    return (2 * one * other + constant) / (one * one + other * other + constant)


def _logistic(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-HAARPSI_ALPHA * values))
