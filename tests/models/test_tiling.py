from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.contract import BadStageInput, Box
from models.damage.vae import Autoencoder
from models.spans import reflected, shares, spans
from models.tiling import BadNetworkOutput, Floats, Tiler, on_device

Network = Callable[[Tensor], Tensor]

SIZES = [(300, 411), (128, 128), (129, 97), (1, 1), (7, 5), (1, 700), (700, 1)]


def convolution(radius: int = 2) -> Network:
    """A network that sees `radius` pixels around each."""
    side = 2 * radius + 1
    seed = torch.Generator().manual_seed(0)
    kernel = torch.randn(2, 3, side, side, generator=seed) / side**2
    return lambda x: torch.nn.functional.conv2d(x, kernel, padding=radius)


def picture(height: int, width: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def untiled(image: Floats, network: Network, multiple: int) -> Floats:
    height, width = image.shape[:2]
    padded = reflected(image, -(-height // multiple) * multiple, -(-width // multiple) * multiple)
    with torch.inference_mode():
        answer = network(torch.from_numpy(padded).permute(2, 0, 1)[None])[0]
    return answer.permute(1, 2, 0).numpy()[:height, :width]


def tiled(
    image: Floats, network: Network, tiler: Tiler, wanted: Callable[[Box], bool] | None = None
) -> NDArray[np.float32]:
    """The cells put together; NaN where none came."""
    height, width = image.shape[:2]
    result = np.full((height, width, 3), np.nan, np.float32)

    def read(box: Box) -> Floats:
        assert 0 <= box.top < box.bottom <= height and 0 <= box.left < box.right <= width
        return image[box.top : box.bottom, box.left : box.right]

    for box, values in tiler.run(read, height, width, network, wanted):
        place = result[box.top : box.bottom, box.left : box.right, : values.shape[2]]
        assert np.isnan(place).all()  # every pixel comes once
        place[...] = values
    return result


@pytest.mark.parametrize("length", [1, 40, 128, 129, 500, 511, 512])
@pytest.mark.parametrize(("tile", "overlap"), [(128, 32), (64, 32), (96, 0)])
def test_tiles_share_every_pixel_fully(length: int, tile: int, overlap: int) -> None:
    parts = spans(length, tile, overlap, 8, least=16)
    total = np.zeros(length + tile, np.float64)
    for index, part in enumerate(parts):
        assert part.start % 8 == part.stop % 8 == 0 and part.stop - part.start >= 16
        total[part.start : part.stop] += shares(parts, index)
    assert total[:length] == pytest.approx(1, abs=1e-6)
    assert [part.end for part in parts] == [*(part.start for part in parts[1:]), length]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_network_of_short_reach_cannot_tell_that_it_was_tiled(
    height: int, width: int, batch: int
) -> None:
    image, network = picture(height, width), convolution()
    result = tiled(image, network, Tiler(8, 64, 16, batch))[..., :2]
    assert np.abs(result - untiled(image, network, 8)).max() < 1e-5


def test_seams_are_neither_visible_nor_measurable() -> None:
    """A network that sees further than the overlap: tiles differ, and nothing shows where."""
    torch.manual_seed(0)
    network = on_device(Autoencoder(8, "position"), torch.device("cpu"), "float32")
    rows, columns = np.mgrid[0:352, 0:416].astype(np.float32)
    smooth = 0.5 + 0.3 * np.sin(rows / 37) * np.cos(columns / 29)
    image = np.repeat(smooth[..., None], 3, axis=2) * 2 - 1
    whole = untiled(image, network, 4)

    def jumps(overlap: int) -> NDArray[np.float32]:
        """From column to column, how much more (or less) tiles jump than the whole."""
        result = tiled(image, network, Tiler(4, 160, overlap))
        if overlap:
            assert np.abs(result - whole).max() < 0.05 * np.ptp(whole)
        difference = np.diff(result - whole, axis=1)
        return np.asarray(np.abs(difference).mean(axis=(0, 2)), np.float32)

    own = np.abs(np.diff(whole, axis=1)).mean(axis=(0, 2))
    butted, blended = jumps(0), jumps(64)
    assert butted[155:165].max() > 0.5 * own.mean()  # where tiles only touch, there is a seam
    assert blended.max() < 0.04 * own.mean()
    assert blended.max() < 0.05 * butted.max()


def test_only_tiles_that_count_are_computed() -> None:
    image, network = picture(400, 400), convolution()
    asked = np.zeros((400, 400), bool)
    asked[130:150, 70:75] = True
    count = 0

    def counting(x: Tensor) -> Tensor:
        nonlocal count
        count += len(x)
        return network(x)

    def wanted(box: Box) -> bool:
        return bool(asked[box.top : box.bottom, box.left : box.right].any())

    result = tiled(image, counting, Tiler(8, 64, 16), wanted)[..., :2]
    assert 0 < count <= 4
    assert np.abs(result - untiled(image, network, 8))[asked].max() < 1e-5
    assert np.isnan(result[300:]).all()
    assert tiled(image, counting, Tiler(8, 64, 16), lambda _: False).size
    assert count <= 4


class Scarce:
    """A network that runs out of memory above a number of pixels at once."""

    def __init__(self, most: int, network: Network) -> None:
        self.most, self.network, self.failures = most, network, 0

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] * x.shape[2] * x.shape[3] > self.most:
            self.failures += 1
            raise torch.OutOfMemoryError("CUDA out of memory (simulated)")
        return self.network(x)


@pytest.mark.parametrize(
    ("most", "batch", "side"),
    [(4 * 256**2, 4, 256), (2 * 256**2, 2, 256), (256**2, 1, 256), (256**2 - 1, 1, 128),
     (64**2, 1, 64)],
)  # fmt: skip
def test_memory_that_does_not_suffice(most: int, batch: int, side: int) -> None:
    image, network = picture(250, 1010), convolution()
    scarce = Scarce(most, network)
    tiler = Tiler(8, 256, 64, batch=4)
    result = tiled(image, scarce, tiler)[..., :2]
    assert np.abs(result - untiled(image, network, 8)).max() < 1e-5
    assert (tiler.batch, tiler.side) == (batch, side)
    assert tiler.halved == (side < 256)
    learned = scarce.failures
    tiled(image, scarce, tiler)  # what was learned holds: nothing fails a second time
    assert scarce.failures == learned <= 4


def test_memory_for_nothing_at_all() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        tiled(picture(100, 100), Scarce(0, convolution()), Tiler(8, 128, 32))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_nonsense_from_a_network_has_a_name(wrong: float) -> None:
    with pytest.raises(BadNetworkOutput, match=r"row 64 .*float32"):

        def network(x: Tensor) -> Tensor:
            return x + (wrong if float(x[0, 0, 0, 0]) > 0.5 else 0.0)

        image = np.zeros((150, 40, 3), np.float32)
        image[64:] = 1
        tiled(image, network, Tiler(8, 64, 0))


def test_no_tile_is_smaller_than_the_network_takes() -> None:
    seen = []

    def network(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape[2:]))
        return x

    for height, width in SIZES:
        image = picture(height, width)
        assert np.abs(tiled(image, network, Tiler(8, 64, 16, least=32)) - image).max() < 1e-6
    assert min(min(shape) for shape in seen) >= 32
    assert all(side % 8 == 0 for shape in seen for side in shape)


def test_tiles_that_cannot_be() -> None:
    with pytest.raises(BadStageInput, match="overlap"):
        Tiler(8, 64, 48)
    with pytest.raises(BadStageInput):
        Tiler(8, 64, 16, batch=0)


def test_a_module_runs_where_it_is_told_to() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 1, 3, padding=1)
    apply = on_device(layer, torch.device("cpu"), "float32")
    x = torch.rand(1, 1, 8, 8)
    assert torch.equal(apply(x), layer(x)) and not layer.training
