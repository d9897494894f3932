import numpy as np
import pytest
from painted_scenes import landscape, rgb, scratched, sixteen

from models.contract import Box, Rectangle, Samples
from models.damage.inpaint import fills


def _filled(
    pixels: Samples, mask: np.ndarray, rim: int = 1, deepest: float = 8.0
) -> tuple[Samples, list[Rectangle], bool]:
    def crop(box: Box) -> Samples:
        return pixels[box.top : box.bottom, box.left : box.right].copy()

    result, rectangles, left_alone = pixels.copy(), [], False
    for fill in fills(crop, mask.astype(np.uint8), rim, deepest):
        left_alone |= fill.left_alone
        if fill.rectangle is not None:
            patch = fill.rectangle
            rectangles.append(patch)
            height, width = patch.mask.shape
            window = result[patch.top : patch.top + height, patch.left : patch.left + width]
            window[patch.mask] = patch.pixels[patch.mask]
    return result, rectangles, left_alone


def test_the_fill_is_close_to_what_was_there() -> None:
    clean = landscape(600, 800)
    damaged, truth = scratched(clean, seed=3)
    result, _, left_alone = _filled(damaged, truth)
    assert not left_alone
    error = np.abs(result[truth].astype(int) - clean[truth])
    assert np.median(error) <= 3
    assert error.mean() < 0.1 * np.abs(damaged[truth].astype(int) - clean[truth]).mean()


def test_only_damage_and_its_rim_change() -> None:
    damaged, truth = scratched(landscape(600, 800), seed=3)
    result, rectangles, _ = _filled(damaged, truth, rim=2)
    rows, columns = np.nonzero(result != damaged)
    from scipy.ndimage import distance_transform_cdt

    assert distance_transform_cdt(~truth, "chessboard")[rows, columns].max() <= 2
    assert 0 < len(rectangles) < 80
    assert sum(r.mask.size for r in rectangles) < 0.15 * damaged.size


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_scanned_as_rgb_stays_exactly_grey(dtype: type) -> None:
    damaged, truth = scratched(landscape(400, 500), seed=1)
    picture = rgb(damaged)
    pixels = sixteen(picture) if dtype == np.uint16 else picture
    result, rectangles, _ = _filled(pixels, truth)
    assert rectangles
    assert (result[..., 0] == result[..., 1]).all() and (result[..., 1] == result[..., 2]).all()
    alone, _, _ = _filled(np.ascontiguousarray(pixels[..., 0]), truth)
    assert (result[..., 0] == alone).all()


def test_sixteen_bits_are_not_eight() -> None:
    ramp = np.linspace(20000, 22000, 400 * 300).reshape(300, 400).astype(np.uint16)
    mask = np.zeros(ramp.shape, bool)
    mask[100:200, 150:153] = True
    holed = ramp.copy()
    holed[mask] = 65535
    result, _, _ = _filled(holed, mask)
    assert np.abs(result[mask].astype(int) - ramp[mask]).max() < 60
    assert len(np.unique(result[mask] % 257)) > 20


def test_grain_is_put_back() -> None:
    random = np.random.default_rng(0)
    grainy = np.clip(128 + random.normal(0, 8, (300, 400)), 0, 255).astype(np.uint8)
    mask = np.zeros(grainy.shape, bool)
    mask[50:250, 200:206] = True
    result, _, _ = _filled(grainy, mask)
    assert 4 < result[60:240, 201:205].astype(float).std() < 12
    smooth = np.full((300, 400), 128, np.uint8)
    result, _, _ = _filled(np.where(mask, 255, smooth).astype(np.uint8), mask)
    assert np.abs(result.astype(int) - 128)[mask].max() <= 1


def test_a_loss_too_large_is_left_alone() -> None:
    pixels = landscape(400, 500)
    mask = np.zeros(pixels.shape, bool)
    mask[100:180, 100:200] = True
    mask[300:303, 50:400] = True
    pixels[mask] = 255
    result, _, left_alone = _filled(pixels, mask)
    assert left_alone
    assert (result[90:190, 90:210] == pixels[90:190, 90:210]).all()
    assert (result[300:303, 60:390] != 255).mean() > 0.95


def test_twice_the_same() -> None:
    damaged, truth = scratched(landscape(300, 400), seed=9)
    first, _, _ = _filled(damaged, truth)
    second, _, _ = _filled(damaged, truth)
    assert (first == second).all()


def test_nothing_known_nothing_done() -> None:
    pixels = np.full((20, 20), 200, np.uint8)
    result, rectangles, _ = _filled(pixels, np.ones((20, 20), bool), deepest=100)
    assert rectangles == [] and (result == pixels).all()
