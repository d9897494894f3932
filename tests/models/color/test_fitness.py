"""What is no photograph to colourize is told before any network runs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from painted_scenes import SEPIA, face, landscape, rgb, sixteen, toned

from models.color.fitness import unfit
from models.contract import BadStageInput, Box, Samples
from models.pixels import check_pixels, whole


def _drawing() -> Samples:
    paper = np.full((400, 500), 255, np.uint8)
    for number in range(12):
        cv2.circle(paper, (250, 200), 10 + 15 * number, 0, 2)
    cv2.putText(paper, "No. 14", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 3)
    return paper


def told(pixels: Samples) -> str | None:
    return unfit(lambda box: pixels[box.top : box.bottom, box.left : box.right], whole(pixels))


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        pytest.param(landscape(8, 8), "too small", id="8 x 8"),
        pytest.param(np.zeros((1, 1), np.uint8), "too small", id="one pixel"),
        pytest.param(np.zeros((200, 200), np.uint16), "blank", id="black"),
        pytest.param(np.full((200, 200, 3), 255, np.uint8), "blank", id="white"),
        pytest.param(_drawing(), "line art", id="1-bit drawing"),
        pytest.param(rgb(_drawing()), "line art", id="drawing in RGB"),
        pytest.param(landscape(), None, id="landscape"),
        pytest.param(sixteen(landscape()), None, id="16 bits"),
        pytest.param(toned(landscape(), *SEPIA), None, id="sepia"),
        pytest.param(face(160), None, id="face"),
        pytest.param((landscape() * 0.15 + 100).astype(np.uint8), None, id="faint"),
    ],
)
def test_reasons(pixels: Samples, reason: str | None) -> None:
    assert told(pixels) == reason


def test_only_the_box_is_looked_at() -> None:
    scan = np.zeros((400, 400), np.uint8)
    scan[100:300, 100:300] = landscape(200, 200)
    read = lambda box: scan[box.top : box.bottom, box.left : box.right]  # noqa: E731
    assert unfit(read, Box(100, 100, 300, 300)) is None
    assert unfit(read, Box(0, 0, 90, 90)) == "blank"


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(np.zeros((9, 9, 2), np.uint8), id="grey with alpha"),
        pytest.param(np.zeros((9, 9, 4), np.uint8), id="CMYK or RGBA"),
        pytest.param(np.zeros((9, 9), bool), id="1 bit"),
    ],
)
def test_arrays_that_are_no_working_pixels_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(BadStageInput):
        check_pixels(pixels)
