"""Lines of varying width and opacity, and outlines, drawn with sub-pixel accuracy."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, Plane, between, smooth_curve
from models.training.degradation.sheet import Patch

Points = NDArray[np.float64]
"""Nx2, x and y in pixels."""

_SHIFT = 4
_WAVES = np.arange(2, 9)
_FINE_LIMIT = 2_000_000
"""Windows above so many pixels are drawn without supersampling."""


def path(
    rng: Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    scale: float,
    bend: float = 0.0,
    jitter: float = 0.0,
) -> Points:
    """A line from `start`: `bend` is its whole turn (radians), `jitter` its waver (pixels)."""
    count = int(np.clip(length / (5 * scale), 4, 60))
    along = np.linspace(0, 1, count)
    turns = heading + bend * (along - 0.5)
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / (count - 1))
    points: Points = np.array(start) + np.cumsum(steps, axis=0) - steps[0]
    if jitter > 0:
        waver = jitter * smooth_curve(rng, count, max(3, count // 3))
        points[:, 0] -= waver * np.sin(turns)
        points[:, 1] += waver * np.cos(turns)
    return points


def wander(
    rng: Generator, start: tuple[float, float], length: float, curl: float, count: int = 24
) -> Points:
    """A smooth wandering line (hair, lint) whose heading drifts by about `curl` radians."""
    turns = rng.random() * 2 * np.pi + curl * smooth_curve(rng, count, 5)
    turns = turns + between(rng, (-1.0, 1.0)) * curl * np.linspace(0, 1, count)
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / count)
    return np.asarray(np.array(start) + np.cumsum(steps, axis=0))


def window(
    points: Points, reach: float, height: int, width: int
) -> tuple[int, int, int, int] | None:
    """Top, left, bottom, right of the part of the picture that `points` +- `reach` cover."""
    low = np.floor(points.min(axis=0) - reach)
    high = np.ceil(points.max(axis=0) + reach) + 1
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width, int(high[0])), min(height, int(high[1]))
    return (top, left, bottom, right) if top < bottom and left < right else None


def stroke(
    points: Points,
    widths: NDArray[np.floating],
    opacity: NDArray[np.floating],
    shape: tuple[int, int],
) -> Patch | None:
    """Opacity of a line through `points` whose width (pixels) and opacity vary along it.

    `widths` and `opacity` hold one value per point; widths below one pixel are drawn thinner
    by supersampling. None where the line misses the picture of this `shape` (height, width).
    """
    box = window(points, float(widths.max()) / 2 + 2, *shape)
    if box is None:
        return None
    top, left, bottom, right = box
    fine = 2 if (bottom - top) * (right - left) < _FINE_LIMIT else 1
    canvas = np.zeros(((bottom - top) * fine, (right - left) * fine), np.uint8)
    fixed = np.round((points - (left, top)) * (fine << _SHIFT)).astype(np.int32).tolist()
    thick = np.maximum(1, np.round(widths * fine)).astype(int).tolist()
    level = np.clip(opacity * 255, 0, 255).astype(int).tolist()
    for here, there, wide, value in zip(fixed[:-1], fixed[1:], thick[:-1], level[:-1], strict=True):
        if value > 8:
            cv2.line(canvas, here, there, value, wide, cv2.LINE_AA, _SHIFT)
    return _shrunk(canvas, fine), top, left


def shape_of(outlines: list[Points], shape: tuple[int, int], reach: float = 2.0) -> Patch | None:
    """Opacity (0 to 1) of filled outlines; None where they miss the picture."""
    box = window(np.concatenate(outlines), reach, *shape)
    if box is None:
        return None
    top, left, bottom, right = box
    fine = 2 if (bottom - top) * (right - left) < _FINE_LIMIT else 1
    canvas = np.zeros(((bottom - top) * fine, (right - left) * fine), np.uint8)
    for outline in outlines:
        corners = np.round((outline - (left, top)) * (fine << _SHIFT)).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, _SHIFT)
    return _shrunk(canvas, fine), top, left


def _shrunk(canvas: NDArray[np.uint8], fine: int) -> Plane:
    if fine > 1:
        size = (canvas.shape[1] // fine, canvas.shape[0] // fine)
        canvas = cast(NDArray[np.uint8], cv2.resize(canvas, size, interpolation=cv2.INTER_AREA))
    return np.multiply(canvas, np.float32(1 / 255), dtype=np.float32)


def blob(
    rng: Generator, middle: tuple[float, float], radius: float, ragged: float, count: int = 40
) -> Points:
    """The closed outline of an irregular patch: `ragged` 0 is an ellipse, 1 is torn."""
    angles = np.arange(count) * (2 * np.pi / count)
    phases, swings = rng.random((2, 7))
    reach = 1 + 0.9 * ragged * (
        (swings / _WAVES) @ np.cos(np.outer(_WAVES, angles) + 2 * np.pi * phases[:, np.newaxis])
    )
    reach += 0.12 * ragged * rng.standard_normal(count)
    stretch = between(rng, (0.55, 1.0))
    turn = rng.random() * np.pi
    x = np.cos(angles) * reach * radius / np.sqrt(stretch)
    y = np.sin(angles) * reach * radius * np.sqrt(stretch)
    return np.stack(
        [
            middle[0] + x * np.cos(turn) - y * np.sin(turn),
            middle[1] + x * np.sin(turn) + y * np.cos(turn),
        ],
        axis=1,
    )
