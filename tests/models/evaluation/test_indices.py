"""PSNR, SSIM and HaarPSI: known values, their properties, and other ways to compute them."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from painted_scenes import in_color, landscape
from photographs import photograph
from scipy.signal import correlate2d

from models.evaluation.indices import Incomparable, haarpsi, psnr, ssim
from tasks.metrics import compare_outside

COLOR = in_color(160, 200)
GREY = landscape(160, 200)


def noisy(picture: NDArray[np.uint8], sigma: float, seed: int = 1) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.rint(np.clip(picture + noise, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("picture", [COLOR, GREY], ids=["color", "grey"])
@pytest.mark.parametrize("index", [psnr, ssim, haarpsi])
def test_every_index_falls_with_noise_is_symmetric_and_the_same_at_every_depth(
    index: Any, picture: NDArray[np.uint8]
) -> None:
    same = index(picture, picture)
    assert same == (math.inf if index is psnr else pytest.approx(1.0, abs=1e-9))
    values = [index(picture, noisy(picture, sigma)) for sigma in (2, 6, 15, 40)]
    assert all(first > second for first, second in pairwise(values))
    other = noisy(picture, 15)
    assert index(other, picture) == pytest.approx(index(picture, other), rel=1e-12)
    deep, deep_other = picture.astype(np.uint16) * 257, other.astype(np.uint16) * 257
    assert index(deep, deep_other) == pytest.approx(index(picture, other), rel=1e-9)
    assert index(picture / 255, other / 255) == pytest.approx(index(picture, other), rel=1e-9)


def test_psnr_of_a_known_error() -> None:
    one, other = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    other[0, 0] = 255
    assert psnr(one, other) == pytest.approx(10 * math.log10(16))
    mask = np.zeros((4, 4), bool)
    mask[0, :2] = True
    assert psnr(one, other, mask) == pytest.approx(10 * math.log10(2))


def test_ssim_agrees_with_what_the_manifest_reports(tmp_path: Path) -> None:
    other = noisy(COLOR, 12)
    path = tmp_path / "written.tif"
    tifffile.imwrite(path, other, photometric="rgb")
    fidelity = compare_outside(path, 0, photograph(COLOR), [])
    assert ssim(COLOR, other) == pytest.approx(fidelity["ssim_outside_mask"], rel=1e-9)
    assert psnr(COLOR, other) == pytest.approx(fidelity["psnr_outside_mask"], rel=1e-9)


def test_haarpsi_agrees_with_its_equations_written_out() -> None:
    """Reisenhofer et al. 2018: eq. 10 to 12 by scipy's correlation, scale by scale, in colour."""
    other = noisy(COLOR, 20)
    assert haarpsi(COLOR, other) == pytest.approx(_by_equations(COLOR, other), rel=1e-9)


def _by_equations(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    c, alpha = 30.0, 4.2
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])

    def same(plane: Any, kernel: Any) -> Any:
        side = np.array(kernel.shape)
        before = side // 2 - 1
        padded = np.pad(plane, [(b, s - 1 - b) for b, s in zip(before, side, strict=True)])
        return correlate2d(padded, kernel, mode="valid")

    def similarity(a: Any, b: Any) -> Any:
        return (2 * a * b + c**2) / (a**2 + b**2 + c**2)

    def planes(picture: Any) -> Any:
        yiq = np.einsum("ij,yxj->iyx", to_yiq, picture.astype(float))
        return [same(plane, np.full((2, 2), 0.25))[::2, ::2] for plane in yiq]

    ours, theirs = planes(first), planes(second)
    top, bottom, weights = 0.0, 0.0, []
    for turned in (False, True):
        magnitudes = []
        for scale in (1, 2, 3):
            kernel = 2.0**-scale * np.ones((2**scale, 2**scale))
            kernel[: 2 ** (scale - 1)] *= -1
            kernel = kernel.T if turned else kernel
            magnitudes.append([abs(same(plane[0], kernel)) for plane in (ours, theirs)])
        local = (similarity(*magnitudes[0]) + similarity(*magnitudes[1])) / 2
        weight = np.maximum(*magnitudes[2])
        weights.append(weight)
        top += float((weight / (1 + np.exp(-alpha * local))).sum())
        bottom += float(weight.sum())
    mean = np.full((2, 2), 0.25)
    chroma = [similarity(abs(same(ours[i], mean)), abs(same(theirs[i], mean))) for i in (1, 2)]
    weight = (weights[0] + weights[1]) / 2
    top += float((weight / (1 + np.exp(-alpha * (chroma[0] + chroma[1]) / 2))).sum())
    bottom += float(weight.sum())
    ratio = top / bottom
    return (math.log(ratio / (1 - ratio)) / alpha) ** 2


def test_flat_pictures_have_a_haarpsi_too() -> None:
    flat = np.full((40, 40), 90, np.uint8)
    assert haarpsi(flat, flat) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("one", "other", "mask"),
    [
        (COLOR, GREY, None),
        (GREY, GREY.astype(np.uint16), None),
        (GREY, GREY, np.ones((3, 3), bool)),
        (GREY, GREY, np.zeros(GREY.shape, bool)),
        (GREY[:0], GREY[:0], None),
        (COLOR[..., :2], COLOR[..., :2], None),
    ],
    ids=["channels", "depth", "mask of another size", "empty mask", "empty", "two channels"],
)
def test_what_cannot_be_compared_is_refused(one: Any, other: Any, mask: Any) -> None:
    with pytest.raises(Incomparable):
        psnr(one, other, mask)


def test_ssim_inside_a_mask_knows_nothing_of_what_lies_beyond() -> None:
    mask = np.zeros(GREY.shape, bool)
    mask[40:100, 40:120] = True
    spoiled = GREY.copy()
    spoiled[130:] = 0  # farther from the mask than a window reaches
    assert ssim(GREY, spoiled, mask) == pytest.approx(1, abs=1e-12) and ssim(GREY, spoiled) < 0.9
    spoiled[60:80] ^= 31
    assert ssim(GREY, spoiled, mask) < 0.95
    with pytest.raises(Incomparable, match="mask"):
        ssim(GREY, spoiled, mask[:50])
