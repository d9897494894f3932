"""Uneven light is measured in stops, whatever is on the picture, and flagged when it is much."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import in_color, landscape

from models.contract import BadStageInput
from models.damage.illumination import ACROSS, DOWN, FALLOFF, FLAG, illumination


def texture(seed: int = 0, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """Patches of many levels with soft shading of their own: content without a trend."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(70, 190, (height // 40, width // 40))
    picture = np.kron(levels, np.ones((40, 40)))
    return (picture + rng.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)


def lit(picture: NDArray[np.uint8], stops: NDArray[np.float64]) -> NDArray[np.uint8]:
    """`picture` with its linear light changed by `stops`, HxW."""
    values = picture / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear *= 2.0 ** (stops if picture.ndim == 2 else stops[..., None])
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(coded * 255).clip(0, 255).astype(np.uint8)


def places(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(v, u): down and across, from -1 to 1."""
    height, width = picture.shape[:2]
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return v, u


@pytest.mark.parametrize("picture", [texture(), landscape(), in_color()])
def test_even_light_is_not_flagged(picture: NDArray[np.uint8]) -> None:
    found = illumination(picture)
    assert found.flags == ()
    assert found.falloff < FALLOFF and abs(found.across) < ACROSS and abs(found.down) < DOWN


@pytest.mark.parametrize("stops", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_vignette_is_measured_in_stops(stops: float, seed: int) -> None:
    picture = texture(seed)
    v, u = places(picture)
    found = illumination(lit(picture, -stops * (u * u + v * v) / 2))
    assert found.falloff == pytest.approx(stops, abs=0.25)
    assert abs(found.across) < 0.3 and abs(found.down) < 0.3
    assert found.stops == pytest.approx(stops, abs=0.4)
    assert found.flags == ((FLAG,) if stops >= 2 else ())


@pytest.mark.parametrize(
    ("across", "down"), [(-2.6, 0.0), (2.6, 0.0), (0.0, 3.8), (0.0, -3.8), (1.7, 2.4)]
)
def test_a_gradient_has_a_side_and_a_sign(across: float, down: float) -> None:
    picture = texture(3)
    v, u = places(picture)
    # The left is lighter where `across` is positive, the top where `down` is.
    found = illumination(lit(picture, -across * (u + 1) / 2 - down * (v + 1) / 2))
    assert found.across == pytest.approx(across, abs=0.35)
    assert found.down == pytest.approx(down, abs=0.45)
    assert abs(found.falloff) < 0.4
    assert found.flags == (FLAG,)


def test_edges_do_not_count_as_light() -> None:
    picture = np.full((200, 300), 60, np.uint8)
    picture[:, 150:] = 190  # a wall in shade beside one in the sun
    found = illumination(picture)
    assert abs(found.across) < 0.1
    assert found.flags == ()


def test_the_size_of_the_copy_does_not_matter() -> None:
    picture = texture(4, 480, 640)
    v, u = places(picture)
    dark = lit(picture, -2.0 * (u * u + v * v) / 2)
    assert illumination(dark).falloff == pytest.approx(
        illumination(dark[::3, ::3]).falloff, abs=0.25
    )


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1, 300), 90, np.uint8),
        np.full((1, 1, 3), 90, np.uint8),
        np.zeros((200, 200), np.uint8),
        np.full((200, 200, 3), 255, np.uint8),
    ],
)
def test_nothing_is_claimed_where_there_is_nothing_to_see(picture: NDArray[np.uint8]) -> None:
    found = illumination(picture)
    assert (found.falloff, found.across, found.down, found.stops) == (0, 0, 0, 0)
    assert found.flags == ()


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 2), np.uint8), np.zeros((9, 9), np.uint16)])
def test_other_arrays_are_refused(wrong: NDArray[np.generic]) -> None:
    with pytest.raises(BadStageInput):
        illumination(wrong)  # type: ignore[arg-type]
