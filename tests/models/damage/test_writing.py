"""An inventory number survives; the scratches around it do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import landscape, scratched

from models.contract import Box
from models.damage.detect import DefectDetector

NUMBER = (slice(52, 92), slice(52, 240))  # rows and columns of the ink


def negative(text: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A scratched landscape with a dark rim at the top that holds a number in white ink; and
    where the scratches are, below the rim."""
    plane, truth = scratched(landscape(800, 1000), seed=2)
    grain = np.random.default_rng(4).normal(30, 2, (130, 1000))
    plane[:130], truth[:130] = np.clip(np.rint(grain), 0, 255), False
    cv2.putText(plane, text, (60, 85), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 230, 3, cv2.LINE_AA)
    return plane, truth


def found(plane: NDArray[np.uint8]) -> NDArray[np.bool_]:
    area = Box(0, 0, plane.shape[1], plane.shape[0])
    return DefectDetector(np.ascontiguousarray(plane), area, (), 1).detect().mask > 0


@pytest.mark.parametrize("angle", [0, 1, 2])
@pytest.mark.parametrize("dark_ink", [False, True])
def test_a_number_is_left_alone_and_scratches_are_not(angle: int, dark_ink: bool) -> None:
    plane, truth = negative("18973-E")
    turned = np.rot90(255 - plane if dark_ink else plane, angle)
    mask = np.rot90(found(turned), -angle)
    assert not mask[NUMBER].any()
    assert mask[truth].mean() > 0.6


def test_it_is_the_row_that_saves_it() -> None:
    """A single mark of the same ink is taken for damage: the test above is no accident."""
    plane, _ = negative("      3")
    assert found(plane)[NUMBER].any()
