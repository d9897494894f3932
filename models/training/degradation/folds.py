"""What bending does to a print: creases, tears, cracks, and the net of cracks of old emulsion."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import (
    Generator,
    between,
    between_log,
    chance,
    smooth_curve,
    smooth_field,
)
from models.training.degradation.sheet import Sheet, Tone, dirt, paper, roughen
from models.training.degradation.strokes import Points, path, stroke


def crease(sheet: Sheet, rng: Generator) -> None:
    """A fold straight across: a bright broken line, a dark flank on one side, a light one."""
    span = float(np.hypot(sheet.height, sheet.width))
    heading = rng.random() * np.pi if chance(rng, 0.5) else int(rng.integers(2)) * np.pi / 2
    heading += 0.05 * rng.standard_normal()
    middle = np.array(sheet.point(rng, -0.1))
    length = span * (between(rng, (0.25, 0.7)) if chance(rng, 0.4) else 2.2)
    direction = np.array([np.cos(heading), np.sin(heading)])
    start = middle - direction * length * 0.5
    points = path(
        rng,
        (start[0], start[1]),
        heading,
        length,
        sheet.scale,
        0.0,
        between(rng, (0.3, 1.6)) * sheet.scale,
    )
    shape, count = (sheet.height, sheet.width), len(points)
    normal = np.array([-direction[1], direction[0]]) * (1 if chance(rng, 0.5) else -1)
    width = sheet.scale * between_log(rng, 0.6, 3.2)
    depth = between(rng, (0.04, 0.24))
    for side, tone in ((1, 0.0), (-1, 1.0)):
        reach = width * between(rng, (1.0, 2.5))
        flank = stroke(
            points + normal * side * (width + reach) * 0.5,
            np.full(count, reach),
            np.full(count, depth * (1.0 if tone == 0 else 0.5)),
            shape,
        )
        if flank is not None:
            soft = np.asarray(
                cv2.GaussianBlur(flank[0], (0, 0), max(0.6, reach * 0.35)), np.float32
            )
            sheet.shade((soft, flank[1], flank[2]), tone)
    pressure = smooth_curve(rng, count, max(5, count // 3))
    widths = np.maximum(width * (1 + 0.5 * pressure), 0.5)
    opacity = sheet.strength(rng) * np.clip(0.9 + 0.4 * pressure, 0.1, 1)
    line = stroke(points, widths, opacity, shape)
    if line is not None:
        alpha = roughen(rng, line[0], sheet.scale, between(rng, (0.25, 0.8)))
        sheet.lay((alpha, line[1], line[2]), paper(rng) if chance(rng, 0.85) else dirt(rng))


def tear(sheet: Sheet, rng: Generator) -> None:
    """From an edge inwards: wide and white at the edge, closing, often with a dark shadow."""
    x, y = sheet.point(rng)
    edge = int(rng.integers(4))
    start = [(x, -1.0), (x, sheet.height + 1.0), (-1.0, y), (sheet.width + 1.0, y)][edge]
    inwards = [np.pi / 2, -np.pi / 2, 0.0, np.pi][edge] + between(rng, (-0.7, 0.7))
    length = min(sheet.height, sheet.width) * between(rng, (0.15, 0.6))
    jitter = sheet.scale * between(rng, (1.5, 5.0))
    points = path(rng, start, inwards, length, sheet.scale, between(rng, (-0.8, 0.8)), jitter)
    count = len(points)
    closing = np.linspace(1, 0.12, count) ** between(rng, (0.6, 1.4))
    width = sheet.scale * between_log(rng, 2.0, 8.0)
    widths = np.maximum(width * closing * (1 + 0.3 * smooth_curve(rng, count, count // 2)), 0.6)
    shape, full = (sheet.height, sheet.width), np.full(count, sheet.strength(rng))
    if chance(rng, 0.6):
        shadow = stroke(points + width * 0.35, widths * 0.6, full * 0.9, shape)
        sheet.lay(shadow, dirt(rng))
    patch = stroke(points, widths, full, shape)
    if patch is not None:
        alpha = roughen(rng, patch[0], sheet.scale, between(rng, (0.0, 0.35)))
        sheet.lay((alpha, patch[1], patch[2]), paper(rng))


def crack(sheet: Sheet, rng: Generator) -> None:
    """A crack that runs in angular steps and branches."""
    tone = paper(rng) if chance(rng, 0.7) else dirt(rng)
    span = float(np.hypot(sheet.height, sheet.width))
    _branch(
        sheet,
        rng,
        sheet.point(rng, 0.05),
        rng.random() * 2 * np.pi,
        span * between(rng, (0.15, 0.7)),
        sheet.scale * between_log(rng, 0.6, 3.0),
        tone,
        2,
    )


def _branch(
    sheet: Sheet,
    rng: Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    width: float,
    tone: Tone,
    generations: int,
) -> None:
    count = int(np.clip(length / (6 * sheet.scale), 4, 40))
    turns = heading + 0.45 * rng.standard_normal(count) + 0.5 * smooth_curve(rng, count, 4)
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / count)
    points: Points = np.array(start) + np.cumsum(steps, axis=0)
    widths = np.maximum(width * np.linspace(1, 0.4, count) * (0.7 + 0.6 * rng.random(count)), 0.5)
    opacity = np.full(count, sheet.strength(rng))
    patch = stroke(points, widths, opacity, (sheet.height, sheet.width))
    if patch is not None:
        sheet.lay((roughen(rng, patch[0], sheet.scale, 0.2), patch[1], patch[2]), tone)
    if generations > 0:
        for _ in range(int(rng.integers(0, 4))):
            place = int(rng.integers(count))
            aside = turns[place] + (1 if chance(rng, 0.5) else -1) * between(rng, (0.4, 1.3))
            _branch(
                sheet,
                rng,
                (float(points[place, 0]), float(points[place, 1])),
                float(aside),
                length * between(rng, (0.2, 0.6)),
                width * 0.75,
                tone,
                generations - 1,
            )


def craquelure(sheet: Sheet, rng: Generator) -> None:
    """A patch of emulsion broken into tiles: the borders of Voronoi cells, thin and wavering."""
    size = min(sheet.height, sheet.width)
    side = int(np.clip(sheet.scale * between(rng, (60, 220)), 8, size))
    cell = max(4.0 * sheet.scale, side / between(rng, (6.0, 16.0)))
    left = int(rng.integers(0, sheet.width - side + 1))
    top = int(rng.integers(0, sheet.height - side + 1))
    tone = paper(rng) if chance(rng, 0.6) else dirt(rng)
    width, strength = sheet.scale * between_log(rng, 0.5, 1.2), sheet.strength(rng)
    canvas = np.zeros((side, side), np.uint8)
    for here, there in _cell_borders(rng, side, cell):
        if rng.random() < 0.25:
            continue  # not every border has opened
        line = here + np.linspace(0, 1, 4)[:, np.newaxis] * (there - here)
        line[1:3] += 0.1 * cell * rng.standard_normal((2, 2))
        for first, last in pairwise(line):
            ends = np.round(np.stack([first, last]) * 16).astype(np.int32).tolist()
            level = int(255 * strength * between(rng, (0.3, 1.0)))
            thick = max(1, round(width * between(rng, (0.6, 1.6))))
            cv2.line(canvas, ends[0], ends[1], level, thick, cv2.LINE_AA, 4)
    alpha = canvas.astype(np.float32) / 255
    alpha = np.asarray(
        alpha * np.clip(smooth_field(rng, side, side, 4.0) * 1.5 + 1.2, 0, 1), np.float32
    )
    ys = np.linspace(-1, 1, side, dtype=np.float32)[:, np.newaxis]
    alpha = alpha * np.clip(
        np.float32(2.5) - np.float32(2.5) * np.sqrt(ys * ys + ys.T * ys.T), 0, 1
    )
    sheet.lay((roughen(rng, alpha, sheet.scale, 0.35), top, left), tone)


def _cell_borders(
    rng: Generator, side: int, cell: float
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Both ends of every border between the cells of random points in a square, once each."""
    subdivision = cv2.Subdiv2D((0, 0, side, side))
    for x, y in (rng.random((int(np.clip((side / cell) ** 2, 6, 250)), 2)) * (side - 1)).tolist():
        subdivision.insert((x, y))
    borders = {}
    for facet in subdivision.getVoronoiFacetList([])[0]:
        corners = np.clip(facet, -side, 2 * side).round(1).tolist()
        for here, there in zip(corners, corners[1:] + corners[:1], strict=True):
            pair = min(here, there), max(here, there)
            borders[(*pair[0], *pair[1])] = np.array(pair[0]), np.array(pair[1])
    return list(borders.values())
