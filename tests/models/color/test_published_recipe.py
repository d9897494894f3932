"""The published recipe step by step; and ours, which keeps a picture's shape."""

from __future__ import annotations

import numpy as np
import pytest
from published_colors import artistic, filter_vectors

from models.color.published_recipe import (
    canvas,
    colorized,
    denormalized,
    drawn,
    laid,
    lifted,
    normalized,
    squeezed,
    unsqueezed,
    with_luma_of,
)


def apart(made: np.ndarray, wanted: np.ndarray) -> int:
    return int(np.abs(made.astype(int) - wanted.astype(int)).max())


@pytest.mark.parametrize("factor", [5, 8])
def test_every_step_is_the_published_one(factor: int) -> None:
    stored = filter_vectors()
    picture = stored["image"]
    ready = squeezed(picture, factor)
    assert np.array_equal(ready, stored[f"model_ready_rf{factor}"])
    large = unsqueezed(stored[f"model_image_rf{factor}"], picture)
    assert np.array_equal(large, stored[f"raw_color_rf{factor}"])
    final = with_luma_of(picture, stored[f"raw_color_rf{factor}"])
    assert np.array_equal(final, stored[f"final_rf{factor}"])


def test_the_whole_recipe_with_its_network_is_the_published_one() -> None:
    stored = filter_vectors()
    # Fractions are cut off, so a level may go either way on another machine.
    made = drawn(artistic(), stored["model_ready_rf5"])
    assert apart(made, stored["model_image_rf5"]) <= 1
    assert apart(colorized(artistic(), stored["image"], 5), stored["final_rf5"]) <= 2


def test_normalization_is_undone() -> None:
    rgb = np.random.default_rng(0).random((5, 7, 3), np.float32)
    assert np.allclose(denormalized(normalized(rgb)), rgb, atol=1e-6)
    grey = rgb[..., 0]
    planes = normalized(grey)
    assert tuple(planes.shape) == (1, 3, 5, 7)
    assert np.allclose(denormalized(planes), grey[..., None].repeat(3, -1), atol=1e-6)


SIZES = [(4000, 3000), (560, 560), (4000, 1000), (1000, 4000), (30000, 300), (8, 8), (1, 900)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("factor", [1, 12, 35])
def test_a_picture_keeps_its_shape_and_its_share_of_pixels(
    width: int, height: int, factor: int
) -> None:
    place = canvas(width, height, factor)
    assert place.across % 32 == place.down % 32 == 0
    assert min(place.across, place.down) >= 32
    assert 0 <= place.left <= place.across - place.width < 32 + place.left
    assert 0 <= place.top <= place.down - place.height < 32 + place.top
    assert place.width * place.height <= 1.1 * (16 * factor) ** 2
    ratio = max(width, height) / min(width, height)
    if factor == 35 and ratio <= 4:
        assert place.width / place.height == pytest.approx(width / height, rel=0.01)
        assert place.width * place.height == pytest.approx(560**2, rel=0.01)
    assert max(place.width, place.height) <= 2 * 16 * factor


@pytest.mark.parametrize(("width", "height"), [(40, 10), (8, 8), (1, 9), (200, 300)])
def test_the_margins_mirror_the_picture_and_are_taken_off_again(width: int, height: int) -> None:
    grey = np.random.default_rng(0).random((height, width), np.float32)
    place = canvas(width, height, 4)
    framed = laid(grey, place)
    assert framed.shape == (place.down, place.across)
    assert framed.min() >= 0
    assert framed.max() <= 1
    inner = lifted(framed, place)
    assert inner.shape == (place.height, place.width)
    assert framed.mean() == pytest.approx(inner.mean(), abs=0.1)
    if place.left:
        assert np.array_equal(framed[:, place.left - 1], framed[:, place.left])
    planes = np.stack([framed, framed], axis=-1)
    assert lifted(planes, place).shape == (place.height, place.width, 2)
