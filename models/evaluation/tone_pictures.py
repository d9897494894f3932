"""Photographs whose tone is known because it was made: from one in colour, seeded by a number.

What they must be taken for is in `WANTED`; none of them is a real print, and figures on them are
counted apart from those on real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.contract import Tone

Image = NDArray[np.uint8]
_Light = NDArray[np.float64]

PRINT: frozenset[Tone] = frozenset({"monochrome", "toned"})
COLOR: frozenset[Tone] = frozenset({"color"})

WANTED = {
    "faded colour": COLOR,
    "sepia": PRINT,
    "cyanotype": PRINT,
    "grey in RGB": PRINT,
    "hand-tinted": COLOR,
    "tinted detail": PRINT,
}
"""Kind to what it may be taken for. A print tinted all over is in colour: what a colourist once
laid on is left alone. Cheeks, lips and a brooch touched up do not make a colour photograph."""

_PAINTS = ((0.78, 0.35, 0.33), (0.80, 0.62, 0.22), (0.30, 0.42, 0.68))


def made_from(photograph: Image, number: int) -> Iterator[tuple[str, Image]]:
    """Every kind of `WANTED`, HxWx3, from `photograph` HxWx3 in colour; alike for a `number`."""
    random = np.random.default_rng((7, number))
    colors = photograph.astype(np.float64) / 255
    grey = colors @ (0.299, 0.587, 0.114)
    yield "faded colour", _scanned(_faded(colors, random), random)
    yield "sepia", _scanned(_yellowed(_sepia(grey, random), random), random)
    yield "cyanotype", _scanned(_yellowed(_cyanotype(grey, random), random), random)
    cast_ = 1 + random.uniform(-0.05, 0.05, 3)
    yield "grey in RGB", _scanned(_yellowed(grey[..., None] * cast_, random), random, 8.0)
    yield "hand-tinted", _scanned(_tinted(grey, colors, random), random)
    yield "tinted detail", _scanned(_touched(grey, random), random)


def _faded(colors: _Light, random: Generator) -> _Light:
    """A dye print that lost contrast, saturation and most of one dye."""
    mean = colors.mean(axis=2, keepdims=True)
    dull = mean + (colors - mean) * random.uniform(0.5, 0.8)
    contrast = random.uniform(0.5, 0.75)
    floor = random.uniform(0.15, 0.95 - contrast)
    return cast(_Light, (floor + contrast * dull) * (1 + random.uniform(-0.1, 0.1, 3)))


def _sepia(grey: _Light, random: Generator) -> _Light:
    gammas = (random.uniform(0.7, 0.9), 1.0, random.uniform(1.15, 1.5))
    gains = (1.0, random.uniform(0.92, 0.98), random.uniform(0.78, 0.92))
    return np.power(grey[..., None], gammas) * gains


def _cyanotype(grey: _Light, random: Generator) -> _Light:
    return np.power(grey[..., None], (random.uniform(1.4, 2.0), 1.1, random.uniform(0.55, 0.75)))


def _yellowed(picture: _Light, random: Generator) -> _Light:
    """Paper that yellowed unevenly, slowly from place to place."""
    height, width = picture.shape[:2]
    knots = random.uniform(0, 1, (3, 4)).astype(np.float32)
    field = np.clip(cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    loss = np.array((0.0, 0.03, 0.12)) * random.uniform(0.2, 1.0)
    return picture * (1 - field[..., None] * loss)


def _tinted(grey: _Light, colors: _Light, random: Generator) -> _Light:
    """Transparent washes over a third to two thirds of the print, in about the true colours."""
    height, width = grey.shape
    knots = random.normal(0, 1, (5, 6)).astype(np.float32)
    field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    share = _soft(field > np.quantile(field, random.uniform(0.35, 0.65)), width / 80)
    washes = cv2.GaussianBlur(colors, (0, 0), width / 60)
    tint = washes - (washes @ (0.299, 0.587, 0.114))[..., None]
    return grey[..., None] + random.uniform(0.6, 0.9) * tint * share[..., None]


def _touched(grey: _Light, random: Generator) -> _Light:
    """Two to four spots of paint, of one to two hundredths of the picture in all."""
    height, width = grey.shape
    picture = np.repeat(grey[..., None], 3, axis=2)
    count = int(random.integers(2, 5))
    radius = round((random.uniform(0.01, 0.02) * height * width / count / np.pi) ** 0.5)
    for _ in range(count):
        spot = np.zeros((height, width), np.uint8)
        place = (int(random.integers(width)), int(random.integers(height)))
        cv2.circle(spot, place, max(1, radius), 1, -1)
        share = 0.7 * _soft(spot > 0, radius / 4 + 0.5)[..., None]
        paint = np.array(_PAINTS[int(random.integers(len(_PAINTS)))])
        picture = picture * (1 - share + share * paint / paint.max())
    return picture


def _soft(mask: NDArray[np.bool_], width: float) -> _Light:
    return cast(_Light, cv2.GaussianBlur(mask.astype(np.float64), (0, 0), width))


def _scanned(picture: _Light, random: Generator, grain: float = 4.0) -> Image:
    """Rounded samples with up to `grain` levels of noise, different in every channel."""
    noise = random.normal(0, random.uniform(1, grain), picture.shape)
    return np.clip(np.rint(255 * picture + noise), 0, 255).astype(np.uint8)
