"""Alignment: where landmarks land, exact inverses, crops of scans large, small and cut off."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.contract import Box, Samples
from models.faces.align import (
    BadLandmarks,
    Matrix,
    crop,
    footprint,
    inverse,
    scale,
    shifted,
    similarity,
    size_strength,
    template,
    uncrop,
)


def turned(angle: float, zoom: float, x: float, y: float) -> Matrix:
    """Landmarks 3x2 of a face turned by `angle` degrees, `zoom` times the template, around x, y."""
    turn = np.deg2rad(angle)
    rotation = zoom * np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    points: NDArray[np.float64] = (template(256) - 127.5) @ rotation.T + [x, y]
    return points


def placed(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


def scene(height: int, width: int, dtype: type[np.generic] = np.uint8) -> Samples:
    """Smooth waves in three channels, over the whole range of `dtype`."""
    y, x = np.mgrid[:height, :width]
    phases = np.stack([x / 19 + y / 31, x / 27 - y / 23, (x + y) / 37], axis=2)
    largest = float(np.iinfo(dtype).max)  # type: ignore[type-var]
    made: Samples = ((np.sin(phases) * 0.45 + 0.5) * largest).astype(dtype)
    return made


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize(("angle", "zoom"), [(0, 1), (33, 0.2), (-80, 6.3), (180, 1)])
def test_landmarks_come_to_the_template_and_back(side: int, angle: float, zoom: float) -> None:
    points = turned(angle, zoom, 800, 600)
    matrix = similarity(points, side)
    assert np.allclose(placed(matrix, points), template(side), atol=1e-9)
    assert np.allclose(placed(inverse(matrix), template(side)), points, atol=1e-9)
    assert scale(matrix) == pytest.approx(side / 256 / zoom)
    aside = shifted(matrix, 30, 70)
    assert np.allclose(placed(aside, points - [30, 70]), template(side), atol=1e-9)


def test_the_template_is_the_design_s_and_scales_with_pixel_centres() -> None:
    assert template(256).tolist() == [[91, 112], [165, 112], [128, 168]]
    assert np.allclose((template(512) + 0.5) / 2, template(256) + 0.5)


def test_a_face_of_other_proportions_is_fitted_by_least_squares() -> None:
    points = turned(12, 2, 500, 400)
    points[2] += (9, -14)
    best = similarity(points, 256)
    error = float(((placed(best, points) - template(256)) ** 2).sum())
    for row, column, step in ((0, 2, 0.5), (1, 2, -0.5)):
        other = best.copy()
        other[row, column] += step
        assert ((placed(other, points) - template(256)) ** 2).sum() > error
    turn = np.deg2rad(1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for linear in (rotation, rotation.T, 1.01 * np.eye(2), 0.99 * np.eye(2)):
        middle = template(256).mean(axis=0)
        moved = (placed(best, points) - middle) @ linear.T + middle
        assert ((moved - template(256)) ** 2).sum() > error
    assert np.allclose(best[:, :2] @ best[:, :2].T, scale(best) ** 2 * np.eye(2))


@pytest.mark.parametrize(
    ("points", "match"),
    [
        (np.full((3, 2), 5.0), "one point"),
        (np.array([[0, 0], [10, 0], [5, np.nan]]), "three finite points"),
        (np.zeros((5, 2)), "three finite points"),
        (np.array([[10.0, 0], [0, 0], [5, 8]]), "the nose is not below"),
        (np.array([[0.0, 0], [10, 0], [5, -8]]), "the nose is not below"),
    ],
)
def test_what_is_no_face_is_refused(points: NDArray[np.float64], match: str) -> None:
    with pytest.raises(BadLandmarks, match=match):
        similarity(points, 256)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("angle", "zoom"), [(0, 1), (25, 2.7), (-40, 0.4)])
def test_a_crop_shows_the_scan_where_its_matrix_says(
    dtype: type[np.generic], angle: float, zoom: float
) -> None:
    pixels = scene(1000, 1200, dtype)
    matrix = similarity(turned(angle, zoom, 610, 480), 128)
    made = crop(pixels, matrix, 128)
    assert made.shape == (128, 128, 3)
    assert made.dtype == np.float32
    points = np.array([[20, 30], [64, 64], [100, 17], [90, 120]])
    there = placed(inverse(matrix), points.astype(float))
    phases = np.stack(
        [
            there[:, 0] / 19 + there[:, 1] / 31,
            there[:, 0] / 27 - there[:, 1] / 23,
            there.sum(axis=1) / 37,
        ],
        axis=1,
    )
    wanted = np.sin(phases) * 0.45 + 0.5
    assert np.abs(made[points[:, 1], points[:, 0]] - wanted).max() < 0.03


def test_grey_scans_have_one_plane() -> None:
    grey = scene(200, 200)[..., 0].astype(np.uint8)
    made = crop(grey, similarity(turned(5, 0.6, 100, 90), 64), 64)
    assert made.shape == (64, 64, 1)
    threefold = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    same = crop(threefold, similarity(turned(5, 0.6, 100, 90), 64), 64)
    assert np.allclose(np.repeat(made, 3, axis=2), same, atol=1e-6)


def test_fine_grain_of_a_large_face_does_not_alias() -> None:
    rows, columns = np.indices((1800, 1800))
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    for zoom in (6.0, 1.9):  # reduced in two steps, and in one
        made = crop(board, similarity(turned(9, zoom, 900, 900), 256), 256)
        inner = made[64:192, 64:192]
        assert float(np.abs(inner - 0.5).max()) < 0.05


def test_beyond_the_frame_the_picture_is_reflected() -> None:
    pixels = scene(300, 240)
    matrix = similarity(turned(0, 1, 40.5, 150.5), 256)  # a third of it is beyond the left edge
    made = crop(pixels, matrix, 256)
    first = round(float(placed(matrix, np.zeros((1, 2)))[0, 0]))  # the column of the scan's first
    assert 60 < first < 120
    reach = min(first, 255 - first)
    right = made[:, first + 1 : first + reach]
    left = made[:, first - reach + 1 : first][:, ::-1]
    assert np.abs(right - left).max() < 0.02
    box = footprint(matrix, 256, 300, 240)
    whole = crop(
        pixels[box.top : box.bottom, box.left : box.right], shifted(matrix, box.left, box.top), 256
    )
    assert np.array_equal(made, whole)


@pytest.mark.parametrize("at", [(-200, 100), (500, 900), (5, 5)])
def test_the_footprint_stays_inside_any_frame(at: tuple[int, int]) -> None:
    matrix = similarity(turned(20, 1, *at), 256)
    box = footprint(matrix, 256, 400, 30)
    assert 0 <= box.left < box.right <= 30
    assert 0 <= box.top < box.bottom <= 400
    assert np.isfinite(crop(scene(400, 30), matrix, 256)).all()


def test_only_the_footprint_is_read() -> None:
    pixels = scene(900, 900)
    matrix = similarity(turned(15, 0.5, 450, 450), 256)
    box = footprint(matrix, 256, 900, 900)
    assert box.width < 260 and box.height < 260
    spoilt = np.full_like(pixels, 77)
    inside = slice(box.top, box.bottom), slice(box.left, box.right)
    spoilt[inside] = pixels[inside]
    assert np.array_equal(crop(spoilt, matrix, 256), crop(pixels, matrix, 256))


@pytest.mark.parametrize("zoom", [0.35, 1.0, 3.0])
def test_what_is_cropped_and_laid_back_lies_where_it_was(zoom: float) -> None:
    pixels = cv2.GaussianBlur(scene(700, 700), (0, 0), 4).astype(np.uint8)
    matrix = similarity(turned(18, zoom, 350, 350), 128)
    half = int(30 * zoom)
    box = Box(350 - half, 350 - half, 350 + half, 350 + half)
    laid = uncrop(crop(pixels, matrix, 128), matrix, box)
    wanted = pixels[box.top : box.bottom, box.left : box.right] / 255
    assert laid.shape == wanted.shape
    assert np.abs(laid - wanted).max() < 0.03


def test_strength_falls_with_the_face_s_size() -> None:
    for side in (128, 256, 512):  # of the face in the scan, whatever the network's crop
        strengths = [
            size_strength(similarity(turned(0, pixels / 256, 0, 0), side), side)
            for pixels in (1000, 128, math.sqrt(128 * 48), 48, 10)
        ]
        assert strengths == pytest.approx([1, 1, 0.5, 0, 0], abs=1e-9)
