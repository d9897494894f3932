from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from painted_scenes import in_color, landscape, rgb, scratched, sixteen
from scipy.ndimage import distance_transform_cdt
from tiny_networks import mean
from torch import Tensor

from models.contract import Box, Rectangle, Samples
from models.damage.filling import network_fills
from models.damage.membrane import toned
from models.tiling import BadNetworkOutput, Tiler

Draw = Callable[[Tensor, Tensor], Tensor]

CLEAN = landscape(400, 560)
DAMAGED, TRUTH = scratched(CLEAN, seed=3)


def smooth(image: Tensor, mask: Tensor) -> Tensor:
    """The mean of what is known around, in a tone of its own."""
    return torch.where(mask > 0, mean(image, 25, 1 - mask), image) * 0.7 + 0.05


def filled(
    pixels: Samples,
    mask: NDArray[np.generic],
    draw: Draw = smooth,
    tiler: Tiler | None = None,
    rim: int = 1,
    deepest: float = 200.0,
    grain: float = 1.0,
) -> tuple[Samples, list[Rectangle], bool]:
    def crop(box: Box) -> Samples:
        return pixels[box.top : box.bottom, box.left : box.right].copy()

    result, rectangles, left_alone = pixels.copy(), [], False
    tiler = tiler or Tiler(8, 128, 32, least=16)
    for fill in network_fills(crop, mask.astype(np.uint8), draw, tiler, rim, deepest, grain):
        left_alone |= fill.left_alone
        if fill.rectangle is not None:
            patch = fill.rectangle
            rectangles.append(patch)
            height, width = patch.mask.shape
            window = result[patch.top : patch.top + height, patch.left : patch.left + width]
            window[patch.mask] = patch.pixels[patch.mask]
    return result, rectangles, left_alone


def errors(result: Samples, clean: Samples, where: NDArray[np.bool_]) -> float:
    unit = 257.0 if result.dtype == np.uint16 else 1.0
    difference = (result / unit - clean / (257.0 if clean.dtype == np.uint16 else 1.0))[where]
    return float(np.sqrt(np.square(difference).mean()))


def test_a_networks_filling_in_the_tone_of_the_scan() -> None:
    result, rectangles, left_alone = filled(DAMAGED, TRUTH)
    assert not left_alone and 0 < len(rectangles) < 80
    assert errors(result, CLEAN, TRUTH) < 0.06 * errors(DAMAGED, CLEAN, TRUTH)
    drawn = smooth(
        torch.from_numpy(DAMAGED / 255).float()[None, None],
        torch.from_numpy(TRUTH).float()[None, None],
    )
    assert errors(255 * drawn[0, 0].numpy(), CLEAN, TRUTH) > 30  # left in its own tone


def test_only_damage_and_its_rim_change() -> None:
    result, _, _ = filled(DAMAGED, TRUTH, rim=2)
    rows, columns = np.nonzero(result != DAMAGED)
    assert distance_transform_cdt(~TRUTH, "chessboard")[rows, columns].max() <= 2


@pytest.mark.parametrize("deep", [False, True])
def test_grey_scanned_as_rgb_stays_exactly_grey(deep: bool) -> None:
    pixels: Samples = sixteen(rgb(DAMAGED)) if deep else rgb(DAMAGED)
    result, rectangles, _ = filled(pixels, TRUTH)
    assert rectangles
    assert (result == result[..., :1]).all()


def test_sixteen_bits_are_not_eight() -> None:
    pixels = sixteen(DAMAGED)
    result, _, _ = filled(pixels, TRUTH)
    changed = result[TRUTH & (result != pixels)]
    assert len(np.unique(changed % 257)) > 200
    assert errors(result, CLEAN, TRUTH) < 0.06 * errors(pixels, CLEAN, TRUTH)


def test_colors_stay_apart() -> None:
    clean = in_color(400, 560)
    pixels = clean.copy()
    pixels[TRUTH] = 255
    result, _, _ = filled(pixels, TRUTH)
    assert errors(result, clean, TRUTH) < 0.15 * errors(pixels, clean, TRUTH)


