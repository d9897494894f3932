"""A stand-in for a colour network that knows the painted scenes (`painted_scenes.in_color`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.color.choices import Choice
from models.color.space import BLUE, GREEN, RED, chroma
from models.evaluation.color_networks import ColorNetwork

Floats = NDArray[np.float32]


def scene_colors(luma: Floats) -> Floats:
    """Chroma HxWx2 of a scene of that luma: blue above, green and ochre below."""
    height, width = luma.shape
    down = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    across = np.ones((height, 1)) * np.linspace(0, 1, width)[None]
    tint = np.empty((height, width, 3), np.float32)
    tint[:] = (0.75, 0.9, 1.15)
    tint[(down >= 0.55) & (across < 0.5)] = (0.8, 1.1, 0.6)
    tint[(down >= 0.55) & (across >= 0.5)] = (1.25, 1.0, 0.6)
    weight = tint @ np.array((RED, GREEN, BLUE), np.float32)
    return chroma(luma[..., None] * tint / weight[..., None])


def painter(name: str = "painter", strength: float = 1.0) -> ColorNetwork:
    """A network that draws those, `strength` times as strong."""

    def predict(luma: Floats) -> Floats:
        return np.float32(strength) * scene_colors(luma)

    return ColorNetwork(name, predict, Choice("painter/1", name, 12), weights={name: "0" * 64})
