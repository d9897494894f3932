"""Where emulsion or paper is gone: holes, missing corners, worn edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import (
    Generator,
    between,
    between_log,
    chance,
    smooth_curve,
)
from models.training.degradation.sheet import Patch, Sheet, dirt, paper, roughen, surface
from models.training.degradation.strokes import Points, blob, shape_of, stroke


def ground(rng: Generator) -> NDArray[np.float32]:
    """What shows inside a loss: paper, black, or the grey of what lies behind."""
    draw = float(rng.random())
    if draw < 0.60:
        return paper(rng)
    if draw < 0.80:
        return dirt(rng)
    grey = between(rng, (0.25, 0.75))
    return np.array([grey * 1.04, grey, grey * 0.92], np.float32)


def _lose(sheet: Sheet, rng: Generator, patch: Patch | None) -> None:
    """Show bare ground through `patch`, with a dark or light broken rim now and then."""
    if patch is None:
        return
    alpha, top, left = patch
    tone = surface(rng, alpha.shape[0], alpha.shape[1], ground(rng), 1.5 * sheet.scale)
    if chance(rng, 0.45):
        width = 1 + 2 * round(sheet.scale * between(rng, (0.5, 1.6)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        rim = np.float32(between(rng, (0.4, 0.9))) * np.asarray(cv2.dilate(alpha, kernel))
        sheet.lay((rim, top, left), paper(rng) if chance(rng, 0.5) else dirt(rng))
    sheet.lay((alpha, top, left), tone)


def hole(sheet: Sheet, rng: Generator) -> None:
    """One loss with an irregular border, or a cluster of flakes."""
    shape = (sheet.height, sheet.width)
    size = min(shape)
    x, y = sheet.point(rng)
    if chance(rng, 0.5):
        radius = min(sheet.scale * between_log(rng, 2.0, 40.0), 0.16 * size)
        _lose(
            sheet,
            rng,
            shape_of([blob(rng, (x, y), radius, between(rng, (0.2, 1.0)))], shape, 3 * sheet.scale),
        )
        return
    spread = min(sheet.scale * between_log(rng, 6.0, 40.0), 0.3 * size)
    flakes: list[Points] = []
    for dx, dy in spread * rng.standard_normal((int(rng.integers(3, 14)), 2)):
        radius = sheet.scale * between_log(rng, 0.7, 6.0)
        flakes.append(blob(rng, (x + dx, y + dy), radius, between(rng, (0.3, 1.0)), 16))
    _lose(sheet, rng, shape_of(flakes, shape, 3 * sheet.scale))


def corner(sheet: Sheet, rng: Generator) -> None:
    """A corner torn or broken off."""
    height, width = sheet.height, sheet.width
    size = min(height, width) * between(rng, (0.05, 0.25))
    first, last = size * between(rng, (0.6, 1.4)), size * between(rng, (0.6, 1.4))
    along = np.linspace(0, 1, 24)[:, np.newaxis]
    line = np.array([first, -2.0]) * (1 - along) + np.array([-2.0, last]) * along
    waver = sheet.scale * between(rng, (0.3, 3.0)) * smooth_curve(rng, 24, 10)[:, np.newaxis]
    outline: Points = np.concatenate([line + waver * 0.7, [[-4.0, -4.0]]])
    if chance(rng, 0.5):
        outline[:, 0] = width - 1 - outline[:, 0]
    if chance(rng, 0.5):
        outline[:, 1] = height - 1 - outline[:, 1]
    _lose(sheet, rng, shape_of([outline], (height, width), 3 * sheet.scale))


def worn_edge(sheet: Sheet, rng: Generator) -> None:
    """Emulsion rubbed off along one edge of the print."""
    shape = (sheet.height, sheet.width)
    side = int(rng.integers(4))
    length = sheet.width if side < 2 else sheet.height
    count = int(np.clip(length / (4 * sheet.scale), 8, 120))
    depth = sheet.scale * between_log(rng, 1.0, 6.0)
    reach = np.maximum(depth * (0.6 + smooth_curve(rng, count, count // 2)), 0.3)
    along = np.linspace(-2, length + 2, count)
    across = np.full(count, [0.0, shape[0] - 1.0, 0.0, shape[1] - 1.0][side])
    points = np.stack([along, across] if side < 2 else [across, along], axis=1)
    patch = stroke(points, 2 * reach, np.full(count, sheet.strength(rng)), shape)
    if patch is not None:
        alpha = roughen(rng, patch[0], sheet.scale, between(rng, (0.1, 0.5)))
        sheet.lay((alpha, patch[1], patch[2]), paper(rng) if chance(rng, 0.8) else dirt(rng))
