"""Periodic patterns, as clothes, curtains, bricks and printing presses have them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, Plane, between, between_log, chance
from models.training.degradation.lettering import Picture, ink, lay_plane
from models.training.degradation.strokes import blob


def _region(picture: Picture, rng: Generator) -> Plane:
    """Where a pattern lies: a soft-edged patch of cloth, or now and then everywhere."""
    height, width = picture.shape[:2]
    if chance(rng, 0.06):
        return np.ones((height, width), np.float32)
    radius = min(height, width) * between(rng, (0.15, 0.45))
    middle = (float(rng.random()) * width, float(rng.random()) * height)
    outline = np.round(blob(rng, middle, radius, 0.4)).astype(np.int32)
    canvas = np.zeros((height, width), np.float32)
    cv2.fillPoly(canvas, [outline], 1.0, cv2.LINE_AA)
    return canvas


def _waves(picture: Picture, rng: Generator, turn: float, period: float) -> Plane:
    """Phase HxW (radians) of waves at an angle, bent as cloth in folds is."""
    height, width = picture.shape[:2]
    ys = np.arange(height, dtype=np.float32)[:, np.newaxis]
    xs = np.arange(width, dtype=np.float32)
    across = xs * np.float32(np.cos(turn)) + ys * np.float32(np.sin(turn))
    along = ys * np.float32(np.cos(turn)) - xs * np.float32(np.sin(turn))
    bend = period * between(rng, (0.0, 1.5))
    reach = between(rng, (30.0, 120.0))
    phase = between(rng, (0.0, 6.28))
    bent = across + bend * np.sin(along / reach + phase)
    return np.asarray(bent * (2 * np.pi / period), np.float32)


def _lines(wave: Plane, duty: float, period: float) -> Plane:
    """Opacity of lines that take a share `duty` of each period, with edges a pixel soft."""
    edge, level = period / (2 * np.pi), float(np.cos(np.pi * duty))
    return np.asarray(np.clip((np.cos(wave) - level) * edge + 0.5, 0, 1), np.float32)


def _depth(rng: Generator) -> tuple[float, NDArray[np.float32]]:
    tone = ink(rng) if chance(rng, 0.7) else rng.random(3, dtype=np.float32)
    return between(rng, (0.25, 0.9)), tone


def stripes(picture: Picture, rng: Generator) -> None:
    """Stripes of a garment, blinds, boards, a fence."""
    period = between_log(rng, 4.0, 40.0)
    lines = _lines(
        _waves(picture, rng, rng.random() * np.pi, period), between(rng, (0.08, 0.5)), period
    )
    strength, tone = _depth(rng)
    lay_plane(picture, lines * _region(picture, rng) * strength, tone)


def checks(picture: Picture, rng: Generator) -> None:
    """Checked cloth, tiles, window bars: two sets of lines across each other."""
    period, turn, duty = (
        between_log(rng, 6.0, 40.0),
        rng.random() * np.pi,
        between(rng, (0.06, 0.5)),
    )
    first = _lines(_waves(picture, rng, turn, period), duty, period)
    second = _lines(_waves(picture, rng, turn + np.pi / 2, period), duty, period)
    strength, tone = _depth(rng)
    lay_plane(picture, np.maximum(first, second) * _region(picture, rng) * strength, tone)


def lace(picture: Picture, rng: Generator) -> None:
    """Lace and ornament: one random motif repeated on a grid, light or dark."""
    side = int(rng.integers(8, 25))
    fine = np.zeros((4 * side, 4 * side), np.uint8)
    for _ in range(int(rng.integers(2, 5))):
        middle = tuple(int(v) for v in rng.integers(0, 4 * side, 2))
        axes = tuple(int(v) for v in rng.integers(side // 2, 2 * side, 2))
        cv2.ellipse(
            fine,
            middle,
            axes,
            float(rng.random() * 180),
            0,
            360,
            255,
            int(rng.integers(3, 8)),
            cv2.LINE_AA,
        )
    # Mirrored twice, so that neighbouring motifs join.
    motif = np.maximum(np.maximum(fine, fine[::-1]), np.maximum(fine, fine[::-1])[:, ::-1])
    tile = cv2.resize(motif, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    height, width = picture.shape[:2]
    plane = np.tile(tile, (height // side + 1, width // side + 1))[:height, :width]
    strength, tone = _depth(rng)
    lay_plane(picture, plane * _region(picture, rng) * strength, tone)


def halftone(picture: Picture, rng: Generator) -> None:
    """A printing screen over the whole picture: dots that grow with darkness."""
    period, turn = between_log(rng, 2.5, 6.0), between(rng, (0.2, 1.4))
    ys = np.arange(picture.shape[0], dtype=np.float32)[:, np.newaxis]
    xs = np.arange(picture.shape[1], dtype=np.float32)
    cosine, sine, pace = np.float32(np.cos(turn)), np.float32(np.sin(turn)), 2 * np.pi / period
    screen = np.cos((xs * cosine + ys * sine) * pace) * np.cos((ys * cosine - xs * sine) * pace)
    dots = np.clip(
        (picture - 0.5 + 0.5 * screen[..., np.newaxis]) * between(rng, (1.2, 3.0)) + 0.5, 0, 1
    )
    picture += between(rng, (0.2, 0.8)) * (dots - picture)