def test_wide_holes_are_filled_from_coarse_to_fine() -> None:
    hole = np.zeros(CLEAN.shape, bool)
    hole[80:220, 200:330] = True
    hole[340:400, 0:70] = True  # to the edge of the picture
    pixels = CLEAN.copy()
    pixels[hole] = 255
    shapes = []

    def seeing(image: Tensor, mask: Tensor) -> Tensor:
        # Never asked to bridge more than its reach on any level: a band, and what is deeper known.
        known = mean(1 - mask, 27)
        assert float(known[mask > 0].min()) > 0
        shapes.append(image.shape)
        return smooth(image, mask)

    result, _, left_alone = filled(pixels, hole, seeing)
    assert not left_alone
    assert errors(result, CLEAN, hole) < 0.2 * errors(pixels, CLEAN, hole)
    assert (result[hole] < 240).all()
    sizes = {tuple(shape[2:]) for shape in shapes}
    assert len(sizes) > 1 or len(shapes) > 4


def test_what_is_too_deep_is_left_alone_but_not_what_hangs_on_it() -> None:
    hole = TRUTH.copy()
    rows, columns = np.nonzero(TRUTH)
    y, x = int(rows[len(rows) // 2]), int(columns[len(rows) // 2])
    hole[y - 40 : y + 40, x - 40 : x + 40] = True
    pixels = DAMAGED.copy()
    pixels[hole] = 255
    result, _, left_alone = filled(pixels, hole, deepest=15)
    assert left_alone
    assert (result[y - 35 : y + 35, x - 35 : x + 35] == 255).all()
    far = TRUTH.copy()
    far[y - 60 : y + 60, x - 60 : x + 60] = False
    assert errors(result, CLEAN, far) < 0.1 * errors(pixels, CLEAN, far)
    # What was left alone lends nothing to what was filled beside it.
    beside = TRUTH & ~far
    beside[y - 45 : y + 45, x - 45 : x + 45] = False
    assert (result[beside] < 235).all()


def test_nothing_but_damage() -> None:
    result, rectangles, left_alone = filled(DAMAGED, np.ones(DAMAGED.shape), deepest=50.0)
    assert left_alone and not rectangles
    assert np.array_equal(result, DAMAGED)
    clean, none, alone = filled(DAMAGED, np.zeros(DAMAGED.shape))
    assert np.array_equal(clean, DAMAGED) and not none and not alone


def test_tiles_leave_no_trace() -> None:
    one, _, _ = filled(DAMAGED, TRUTH, tiler=Tiler(8, 128, 64), grain=0)
    other, _, _ = filled(DAMAGED, TRUTH, tiler=Tiler(8, 1024, 64), grain=0)
    assert np.abs(one.astype(int) - other).max() <= 2


def test_only_tiles_with_damage_are_drawn() -> None:
    mask = np.zeros(CLEAN.shape, bool)
    mask[10:60, 20:23] = True
    drawn = []

    def counting(image: Tensor, mask: Tensor) -> Tensor:
        drawn.append(len(image))
        return smooth(image, mask)

    filled(CLEAN, mask, counting)
    assert sum(drawn) == 1


def test_grain_is_that_of_the_surroundings() -> None:
    noise = np.random.default_rng(0).normal(0, 8, CLEAN.shape)
    pixels = np.clip(120 + noise, 0, 255).astype(np.uint8)
    hole = np.zeros(CLEAN.shape, bool)
    hole[100:300, 200:212] = True
    pixels[hole] = 255
    grainy, _, _ = filled(pixels, hole)
    calm, _, _ = filled(pixels, hole, grain=0)
    assert grainy[hole].std() > 5
    assert calm[hole].std() < 2.5


def test_nan_has_a_name_and_a_place() -> None:
    with pytest.raises(BadNetworkOutput, match="NaN"):
        filled(DAMAGED, TRUTH, lambda image, mask: smooth(image, mask) * torch.nan)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (3, 40), (2, 5)])
def test_thin_pictures(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    mask = np.zeros(shape, bool)
    mask[0, 0] = mask[-1, -1] = True
    result, _, _ = filled(pixels, mask)
    assert result.shape == shape


def test_the_membrane_carries_tone_and_nothing_else() -> None:
    rows = torch.linspace(0.2, 0.8, 64)[:, None].expand(64, 64)
    scan = rows[None, None].clone()
    unknown = torch.zeros(1, 1, 64, 64)
    unknown[..., 20:44, 20:44] = 1
    scan = torch.where(unknown > 0, torch.tensor(5.0), scan)  # of no meaning, and far off
    drawn = 0.5 * rows[None, None] + 0.1
    result = toned(drawn, scan, unknown)
    inside = (result - rows)[..., 20:44, 20:44]
    assert float(inside.abs().max()) < 0.04
    assert torch.equal(toned(drawn, scan, torch.ones_like(unknown)), drawn)
    three = toned(drawn.expand(1, 3, 64, 64), scan.expand(1, 3, 64, 64), unknown)
    assert torch.equal(three[:, 0], three[:, 2])
