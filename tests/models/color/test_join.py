"""A whole scan in colour, from a stand-in for the network: luma, strips, panoramas, memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import SEPIA, landscape, sixteen, toned

from models.color.join import Clipping, colorized
from models.color.prediction import predicted, predictions_spread
from models.color.upsample import fitted
from models.color.working_copy import Read, chosen_render_factor, working_luma
from models.contract import Box, Samples
from models.pixels import whole

Floats = NDArray[np.float32]
WEIGHTS = np.array((0.299, 0.587, 0.114))


def reader(pixels: Samples) -> Read:
    return lambda box: pixels[box.top : box.bottom, box.left : box.right]


def by_level(framed: Floats) -> Floats:
    """A network that knows dark from light: dark is red, light is blue."""
    return np.stack([0.3 * (framed - 0.5), 0.3 * (0.5 - framed)], axis=-1)


def colored_scan(pixels: Samples, box: Box, factor: int = 8) -> tuple[Samples, Clipping]:
    found = predicted(by_level, reader(pixels), box, factor)
    clipping = Clipping()
    rectangles = list(colorized(reader(pixels), box, fitted(found.luma, found.chroma), clipping))
    assert all(one.mask.all() and one.left == box.left for one in rectangles)
    assert rectangles[0].top == box.top
    return np.concatenate([one.pixels for one in rectangles]), clipping


@pytest.mark.parametrize("kind", ["grey 8", "grey 16", "sepia 16"])
def test_a_scan_keeps_its_luma_and_bit_depth(kind: str) -> None:
    grey = landscape(240, 330)
    scan: Samples = sixteen(toned(grey, *SEPIA)) if kind == "sepia 16" else grey
    scan = sixteen(grey) if kind == "grey 16" else scan
    made, clipping = colored_scan(scan, whole(scan))
    assert made.shape == (240, 330, 3) and made.dtype == scan.dtype
    own = scan if scan.ndim == 2 else scan.astype(np.float64) @ WEIGHTS
    assert np.abs(made.astype(np.float64) @ WEIGHTS - own).max() < 0.35
    assert clipping.pixels == 240 * 330 and clipping.share < 0.5
    assert np.abs(np.diff(made.astype(int), axis=2)).max() > 0.02 * np.iinfo(scan.dtype).max


def test_only_the_box_is_colourized() -> None:
    scan = landscape(300, 400)
    made, clipping = colored_scan(scan, Box(40, 30, 380, 290))
    assert made.shape == (260, 340, 3) and clipping.pixels == 260 * 340


def test_a_panorama_is_padded_and_not_squeezed() -> None:
    seen: list[Floats] = []

    def watching(framed: Floats) -> Floats:
        seen.append(framed)
        return by_level(framed)

    scan = landscape(200, 800)
    found = predicted(watching, reader(scan), whole(scan), 12)
    height, width = found.luma.shape
    assert width / height == pytest.approx(4, rel=0.03)
    assert all(side % 32 == 0 for side in seen[0].shape)
    # The same colours as on each of its quarters alone: none of them depends on the shape.
    quarter = predicted(by_level, reader(scan[:, :200]), Box(0, 0, 200, 200), 6)
    whole_color = fitted(found.luma, found.chroma).rows(0, scan / np.float32(255), 200)
    part = fitted(quarter.luma, quarter.chroma).rows(0, scan[:, :200] / np.float32(255), 200)
    assert np.abs(whole_color[:, :190] - part[:, :190]).mean() < 0.01


def test_the_working_copy_is_the_mean_of_exact_areas() -> None:
    random = np.random.default_rng(0)
    scan = random.integers(0, 65536, (35, 50), np.uint16)
    copy = working_luma(reader(scan), Box(1, 3, 50, 34), 10, 7)
    exact = scan[3:34, 1:50] / 65535
    for axis, count in ((0, 7), (1, 10)):
        fine = np.repeat(exact, count, axis=axis)
        groups = np.split(fine, count, axis=axis)
        exact = np.stack([group.mean(axis=axis) for group in groups], axis=axis)
    assert copy == pytest.approx(exact, abs=2e-5)
    assert working_luma(reader(scan), whole(scan), 500, 400).shape == (35, 50)


def test_the_render_factor_follows_the_scan() -> None:
    assert chosen_render_factor(8, 8) == 12
    assert chosen_render_factor(400, 400) == 25
    assert chosen_render_factor(12000, 9000) == 35


def test_predictions_that_agree_have_no_spread() -> None:
    scan = landscape(240, 320)
    main, spread = predictions_spread(by_level, reader(scan), whole(scan), 12, others=())
    assert spread.deviation.shape == main.luma.shape and spread.deviation.max() < 1e-3
    assert spread.map().max() == 0

    def by_place(framed: Floats) -> Floats:
        """A network that colours by side: the mirrored picture disagrees."""
        ramp = np.linspace(-0.2, 0.2, framed.shape[1], dtype=np.float32)
        return np.stack([np.broadcast_to(ramp, framed.shape)] * 2, axis=-1)

    _, spread = predictions_spread(by_place, reader(scan), whole(scan), 12)
    middle = spread.deviation.shape[1] // 2
    assert spread.deviation[:, 5].mean() > 10 > 3 > spread.deviation[:, middle].mean()
    assert spread.map().dtype == np.uint8 and spread.map().max() > 80


def test_memory_is_that_of_strips() -> None:
    """24 megapixels in 16 bits, never whole in any wider form."""
    scan = np.lib.stride_tricks.as_strided(
        np.arange(6000, dtype=np.uint16) * 10, (4000, 6000), (0, 2), writeable=False
    )
    tracemalloc.start()
    found = predicted(by_level, reader(scan), whole(scan), 8)
    field = fitted(found.luma, found.chroma)
    strips = colorized(reader(scan), whole(scan), field)
    for _ in range(3):
        next(strips)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
