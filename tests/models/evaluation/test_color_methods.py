"""What colours a grey scan in an evaluation: tints, and the stage around any network."""

from __future__ import annotations

import numpy as np
import pytest
from color_painter import painter
from painted_scenes import in_color

from models.color.space import RED, chroma, luma
from models.contract import BadStageInput
from models.evaluation.color_methods import SEPIA, Tint, made_grey, stage_of
from models.evaluation.color_rows import luminance_error

SCENE = in_color(96, 128)


def test_made_grey_is_the_rounded_luma() -> None:
    grey = made_grey(SCENE)
    assert grey.dtype == np.uint8 and grey.shape == SCENE.shape[:2]
    assert np.abs(grey / 255 - luma(SCENE)).max() <= 0.5 / 255 + 1e-6
    deep = made_grey(SCENE, np.uint16)
    assert deep.dtype == np.uint16 and len(np.unique(deep)) > len(np.unique(grey))
    assert np.abs(deep / 65535 - luma(SCENE)).max() <= 0.5 / 65535 + 1e-6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tint_is_the_same_everywhere_and_leaves_luma(dtype: type) -> None:
    grey = made_grey(SCENE, dtype)
    left = Tint("left grey", (0.0, 0.0))(grey)
    assert all(np.array_equal(left.pixels[..., channel], grey) for channel in range(3))
    assert left.reduced == 0 and left.flags == ()
    middle = np.full((8, 8), np.iinfo(dtype).max // 2, dtype)
    made = Tint("sepia", SEPIA)(middle).pixels
    assert made.dtype == dtype and luminance_error(made, middle) < 0.5
    full = np.float32(np.iinfo(dtype).max)
    assert np.allclose(chroma(made.astype(np.float32) / full), SEPIA, atol=0.01)
    assert made[0, 0, 0] > made[0, 0, 1] > made[0, 0, 2]


def test_colors_outside_srgb_are_counted() -> None:
    white = np.full((4, 4), 255, np.uint8)
    half = np.concatenate([white, np.full((4, 4), 128, np.uint8)])
    drawn = Tint("red", (0.0, 0.2))(half)
    assert drawn.reduced == 0.5
    assert (drawn.pixels[:4] == 255).all()
    assert drawn.pixels[4, 0, 0] == pytest.approx(128 + 0.2 * 2 * (1 - RED) * 255, abs=1)


def test_the_stage_draws_what_its_network_answers() -> None:
    grey = made_grey(SCENE)
    drawn = stage_of(painter())(grey)
    true = SCENE.astype(np.float32)
    assert np.abs(drawn.pixels - true).mean() < 4 < np.abs(grey[..., None] - true).mean()
    assert luminance_error(drawn.pixels, grey) < 0.5
    pale = stage_of(painter(), saturation=0.5)(grey)
    spreads = [np.ptp(one.pixels.astype(float), axis=2).mean() for one in (pale, drawn)]
    assert 0.4 < spreads[0] / spreads[1] < 0.6
    assert stage_of(painter("named"), render_factor=8).name == "named"
    with pytest.raises(BadStageInput, match="render_factor"):
        stage_of(painter(), render_factor=1000)


def test_what_the_stage_leaves_alone_stays_grey_and_says_why() -> None:
    blank = np.full((64, 64), 200, np.uint8)
    drawn = stage_of(painter())(blank)
    assert (drawn.pixels == 200).all() and "blank" in drawn.flags[0]
