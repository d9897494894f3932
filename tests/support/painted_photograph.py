"""A small picture with the smooth tones, edges and colours of a photograph, drawn from a seed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def painted_photograph(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """HxWx3 RGB of middle tones: nothing in it is as bright as paper or as dark as dirt."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(80, 170, (4, 4, 3)).astype(np.float32)
    picture = cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR)
    middle = (width // 2, height // 2)
    cv2.circle(picture, middle, min(height, width) // 4, (150, 110, 90), -1, cv2.LINE_AA)
    return np.clip(picture, 0, 255).astype(np.uint8)
