"""Stains with rims, foxing and adhesive tape: the picture shows through, their borders hurt."""

from __future__ import annotations

import cv2
import numpy as np

from models.training.degradation.fields import Generator, between, between_log, chance, grit
from models.training.degradation.sheet import Sheet, Tone, dirt, paper, roughen
from models.training.degradation.strokes import blob, shape_of


def _brown(rng: Generator) -> Tone:
    dark = between(rng, (0.25, 0.6))
    return np.array([dark * 1.25, dark * 0.95, dark * 0.55], np.float32)


def stain(sheet: Sheet, rng: Generator) -> None:
    """Dried liquid: a faint tint inside (wear), a hard tide line around it (damage)."""
    size = min(sheet.height, sheet.width)
    radius = min(sheet.scale * between_log(rng, 10.0, 110.0), 0.45 * size)
    outline = blob(rng, sheet.point(rng, 0.1), radius, between(rng, (0.2, 0.6)), 72)
    patch = shape_of([outline], (sheet.height, sheet.width), 4 * sheet.scale)
    if patch is None:
        return
    alpha, top, left = patch
    colour = _brown(rng)
    sheet.tint((alpha * between(rng, (0.03, 0.25)), top, left), np.sqrt(colour))
    width = sheet.scale * between_log(rng, 0.6, 3.0)
    rim = alpha - cv2.GaussianBlur(alpha, (0, 0), width) * alpha
    rim = np.clip(rim * 2, 0, 1) * between(rng, (0.3, 0.9))
    # The tide line is stronger where more was left to dry.
    uneven = cv2.GaussianBlur(
        grit(rng, alpha.shape[0], alpha.shape[1], 6 * sheet.scale), (0, 0), 2 * sheet.scale
    )
    rim = rim * np.clip(uneven * 2 - 0.2, 0.1, 1)
    sheet.lay((np.asarray(rim, np.float32), top, left), colour)


def foxing(sheet: Sheet, rng: Generator) -> None:
    """A handful of rusty spots with soft borders."""
    x, y = sheet.point(rng)
    spread = min(sheet.height, sheet.width) * between(rng, (0.1, 0.4))
    colour = _brown(rng)
    for dx, dy in rng.standard_normal((int(rng.integers(2, 12)), 2)) * spread:
        radius = sheet.scale * between_log(rng, 1.0, 6.0)
        outline = blob(rng, (x + dx, y + dy), radius, 0.5, 16)
        patch = shape_of([outline], (sheet.height, sheet.width), radius + 2)
        if patch is not None:
            alpha = cv2.GaussianBlur(patch[0], (0, 0), max(0.5, 0.3 * radius))
            alpha = alpha * between(rng, (0.2, 0.8))
            sheet.lay((np.asarray(alpha, np.float32), patch[1], patch[2]), colour)


def tape(sheet: Sheet, rng: Generator) -> None:
    """A strip of tape or what is left of one: a yellow tint (wear) with hard edges (damage)."""
    long_side = sheet.scale * between_log(rng, 40.0, 260.0)
    short_side = sheet.scale * between(rng, (14.0, 34.0))
    x, y = sheet.point(rng)
    angle = between(rng, (-0.15, 0.15)) + (np.pi / 2 if chance(rng, 0.5) else 0.0)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.5 * [long_side, short_side]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    patch = shape_of([corners @ turn + (x, y)], (sheet.height, sheet.width), 2 * sheet.scale)
    if patch is None:
        return
    alpha, top, left = patch
    yellow = np.array([1.0, between(rng, (0.82, 0.96)), between(rng, (0.5, 0.8))], np.float32)
    sheet.tint((alpha * between(rng, (0.15, 0.6)), top, left), yellow)
    width = 1 + 2 * max(1, round(0.5 * sheet.scale))
    edge = alpha - cv2.erode(alpha, np.ones((width, width), np.uint8))
    edge = roughen(rng, np.asarray(edge, np.float32) * sheet.strength(rng), sheet.scale, 0.4)
    sheet.lay((edge, top, left), paper(rng) if chance(rng, 0.5) else dirt(rng))
