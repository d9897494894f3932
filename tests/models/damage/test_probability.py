import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import landscape, scratched
from tiny_networks import bright_things
from torch import Tensor

from models.contract import Box, Rectangle
from models.damage.probability import DamageProbability, levels
from models.tiling import Tiler

Plane = NDArray[np.uint8]


def measured(plane: Plane, area: Box | None = None, tile: int = 128) -> DamageProbability:
    height, width = plane.shape
    likely = DamageProbability(
        plane.copy(),
        area or Box(0, 0, width, height),
        bright_things,
        Tiler(8, tile, 32, least=16),
    )
    likely.measure()
    return likely


def test_hairlines_and_creases_are_both_found() -> None:
    """The detector sees 21 pixels: a crease of 30 fills what it sees but on smaller copies."""
    plane = np.full((260, 1601), 90, np.uint8)
    plane[:, 400:402] = 230
    plane[:, 1000:1030] = 230
    assert levels(plane.shape) == 3
    found = measured(plane).combined()
    assert (found[20:-20, 400:402] > 200).all()
    assert (found[20:-20, 1005:1025] > 200).mean() > 0.95
    assert (found[:, 60:340] < 20).all() and (found[:, 1100:] < 20).all()
    native = DamageProbability(plane, Box(0, 0, 1601, 260), bright_things, Tiler(8, 128, 32))
    native._levels = native._levels[:1]
    native.measure()
    assert (native.combined()[20:-20, 1012:1018] < 20).all()


def test_tiles_leave_no_trace() -> None:
    damaged, _ = scratched(landscape(500, 700), seed=2)
    one = measured(damaged, tile=128).combined().astype(int)
    other = measured(damaged, tile=4096).combined().astype(int)
    assert np.abs(one - other).max() <= 8  # two steps of a coded logit


def test_nothing_is_said_of_what_is_not_the_photograph() -> None:
    damaged, truth = scratched(landscape(500, 700), seed=2)
    area = Box(151, 101, 550, 400)
    found = measured(damaged, area).combined()
    inside = np.zeros(found.shape, bool)
    inside[area.top : area.bottom, area.left : area.right] = True
    assert found[~inside].max() == 0
    assert found[inside & truth].mean() > 200


def test_changes_are_looked_at_again_and_nothing_else_is() -> None:
    clean = landscape(600, 1000)
    damaged, truth = scratched(clean, seed=3)
    likely = measured(damaged)
    rows, columns = np.nonzero(truth[:, :500])
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    mended = Rectangle(
        int(top), int(left), clean[top:bottom, left:right], truth[top:bottom, left:right]
    )
    asked, whole = 0, 600 * 1000
    detector = likely._detector

    def counting(x: Tensor) -> Tensor:
        nonlocal asked
        asked += x.shape[0] * x.shape[2] * x.shape[3]
        return detector(x)

    likely._detector = counting
    likely.update([mended])
    half = damaged.copy()
    half[:, :500][truth[:, :500]] = clean[:, :500][truth[:, :500]]
    difference = likely.combined().astype(int) - measured(half).combined()
    assert np.abs(difference).max() <= 1
    assert 0 < asked < 1.4 * whole  # with what tiles overlap by; all of it would be 2.3
    asked = 0
    likely.update([])
    assert asked == 0


def test_a_level_is_believed_as_far_as_the_next_one_supports_it() -> None:
    likely = measured(np.full((200, 700), 100, np.uint8))
    own, coarser = (level.answer for level in likely._levels)
    own[:] = 128 + 16 * 3  # a logit of 3
    for logit, probability in ((-5, 0.5), (3, 0.953), (-8, 0.245)):
        coarser[:] = np.clip(128 + 16 * logit, 1, 255)
        assert likely.combined() / 255 == pytest.approx(probability, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 5), (777, 1001)])
def test_thin_and_odd_pictures(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = measured(plane).combined()
    assert found.shape == shape and found.dtype == np.uint8


def test_levels_meet_where_they_belong() -> None:
    """A mark found on a coarse level lies on the scan where it was, whatever the parity."""
    for height, width in ((301, 1733), (300, 1736)):
        plane = np.full((height, width), 60, np.uint8)
        cv2.circle(plane, (777, 113), 22, 250, -1)
        likely = measured(plane)
        likely._levels[0].answer[:] = 1  # the scan's own level is silenced
        found = likely.combined()
        rows, columns = np.nonzero(found > 128)
        assert abs(rows.mean() - 113) < 1 and abs(columns.mean() - 777) < 1
