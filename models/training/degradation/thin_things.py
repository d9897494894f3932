"""Thin things that belong to the picture: wires and railings, lit rims, halos, whiskers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, between, between_log, chance
from models.training.degradation.lettering import Picture, lay_plane
from models.training.degradation.strokes import Points, blob, path, stroke


def _line(
    picture: Picture, points: Points, width: float, opacity: float, tone: NDArray[np.float32]
) -> None:
    count = len(points)
    shape = (picture.shape[0], picture.shape[1])
    patch = stroke(points, np.full(count, width), np.full(count, opacity), shape)
    if patch is None:
        return
    alpha, top, left = patch
    window = picture[top : top + alpha.shape[0], left : left + alpha.shape[1]]
    window += alpha[..., np.newaxis] * (tone - window)


def wires(picture: Picture, rng: Generator) -> None:
    """Wires, ropes, railings, masts, twigs: smooth, even, in groups, from border to border
    or ending at a post; a thicker one has a light and a dark side."""
    height, width = picture.shape[:2]
    span = float(np.hypot(height, width))
    grey = between(rng, (0.02, 0.35)) if chance(rng, 0.7) else between(rng, (0.6, 0.95))
    tone = np.full(3, grey, np.float32) * (0.9 + 0.2 * rng.random(3, dtype=np.float32))
    thick = between_log(rng, 0.7, 6.0)
    heading, bend = rng.random() * np.pi, between(rng, (-0.35, 0.35))
    start = np.array([rng.random() * width, rng.random() * height])
    direction = np.array([np.cos(heading), np.sin(heading)])
    aside = np.array([-direction[1], direction[0]]) * thick * between_log(rng, 2.5, 12.0)
    whole = chance(rng, 0.6)
    length = span * (2.0 if whole else between(rng, (0.2, 0.6)))
    origin = start - direction * length * 0.5
    for number in range(int(rng.integers(1, 9))):
        begin = origin + number * aside
        points = path(
            rng, (begin[0], begin[1]), heading + 0.01 * rng.standard_normal(), length, 1.0, bend
        )
        _line(picture, points, thick, 0.95, tone)
        if thick > 2.5:
            side = aside / np.linalg.norm(aside) * thick * 0.25
            _line(picture, points + side, thick * 0.35, 0.7, np.clip(tone + 0.25, 0, 1))
    if not whole and chance(rng, 0.7):
        for end in (-0.5, 0.5):
            post = start + direction * length * end
            upright = path(rng, (post[0], post[1] - 0.3 * span), np.pi / 2, 0.6 * span, 1.0)
            _line(picture, upright, thick * 2, 0.95, tone)


def rim(picture: Picture, rng: Generator) -> None:
    """A bright or dark contour along an object: rim light, a halo, spectacles, an oval mount."""
    height, width = picture.shape[:2]
    radius = min(height, width) * between_log(rng, 0.06, 0.45)
    middle = (float(rng.random()) * width, float(rng.random()) * height)
    outline = blob(rng, middle, radius, 0.0 if chance(rng, 0.5) else 0.35, 60)
    outline = np.asarray(np.concatenate([outline, outline[:1]]))
    if chance(rng, 0.5):
        begin = int(rng.integers(0, 30))
        outline = outline[begin : begin + int(rng.integers(25, 58))]
    bright = chance(rng, 0.6)
    tone = np.full(3, between(rng, (0.8, 1.0)) if bright else between(rng, (0.0, 0.2)), np.float32)
    thick = between_log(rng, 0.8, 4.0)
    if chance(rng, 0.5):
        glow = np.zeros((height, width), np.float32)
        fixed = np.round(outline * 16).astype(np.int32)
        cv2.polylines(glow, [fixed], False, 1.0, max(1, round(thick * 2)), cv2.LINE_AA, 4)
        lay_plane(picture, np.asarray(cv2.GaussianBlur(glow, (0, 0), thick * 1.5)), tone)
    else:
        _line(picture, outline, thick, between(rng, (0.6, 1.0)), tone)
        if chance(rng, 0.3):
            _line(picture, outline + np.array([radius * 2.3, 0.0]), thick, 0.9, tone)


def whiskers(picture: Picture, rng: Generator) -> None:
    """Whiskers, lashes, grass, a strand of hair: fine lines side by side from a common root."""
    height, width = picture.shape[:2]
    bright = chance(rng, 0.5)
    grey = between(rng, (0.7, 0.95)) if bright else between(rng, (0.04, 0.3))
    tone = np.full(3, grey, np.float32)
    length = min(height, width) * between_log(rng, 0.06, 0.4)
    heading, bend = rng.random() * 2 * np.pi, between(rng, (-0.9, 0.9))
    number = int(rng.integers(8, 40))
    fan = between(rng, (0.0, 0.9)) if chance(rng, 0.6) else 0.0
    spread = length * between(rng, (0.05, 0.8))
    root = np.array([rng.random() * width, rng.random() * height])
    aside = np.array([-np.sin(heading), np.cos(heading)])
    thick = between_log(rng, 0.5, 1.3)
    for place in np.linspace(-0.5, 0.5, number) + 0.3 / number * rng.standard_normal(number):
        begin = root + aside * spread * place
        turn = heading + fan * place + 0.05 * rng.standard_normal()
        reach = length * between(rng, (0.7, 1.0))
        points = path(rng, (begin[0], begin[1]), turn, reach, 2.0, bend)
        _line(picture, points, thick, between(rng, (0.5, 0.9)), tone)
