"""Blending: the scan's tone, grain and bits are kept; nothing beyond the masks is touched."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.contract import BadStageInput, Box, Rectangle, Samples
from models.faces.align import Floats, Matrix, crop, inverse, scale, similarity, template
from models.faces.blend import GRAIN, area, blended, difference, lost_grain, shares, weights

SIDE = 128


def at(x: float, y: float, zoom: float = 1.0, angle: float = 0.0) -> Matrix:
    """The transform of a face around x, y whose crop of 128 pixels is `zoom` times as large."""
    turn = np.deg2rad(angle)
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points: NDArray[np.float64] = (template(SIDE) - (SIDE - 1) / 2) @ linear.T + [x, y]
    return similarity(points, SIDE)


def portrait(
    height: int = 300, width: int = 320, noise: float = 0.0, seed: int = 0
) -> NDArray[np.float64]:
    """HxW from 0.15 to 0.85: slow light with some soft features, and white noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.25, 0.75, (height // 20, width // 20))
    made = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    made = made + noise * rng.standard_normal((height, width))
    return np.clip(made, 0.15, 0.85)


def samples(picture: NDArray[np.float64], dtype: type[np.generic] = np.uint8) -> Samples:
    made: Samples = np.rint(picture * np.iinfo(dtype).max).astype(dtype)  # type: ignore[type-var]
    return made


def sepia(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each channel its own gamma: a line from black to white that is not straight."""
    return np.stack([grey**0.75, grey**1.05, grey**1.5], axis=2)


def drawn(before: Floats, amount: float = 0.08, color: tuple[float, ...] = (1, 1, 1)) -> Floats:
    """`before` with stripes of a few pixels, as an enhancement draws detail."""
    y, x = np.mgrid[: before.shape[0], : before.shape[1]]
    stripes = amount * np.sin(x / 1.3) * np.cos(y / 1.9)
    made: Floats = before + stripes[..., None] * np.array(color[: before.shape[2]])
    return made.astype(np.float32)


def enhanced(
    pixels: Samples, matrix: Matrix, after: Any = drawn, **words: Any
) -> tuple[Samples, Rectangle | None]:
    """The scan with one face enhanced by `after`, and the rectangle."""
    height, width = pixels.shape[:2]
    box = area(matrix, SIDE, height, width)
    assert box is not None
    before = crop(pixels, matrix, SIDE)
    window = pixels[box.top : box.bottom, box.left : box.right]
    weight = words.pop("weight", weights(matrix, SIDE, box))
    made = blended(window, box, matrix, before, after(before), weight, **words)
    whole = pixels.copy()
    if made is not None:
        lay(whole, made)
    return whole, made


def softened(crop: Floats, sigma: float) -> Floats:
    return cv2.GaussianBlur(crop, (0, 0), sigma).reshape(crop.shape).astype(np.float32)


def lay(whole: Samples, made: Rectangle) -> None:
    height, width = made.mask.shape
    whole[made.top : made.top + height, made.left : made.left + width][made.mask] = made.pixels[
        made.mask
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("zoom", [0.4, 1.0, 2.2])
def test_detail_comes_into_the_face_and_nowhere_else(dtype: Any, zoom: float) -> None:
    pixels = samples(portrait(), dtype)
    matrix = at(160, 150, zoom, angle=20)
    whole, made = enhanced(pixels, matrix)
    assert made is not None and whole.dtype == dtype and made.pixels.dtype == dtype
    box = area(matrix, SIDE, 300, 320)
    assert box is not None
    inside = np.zeros(pixels.shape, bool)
    inside[box.top : box.bottom, box.left : box.right] = weights(matrix, SIDE, box) > 0
    assert np.array_equal(whole[~inside], pixels[~inside])
    if zoom >= 1:  # smaller, the stripes are finer than the scan's pixels
        changed = np.abs(whole.astype(float) - pixels)[130:170, 140:180] / np.iinfo(dtype).max
        assert 0.01 < changed.mean() < 0.08


def test_sixteen_bits_are_kept() -> None:
    pixels = samples(portrait(), np.uint16)
    whole, _ = enhanced(pixels, at(160, 150), lambda crop: drawn(crop, 0.0004))
    steps = np.abs(whole.astype(int) - pixels)
    assert 0 < steps.max() < 60  # less than a quarter of an 8-bit level, and not rounded to it
    assert len(np.unique(steps)) > 15


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("tone", ["color", "toned", "monochrome"])
def test_what_was_not_enhanced_is_not_changed(dtype: Any, tone: Any) -> None:
    pixels = samples(sepia(portrait(noise=0.03)), dtype)
    assert enhanced(pixels, at(160, 150, 1.3, 5), lambda crop: crop.copy(), tone=tone)[1] is None
    grey = samples(portrait(noise=0.03), dtype)
    assert enhanced(grey, at(160, 150, 0.6), lambda crop: crop.copy())[1] is None
    assert enhanced(grey, at(160, 150), strength=0.0)[1] is None


@pytest.mark.parametrize("tone", ["toned", "monochrome"])
def test_grey_in_three_channels_stays_exactly_grey(tone: Any) -> None:
    pixels = np.repeat(samples(portrait(noise=0.02))[..., None], 3, axis=2).astype(np.uint8)

    def lips(before: Floats) -> Floats:
        return drawn(before, 0.1, (1.0, -0.6, -0.3))

    whole, made = enhanced(pixels, at(160, 150), lips, tone=tone)
    assert made is not None
    assert (whole[..., :1] == whole[..., 1:]).all()


def test_grey_scans_take_the_luminance_of_what_was_drawn_in_colour() -> None:
    pixels = samples(portrait())
    threefold = np.repeat(pixels[..., None], 3, axis=2).astype(np.uint8)

    def three(before: Floats) -> Floats:
        return drawn(np.repeat(before[..., :1], 3, axis=2), 0.1, (1.0, 0.3, 0.2))

    flat, _ = enhanced(pixels, at(160, 150), three)
    whole, _ = enhanced(threefold, at(160, 150), three, tone="monochrome")
    assert flat.shape == pixels.shape
    assert np.abs(flat.astype(int) - whole[..., 0]).max() <= 1
    assert not np.array_equal(flat, pixels)


def test_sepia_moves_along_its_own_line_and_gets_no_red_lips() -> None:
    grey = portrait()
    pixels = samples(sepia(grey), np.uint16)

    def lips(before: Floats) -> Floats:
        return drawn(before, 0.08, (1.0, -0.5, -0.5))

    def stray(picture: Samples) -> float:
        """Largest distance of red and blue from what the line has for the green there."""
        red, green, blue = np.moveaxis(picture / 65535, 2, 0)
        line = green ** (1 / 1.05)
        return float(max(np.abs(red - line**0.75).max(), np.abs(blue - line**1.5).max()))

    assert stray(pixels) < 1e-3
    whole, made = enhanced(pixels, at(160, 150), drawn, tone="toned")
    assert made is not None
    assert np.abs(whole / 65535 - pixels / 65535).max() > 0.04
    assert stray(whole) < 0.01  # 0.05 with equal steps in all channels
    assert stray(enhanced(pixels, at(160, 150), lips, tone="toned")[0]) < 0.01
    assert stray(enhanced(pixels, at(160, 150), drawn, tone="monochrome")[0]) > 0.02


def test_in_colour_the_colours_drawn_are_laid() -> None:
    pixels = samples(sepia(portrait()))
    whole, _ = enhanced(pixels, at(160, 150), lambda one: drawn(one, 0.1, (1, 0, 0)), tone="color")
    assert np.array_equal(whole[..., 1:], pixels[..., 1:])
    assert not np.array_equal(whole[..., 0], pixels[..., 0])


def test_light_and_tone_stay_the_scan_s() -> None:
    pixels = samples(portrait(), np.uint16)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE

    def relit(before: Floats) -> Floats:
        lit: Floats = 0.9 * before + 0.15 + 0.2 * (x - y)[..., None]
        return lit.astype(np.float32)

    whole, _ = enhanced(pixels, at(160, 150), relit)
    moved = (whole.astype(float) - pixels) / 65535
    face = moved[110:190, 120:200]
    assert abs(face.mean()) < 0.01  # the network's own tone is 0.1 to 0.3 away
    assert np.abs(cv2.GaussianBlur(moved, (0, 0), 12)).max() < 0.02


def test_the_face_s_rim_is_no_seam() -> None:
    pixels = samples(portrait(), np.uint16)
    matrix = at(160, 150, 1.5)

    def brighter(before: Floats) -> Floats:
        return drawn(before, 0.1) + np.float32(0.2)

    whole, _ = enhanced(pixels, matrix, brighter)
    moved = np.abs((whole.astype(float) - pixels) / 65535)
    box = area(matrix, SIDE, 300, 320)
    assert box is not None
    weight = np.zeros(pixels.shape, np.float32)
    weight[box.top : box.bottom, box.left : box.right] = weights(matrix, SIDE, box)
    assert moved[weight > 0.9].max() > 0.05
    for low, high in ((0.0, 0.02), (0.02, 0.1), (0.1, 0.3)):
        ring = (weight > low) & (weight <= high)
        assert moved[ring].max() <= 0.2 * high + 1e-4
    # From pixel to pixel the weight falls gently, the faster the smaller the face.
    assert np.abs(np.diff(weight, axis=0)).max() < 0.08


def test_grain_that_was_taken_off_is_given_back() -> None:
    noisy = samples(portrait(noise=0.05), np.uint16)

    def smooth(before: Floats) -> Floats:
        return softened(before, 1.5)

    def grain_of(picture: Samples) -> float:
        part = picture[120:180, 130:190] / 65535
        fine = part - cv2.GaussianBlur(part, (0, 0), 1.0)
        return float(np.median(np.abs(fine)))

    # At a whole pixel, where the crop has all of the scan's grain.
    pasted, _ = enhanced(noisy, at(159.5, 149.5), smooth, grain=0.0)
    matched, _ = enhanced(noisy, at(159.5, 149.5), smooth, grain=1.0)
    usual, _ = enhanced(noisy, at(159.5, 149.5), smooth)
    there = grain_of(noisy)
    assert grain_of(pasted) < 0.35 * there
    assert 0.85 * there < grain_of(matched) < 1.15 * there
    assert (GRAIN - 0.1) * there < grain_of(usual) < (GRAIN + 0.1) * there


def test_lost_grain_is_what_is_missing_in_squares_and_never_an_edge() -> None:
    rng = np.random.default_rng(0)
    before: Floats = (0.5 + 0.02 * rng.standard_normal((SIDE, SIDE, 1))).astype(np.float32)
    before[:, 64:] += 0.3
    counted = np.ones((SIDE, SIDE), np.float32)
    half = ((before + softened(before, 1.0)) / 2).astype(np.float32)
    back = lost_grain(before, half, counted)
    deviation = 1.4826 * np.median(np.abs(before - softened(before, 1.0)))
    assert np.abs(back).max() <= 3 * deviation + 1e-6
    assert 0.5 < 1.4826 * np.median(np.abs(back)) / deviation < 0.95
    assert not lost_grain(half, before, counted).any()


def test_strength_scales_the_change() -> None:
    pixels = samples(portrait(), np.uint16)
    whole, half = (enhanced(pixels, at(160, 150), strength=s)[0] for s in (1.0, 0.5))
    full = whole.astype(float) - pixels
    assert np.abs(full / 2 - (half.astype(float) - pixels)).max() <= 1


def test_two_overlapping_faces_share_and_leave_no_edge() -> None:
    pixels = samples(portrait(), np.uint16)
    matrices = [at(120, 150), at(175, 140, 0.9, 15)]
    boxes = [area(matrix, SIDE, 300, 320) for matrix in matrices]
    assert all(box is not None for box in boxes)
    known = [box for box in boxes if box is not None]
    planes = [weights(matrix, SIDE, box) for matrix, box in zip(matrices, known, strict=True)]
    shared = shares(known, planes)
    total, most = np.zeros(pixels.shape), np.zeros(pixels.shape)
    for box, plane, share in zip(known, planes, shared, strict=True):
        part = slice(box.top, box.bottom), slice(box.left, box.right)
        total[part] += share
        most[part] = np.maximum(most[part], plane)
        assert (share <= plane + 1e-6).all()
    assert (total <= most + 1e-6).all()
    assert total[145, 120] == pytest.approx(1.0)  # a face's own middle
    assert np.abs(np.diff(total, axis=1)).max() < 0.12

    befores = [crop(pixels, matrix, SIDE) for matrix in matrices]
    whole = pixels.copy()
    alone = []
    for matrix, box, share, before in zip(matrices, known, shared, befores, strict=True):
        window = whole[box.top : box.bottom, box.left : box.right].copy()
        made = blended(window, box, matrix, before, drawn(before), share)
        assert made is not None
        lay(whole, made)
        alone.append(enhanced(pixels, matrix, weight=share)[0].astype(float) - pixels)
    # The second is added to the first: neither is laid over the other.
    assert np.abs(whole - pixels.astype(float) - sum(alone)).max() <= 1.01


def test_faces_apart_keep_their_weights() -> None:
    boxes = [Box(0, 0, 4, 4), Box(4, 0, 8, 4)]
    planes = [np.full((4, 4), 0.3, np.float32), np.full((4, 4), 1.0, np.float32)]
    for plane, share in zip(planes, shares(boxes, planes), strict=True):
        assert np.allclose(plane, share)


@pytest.mark.parametrize("place", [(0, 0), (319, 150), (160, 310)])
def test_a_face_cut_by_the_frame_is_blended_as_far_as_it_goes(place: tuple[int, int]) -> None:
    pixels = samples(portrait())
    whole, made = enhanced(pixels, at(*place))
    assert made is not None
    height, width = made.mask.shape
    assert made.top >= 0 and made.top + height <= 300
    assert made.left >= 0 and made.left + width <= 320
    assert not np.array_equal(whole, pixels)
    assert area(at(-500, 150), SIDE, 300, 320) is None


def test_a_turned_ellipse_lies_within_its_area() -> None:
    for angle in (0, 30, 77):
        matrix = at(160, 150, 1.1, angle)
        box = area(matrix, SIDE, 2000, 2000)
        assert box is not None
        plane = weights(matrix, SIDE, box)
        assert plane.max() == 1
        for edge in (plane[0], plane[-1], plane[:, 0], plane[:, -1]):
            assert edge.max() < 0.01
        # and is no smaller than it need be
        assert (plane[3:-3] > 0).any(axis=1).all()
        assert (plane[:, 3:-3] > 0).any(axis=0).all()
        centre = inverse(matrix) @ [(SIDE - 1) / 2, (SIDE - 1) / 2, 1]
        assert plane[int(centre[1]) - box.top, int(centre[0]) - box.left] == 1
        assert scale(matrix) == pytest.approx(1 / 1.1)


def test_corners_of_the_crop_do_not_shade_the_cheeks() -> None:
    before = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    after = before.copy()
    after[:20, :20] = 1.0  # something drawn into the background
    made = difference(before, after)
    counted = weights(np.eye(2, 3), SIDE, Box(0, 0, SIDE, SIDE)) > 0.3
    assert np.abs(made[counted]).max() < 0.01


def test_what_does_not_fit_is_refused() -> None:
    pixels = samples(portrait())
    matrix = at(160, 150)
    with pytest.raises(BadStageInput, match="does not fit its input"):
        enhanced(pixels, matrix, lambda before: before[:64, :64])
    with pytest.raises(BadStageInput, match="not finite"):
        enhanced(pixels, matrix, lambda before: before * np.nan)
    with pytest.raises(BadStageInput, match="not of one size"):
        enhanced(pixels, matrix, weight=np.ones((3, 3), np.float32))
    box = area(matrix, SIDE, 300, 320)
    assert box is not None
    flat = np.zeros((SIDE, SIDE, 2), np.float32)
    window = pixels[box.top : box.bottom, box.left : box.right]
    with pytest.raises(BadStageInput, match="SxSx1 or SxSx3"):
        blended(window, box, matrix, flat, flat, weights(matrix, SIDE, box))
