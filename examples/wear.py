"""Paints plausible wear on a photograph: scratches, dust, hairs, a crease; and the back of a print.

Everything is drawn from a seeded generator, so that the same seed gives the same wear. Pictures
are float32, HxWx3 or HxW, 0 to 1, as displayed (not linear light); lengths are in pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

PAPER = np.array([0.94, 0.91, 0.84], np.float32)
"""Where the emulsion is gone, the print's own paper shows."""

DIRT = np.array([0.09, 0.08, 0.07], np.float32)

_FINE = 4
"""Strokes are drawn this many times larger and averaged down, for widths below a pixel."""


def _smooth_noise(rng: np.random.Generator, count: int, span: float) -> NDArray[np.float64]:
    """`count` values of mean 0 and deviation 1 that vary over about `span` steps."""
    reach = int(3 * span)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / span) ** 2)
    noise = np.convolve(rng.standard_normal(count + 2 * reach), kernel, "valid")
    return np.asarray((noise - noise.mean()) / (noise.std() + 1e-9))


def _draw(
    canvas: NDArray[np.uint8],
    points: NDArray[np.float64],
    widths: NDArray[np.float64],
    strengths: NDArray[np.float64],
) -> None:
    """Draw a stroke through `points` (Nx2, x and y) whose width and strength (0 to 1) vary."""
    fixed = np.round(points * _FINE * 16).astype(int)
    for start, end, width, strength in zip(
        fixed[:-1], fixed[1:], widths[:-1], strengths[:-1], strict=True
    ):
        if width <= 0 or strength <= 0:
            continue
        thickness = max(1, round(float(width) * _FINE))
        ends = (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))
        cv2.line(canvas, *ends, 255.0 * float(strength), thickness, cv2.LINE_AA, 4)


def _canvas(picture: Picture) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    return np.zeros((height * _FINE, width * _FINE), np.uint8)


def _lay(picture: Picture, canvas: NDArray[np.uint8], tone: Picture) -> Picture:
    """Blend `tone` over `picture` where the fine `canvas` was painted."""
    height, width = picture.shape[:2]
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    alpha = (small.astype(np.float32) / 255)[..., np.newaxis]
    return np.asarray(picture * (1 - alpha) + tone * alpha, np.float32)


def scratches(picture: Picture, rng: np.random.Generator, count: int = 13) -> Picture:
    """Emulsion scraped off along the direction of travel: bright, thin, broken lines."""
    height, width = picture.shape[:2]
    canvas = _canvas(picture)
    for _ in range(count):
        length = rng.uniform(0.15, 1.1) * height
        steps = max(8, int(length / 4))
        x, y = rng.uniform(0, width), rng.uniform(-0.2, 0.9) * height
        lean = rng.normal(0, 0.05) + (rng.choice([-0.8, 0.8]) if rng.random() < 0.25 else 0)
        along = np.linspace(0, length, steps)
        points = np.stack(
            [x + lean * along + 0.8 * _smooth_noise(rng, steps, 12), y + along], axis=1
        )
        pressure = _smooth_noise(rng, steps, 6)
        widths = np.clip(rng.uniform(0.7, 1.8) + 0.35 * pressure, 0, None)
        strengths = np.clip(rng.uniform(0.4, 1.0) + 0.6 * np.minimum(pressure + 0.4, 0), 0, 1)
        _draw(canvas, points, widths, strengths)
    return _lay(picture, canvas, PAPER)


def dust(picture: Picture, rng: np.random.Generator, count: int = 170) -> Picture:
    """Small ragged specks; a third of them dark (on the print), the rest bright."""
    height, width = picture.shape[:2]
    for tone, share in ((PAPER, 0.67), (DIRT, 0.33)):
        canvas = _canvas(picture)
        for _ in range(int(count * share)):
            middle = rng.uniform((0, 0), (width, height))
            radius = min(0.6 + rng.exponential(0.8), 4.5)
            angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
            reach = radius * rng.uniform(0.5, 1.2, 9)
            outline = middle + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
            corners = np.round(outline * _FINE * 16).astype(np.int32)
            cv2.fillPoly(canvas, [corners], 255.0 * rng.uniform(0.6, 1.0), cv2.LINE_AA, 4)
        picture = _lay(picture, canvas, tone)
    return picture


