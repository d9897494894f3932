"""Scratches: scrapes, hairlines and the parallel tramlines of film."""

from __future__ import annotations

import numpy as np

from models.training.degradation.fields import (
    Generator,
    between,
    between_log,
    chance,
    smooth_curve,
)
from models.training.degradation.sheet import Sheet, Tone, roughen, scratch_tone
from models.training.degradation.strokes import Points, path, stroke


def _scrape(sheet: Sheet, rng: Generator, points: Points, width: float, tone: Tone) -> None:
    """One scratch along `points`: pressure varies, so width, opacity and gaps do."""
    count = len(points)
    pressure = smooth_curve(rng, count, max(4, count // 4))
    taper = np.minimum(1, np.linspace(0, 1, count) * 8) * np.minimum(
        1, np.linspace(1, 0, count) * 8
    )
    widths = np.maximum(width * (1 + 0.3 * pressure) * (0.4 + 0.6 * taper), 0.4)
    gaps = between(rng, (-0.2, 0.5)) if chance(rng, 0.6) else -2.0
    opacity = sheet.strength(rng) * np.clip(0.85 + 0.5 * (pressure - gaps), 0.0, 1.0)
    patch = stroke(points, widths, opacity, (sheet.height, sheet.width))
    if patch is None:
        return
    alpha = roughen(rng, patch[0], sheet.scale, between(rng, (0.0, 0.6)))
    if width > 2.5 * sheet.scale and chance(rng, 0.4):
        # A gouge has a raised lip that throws a shadow.
        side = width * 0.5
        shadow = stroke(points + side, widths * 0.7, opacity * 0.8, (sheet.height, sheet.width))
        sheet.lay(shadow, 0.15)
    sheet.lay((alpha, patch[1], patch[2]), tone)


def scratch(sheet: Sheet, rng: Generator) -> None:
    """One scrape of 1 to 8 pixels (at scale 1) down to the paper, straight, curved or wavering,
    sometimes several of one hand; a fine one may end in a dye layer."""
    span = float(np.hypot(sheet.height, sheet.width))
    tone = scratch_tone(rng, False)
    heading = rng.random() * 2 * np.pi
    if chance(rng, 0.4):
        heading = np.pi / 2 + 0.08 * rng.standard_normal()
    for _ in range(1 + int(rng.integers(0, 4) if chance(rng, 0.25) else 0)):
        # Drawn to a power: most scratches are fine, a few wide.
        width = sheet.scale * between_log(rng, 0.8, 8.0) ** between(rng, (0.5, 1.0))
        length = span * between_log(rng, 0.06, 1.1)
        bend = between(rng, (-1.2, 1.2)) if chance(rng, 0.4) else 0.0
        jitter = sheet.scale * between(rng, (0.3, 2.5)) if chance(rng, 0.5) else 0.0
        if width < 2.0 * sheet.scale:
            tone = scratch_tone(rng, sheet.coloured)
        start = sheet.point(rng, 0.1)
        direction = heading + 0.15 * rng.standard_normal()
        _scrape(
            sheet, rng, path(rng, start, direction, length, sheet.scale, bend, jitter), width, tone
        )


def hairline(sheet: Sheet, rng: Generator) -> None:
    """A few scratches of about a pixel, whatever the resolution, up to the full span."""
    span = float(np.hypot(sheet.height, sheet.width))
    tone, heading = scratch_tone(rng, sheet.coloured), rng.random() * np.pi
    for _ in range(int(rng.integers(1, 5))):
        width = between_log(rng, 0.5, 1.2) * sheet.scale ** between(rng, (0.0, 0.5))
        length = span * between_log(rng, 0.08, 1.0)
        bend = between(rng, (-0.6, 0.6)) if chance(rng, 0.5) else 0.0
        direction = heading + 0.3 * rng.standard_normal()
        points = path(rng, sheet.point(rng, 0.1), direction, length, sheet.scale, bend, 0.3)
        _scrape(sheet, rng, points, width, tone)


def tramline(sheet: Sheet, rng: Generator) -> None:
    """One to three parallel lines along the film's travel, across the whole picture."""
    tone = scratch_tone(rng, sheet.coloured)
    heading = np.pi / 2 if chance(rng, 0.7) else 0.0
    heading += 0.01 * rng.standard_normal()
    x, y = sheet.point(rng)
    length = 1.3 * (sheet.height if heading > 1 else sheet.width)
    start = (x, -0.1 * sheet.height) if heading > 1 else (-0.1 * sheet.width, y)
    points = path(rng, start, heading, length, sheet.scale, 0.0, 0.4 * sheet.scale)
    width = sheet.scale * between_log(rng, 0.6, 2.5)
    aside = np.array([0.0, 1.0]) if heading < 1 else np.array([1.0, 0.0])
    for number in range(int(rng.integers(1, 4))):
        gap = number * between(rng, (2.5, 7.0)) * sheet.scale
        _scrape(sheet, rng, points + gap * aside, width, tone)
