import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import CYANOTYPE, SEPIA, in_color, landscape, rgb, sixteen, toned

from models.color.decision import cast_of, colorfulness, decide


def _noisy(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, 6, (*grey.shape, 3))
    return np.clip(rgb(grey) + noise, 0, 255).astype(np.uint8)


def _stamped(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = rgb(grey).copy()
    cv2.circle(picture, (560, 400), 36, (190, 30, 40), 4)
    cv2.putText(picture, "No. 1923", (20, 460), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (50, 40, 160), 2)
    return picture


def _stained(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:1:480j, 0:1:640j]
    stain = np.exp(-8 * ((rows - 0.2) ** 2 + (columns - 0.3) ** 2))[..., None]
    return np.clip(rgb(grey) * (1 - stain * [0.0, 0.02, 0.07]), 0, 255).astype(np.uint8)


def _fringed(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A fine screen whose red and blue the scanner laid a pixel off to either side."""
    rows, columns = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    screen = 60 * np.sin(columns / 3.2) * np.sin(rows / 3.2)
    printed = np.clip(grey * 0.5 + 64 + screen, 0, 255).astype(np.uint8)
    picture = rgb(printed).copy()
    picture[..., 0], picture[..., 2] = np.roll(printed, 1, 1), np.roll(printed, -1, 1)
    return picture


def _by_parts(picture: NDArray[np.uint8], gain: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Within an oval, as of a frame long gone, the picture's channels multiplied by `gain`."""
    rows, columns = np.mgrid[-1:1:480j, -1:1:640j]
    inside = np.clip(8 * (1 - np.hypot(rows, columns) / 0.6), 0, 1)[..., None]
    return np.clip(picture * (1 + inside * (np.array(gain) - 1)), 0, 255).astype(np.uint8)


def _faded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.clip(picture * 0.45 * np.array([1.1, 1.0, 0.85]) + 80, 0, 255).astype(np.uint8)


GREY = landscape()
BROWNER = (1.02, 0.97, 0.85)
MONOCHROME = {
    "grey": GREY,
    "grey as RGB": rgb(GREY),
    "noise in every channel": _noisy(GREY),
    "weak cast": toned(GREY, (1.0, 1.0, 1.0), (1.01, 1.0, 0.98)),
    "stamp": _stamped(GREY),
    "stain": _stained(GREY),
    "fringes": _fringed(GREY),
    "black": np.zeros((200, 300, 3), np.uint8),
    "white": np.full((200, 300, 3), 255, np.uint8),
    "one pixel": np.full((1, 1, 3), 90, np.uint8),
    "two pixels": np.array([[[0, 0, 0], [9, 9, 9]]], np.uint8),
}
TONED = {
    "sepia": toned(GREY, *SEPIA),
    "cyanotype": toned(GREY, *CYANOTYPE),
    "yellowed": toned(GREY, (1.0, 1.0, 1.0), (1.0, 0.95, 0.75)),
    "faded sepia": _faded(toned(GREY, *SEPIA)),
    "browned by parts": _by_parts(toned(GREY, *SEPIA), BROWNER),
}
COLOR = {
    "colour": in_color(),
    "faded colour": _faded(in_color()),
    "half desaturated": (in_color() * 0.5 + rgb(GREY) * 0.5).astype(np.uint8),
    "under a strong cast": np.clip(in_color() * [1.2, 0.9, 0.6], 0, 255).astype(np.uint8),
    "evening light": (in_color() * 0.3 * [1.2, 1.0, 0.6] + rgb(GREY) * 0.6).astype(np.uint8),
    "grey before brown": _by_parts(rgb(GREY), (1.08, 1.0, 0.85)),
    "blue by parts": _by_parts(toned(GREY, *CYANOTYPE), (0.75, 1.0, 1.1)),
    "brown before green": _by_parts(toned(GREY, *SEPIA), (0.85, 1.05, 1.0)),
}


@pytest.mark.parametrize("deep", [False, True], ids=["8 bit", "16 bit"])
@pytest.mark.parametrize(
    ("picture", "tone"),
    [
        pytest.param(picture, tone, id=name)
        for tone, pictures in (("monochrome", MONOCHROME), ("toned", TONED), ("color", COLOR))
        for name, picture in pictures.items()
    ],
)
def test_tone(picture: NDArray[np.uint8], tone: str, deep: bool) -> None:
    decision = decide(sixteen(picture) if deep else picture)
    assert decision.tone == tone, decision.measures
    assert all(np.isfinite(value) for value in decision.measures.values())


def test_colorfulness_agrees_with_the_paper_formula() -> None:
    half = np.zeros((2, 2, 3), np.uint8)
    half[0] = (255, 0, 0)
    # rg is 255 or 0, yb is 127.5 or 0: equal halves, so mean and deviation are half of each.
    assert colorfulness(half) == pytest.approx(1.3 * np.hypot(127.5, 63.75), rel=1e-5)
    assert colorfulness(GREY) == 0
    assert colorfulness(rgb(GREY)) == 0


def test_cast_has_the_sign_of_the_tint() -> None:
    warm = cast_of(toned(GREY, *SEPIA))
    cold = cast_of(toned(GREY, *CYANOTYPE))
    assert warm[1] > 5 > -5 > cold[1]
    assert cast_of(rgb(GREY)) == pytest.approx((0, 0), abs=0.05)
    assert cast_of(sixteen(toned(GREY, *SEPIA))) == pytest.approx(warm, abs=0.3)