def hair(
    picture: Picture, rng: np.random.Generator, start: tuple[float, float], tone: Picture
) -> Picture:
    """One curling hair that begins at `start` (x and y as shares of the picture)."""
    height, width = picture.shape[:2]
    steps = 150
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(0.05 * _smooth_noise(rng, steps, 15))
    path = np.cumsum(2.4 * np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
    canvas = _canvas(picture)
    points = np.array([start[0] * width, start[1] * height]) + path
    _draw(canvas, points, np.full(steps, 1.5), np.full(steps, 0.85))
    return _lay(picture, canvas, tone)


def crease(
    picture: Picture,
    rng: np.random.Generator,
    start: tuple[float, float],
    end: tuple[float, float],
) -> Picture:
    """A fold from `start` to `end` (x and y as shares): shading beside it, cracks along it."""
    height, width = picture.shape[:2]
    size = np.array([width, height])
    first, last = np.array(start) * size, np.array(end) * size
    direction = (last - first) / np.linalg.norm(last - first)
    normal = np.array([-direction[1], direction[0]])
    rows, columns = np.mgrid[0:height, 0:width]
    distance = (columns - first[0]) * normal[0] + (rows - first[1]) * normal[1]
    shade = 0.22 * np.sign(distance) * np.exp(-np.abs(distance) / 9)
    picture = np.asarray(np.clip(picture * (1 + shade[..., np.newaxis]), 0, 1), np.float32)

    steps = int(np.linalg.norm(last - first) / 2)
    line = first + np.linspace(0, 1, steps)[:, np.newaxis] * (last - first)
    line = line + normal * (1.2 * _smooth_noise(rng, steps, 10))[:, np.newaxis]
    widths = np.clip(1.3 + 1.1 * _smooth_noise(rng, steps, 4), 0, None)
    canvas = _canvas(picture)
    _draw(canvas, line, widths, np.full(steps, 0.95))
    return _lay(picture, canvas, PAPER)


def print_back(rng: np.random.Generator, height: int, width: int, lines: list[str]) -> Picture:
    """The back of a mounted print, HxW grey: mottled card, foxing, `lines` in pencil (ASCII)."""
    card = np.full((height, width), 0.80, np.float32)
    for spread, depth in ((60.0, 0.015), (12.0, 0.008), (1.0, 0.010)):
        noise = cv2.GaussianBlur(
            rng.standard_normal((height, width)).astype(np.float32), (0, 0), spread
        )
        card += depth * noise / noise.std()
    spots = np.zeros((height, width), np.float32)
    for _ in range(60):
        middle = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(spots, middle, int(1 + rng.exponential(2.5)), rng.uniform(0.1, 0.5), -1)
    card *= 1 - 0.5 * cv2.GaussianBlur(spots, (0, 0), 2.0)
    pencil = np.zeros((height * _FINE, width * _FINE), np.uint8)
    for index, text in enumerate(lines):
        place = (int(0.08 * width * _FINE), int((0.16 + 0.09 * index) * height * _FINE))
        font = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX
        cv2.putText(pencil, text, place, font, 3.6, 200, 6, cv2.LINE_AA)
    writing = cv2.resize(pencil, (width, height), interpolation=cv2.INTER_AREA) / 255
    texture = cv2.GaussianBlur(
        rng.uniform(0.4, 1.0, (height, width)).astype(np.float32), (0, 0), 0.7
    )
    return np.asarray(np.clip(card * (1 - 0.75 * writing * texture), 0, 1), np.float32)
