import numpy as np
import pytest
from stage_runs import plain_hints

from models.contract import BadStageInput, Box, Hints, Rectangle, StageInput
from models.pixels import check_input, check_pixels, luminance, reduced, reduced_current


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), np.int16),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4), np.uint8),
        [[1, 2]],
        None,
    ],
)
def test_other_arrays_are_refused_by_name(pixels: object) -> None:
    with pytest.raises(BadStageInput):
        check_pixels(pixels)


def test_hints_and_changes_must_fit() -> None:
    pixels = np.zeros((10, 20), np.uint8)
    outside = Hints(Box(0, 0, 21, 10), "monochrome", {}, ())
    with pytest.raises(BadStageInput, match="does not lie"):
        check_input(StageInput(pixels, outside))
    hints = plain_hints(pixels)
    mask = np.ones((3, 3), bool)
    for change in (
        Rectangle(8, 0, np.zeros((3, 3), np.uint8), mask),
        Rectangle(0, 0, np.zeros((3, 3), np.uint16), mask),
        Rectangle(0, 0, np.zeros((3, 3, 3), np.uint8), mask),
        Rectangle(-1, 0, np.zeros((3, 3), np.uint8), mask),
    ):
        with pytest.raises(BadStageInput, match="does not fit"):
            check_input(StageInput(pixels, hints, (change,)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luminance_of_equal_channels_is_the_value(dtype: type) -> None:
    top = np.iinfo(dtype).max
    grey = np.linspace(0, top, 3001 * 5).astype(dtype).reshape(5, 3001)
    plane = luminance(grey)
    assert plane.dtype == np.uint8
    assert (plane.min(), plane.max()) == (0, 255)
    assert (luminance(np.repeat(grey[..., None], 3, axis=2)) == plane).all()


def test_strips_leave_no_trace_in_a_reduced_picture_with_changes() -> None:
    # 9 megapixels: more than two strips, of a height that no factor divides.
    ramp = np.add.outer(np.arange(3001) * 9, np.arange(3007) * 7)
    pixels = ramp.astype(np.uint16)
    patch = np.full((301, 777), 65535, np.uint16)
    change = Rectangle(1200, 555, patch, np.ones(patch.shape, bool))
    current = pixels.copy()
    current[1200:1501, 555:1332] = patch
    item = StageInput(pixels, plain_hints(pixels), (change,))
    got = reduced_current(item, 1000).astype(int)
    want = reduced(current, 1000).astype(int)
    assert got.shape == want.shape
    difference = np.abs(got - want)
    # A third of a pixel of the copy at most: the two reduce in another order.
    assert np.median(difference) < 20
    assert difference[410:490, 200:430].max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 60000), (60000, 1), (3, 500), (500, 3, 3)])
def test_reduced_copies_of_thin_pictures(shape: tuple[int, ...]) -> None:
    copy = reduced(np.zeros(shape, np.uint8), 800)
    assert min(copy.shape[:2]) >= 1
    assert max(copy.shape[:2]) <= 800
