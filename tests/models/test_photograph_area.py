import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import landscape

from models.contract import Box
from models.photograph_area import photograph_area


def _bordered(picture: NDArray[np.uint8], width: int, level: int) -> NDArray[np.uint8]:
    bordered = cv2.copyMakeBorder(
        picture, width, width, width, width, cv2.BORDER_CONSTANT, value=level
    )
    noise = np.random.default_rng(1).integers(-3, 4, bordered.shape)
    return np.clip(bordered + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 12, 250, 255, 228])
def test_a_border_is_cut(level: int) -> None:
    picture = landscape(420, 560)
    picture[:] = np.clip(picture, 60, 190)
    area = photograph_area(_bordered(picture, 30, level))
    assert abs(area.left - 30) <= 2 and abs(area.top - 30) <= 2
    assert abs(area.right - 590) <= 2 and abs(area.bottom - 450) <= 2


def test_borders_within_borders_are_cut() -> None:
    picture = np.clip(landscape(420, 560), 60, 190)
    area = photograph_area(_bordered(_bordered(picture, 20, 8), 20, 252))
    assert abs(area.left - 40) <= 3 and abs(area.bottom - 460) <= 3


def test_writing_on_the_border_does_not_hide_it() -> None:
    scan = _bordered(np.clip(landscape(420, 560), 60, 190), 40, 5)
    cv2.putText(scan, "D-9289", (250, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 240, 2)
    assert abs(photograph_area(scan).top - 40) <= 2


def _white_sky() -> NDArray[np.uint8]:
    picture = landscape()
    picture[:200] = 252
    return picture


def _night() -> NDArray[np.uint8]:
    picture = (landscape() * 0.1).astype(np.uint8)
    cv2.circle(picture, (320, 240), 60, 220, -1)
    return picture


def _vignette() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[-1:1:480j, -1:1:640j]
    share = np.clip(1.6 - 2 * (rows**2 + columns**2), 0, 1)
    return (landscape() * share + 250 * (1 - share)).astype(np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        landscape(),
        _white_sky(),
        _night(),
        _vignette(),
        np.full((300, 400), 255, np.uint8),
        np.zeros((300, 400), np.uint8),
        np.zeros((1, 800), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8),
    ],
    ids=["plain", "white sky", "night", "vignette", "white", "black", "line", "pixel", "noise"],
)
def test_the_whole_picture_when_unsure(picture: NDArray[np.uint8]) -> None:
    assert photograph_area(picture) == Box(0, 0, picture.shape[1], picture.shape[0])
