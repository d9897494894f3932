"""What lies on a print or a scanner's glass: dust, spots, hairs and lint; masks from a folder."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from models.training.degradation.fields import Generator, Plane, between, between_log, chance
from models.training.degradation.sheet import Sheet, dirt, paper, roughen, scratch_tone
from models.training.degradation.strokes import blob, shape_of, stroke, wander


def dust(sheet: Sheet, rng: Generator) -> None:
    """A sprinkling of specks, anywhere or in one corner of the picture."""
    if chance(rng, 0.4):
        _fine_dust(sheet, rng)
        return
    x, y = sheet.point(rng)
    spread = np.array([sheet.width, sheet.height]) * between(rng, (0.1, 0.6))
    specks = []
    for dx, dy in rng.standard_normal((int(rng.integers(4, 22)), 2)) * spread:
        radius = sheet.scale * min(0.5 + 0.7 * float(rng.exponential()), 3.5)
        specks.append(blob(rng, (x + dx, y + dy), radius, 0.6, 8))
    tone = paper(rng) if chance(rng, 0.65) else dirt(rng)
    for speck in specks:
        patch = shape_of([speck], (sheet.height, sheet.width))
        if patch is not None:
            sheet.lay((patch[0] * sheet.strength(rng), patch[1], patch[2]), tone)


def _fine_dust(sheet: Sheet, rng: Generator) -> None:
    """Many specks of about a pixel over the whole picture."""
    extent = np.sqrt(sheet.height * sheet.width) / sheet.scale
    number = int(between_log(rng, 0.1, 0.7) * extent)
    size = sheet.scale**0.5
    small = max(1, round(sheet.height / size)), max(1, round(sheet.width / size))
    plane = np.zeros(small, np.float32)
    rows, columns = rng.integers(0, small[0], number), rng.integers(0, small[1], number)
    plane[rows, columns] = 0.5 + rng.random(number, dtype=np.float32)
    plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), between(rng, (0.35, 0.6))), np.float32)
    # The specks' own peaks sink as they spread: brought back, then cut off at full opacity.
    plane = np.clip(plane * between(rng, (1.5, 2.5)), 0, 1)
    if small != (sheet.height, sheet.width):
        plane = cast(Plane, cv2.resize(plane, (sheet.width, sheet.height)))
    strength = np.float32(sheet.strength(rng))
    sheet.lay((plane * strength, 0, 0), paper(rng) if chance(rng, 0.65) else dirt(rng))


def spot(sheet: Sheet, rng: Generator) -> None:
    """One larger round spot: a drop, a bubble, a fly's speck; sometimes with a hollow middle."""
    radius = sheet.scale * between_log(rng, 1.2, 7.0)
    outline = blob(rng, sheet.point(rng), radius, between(rng, (0.0, 0.4)), 24)
    patch = shape_of([outline], (sheet.height, sheet.width))
    if patch is None:
        return
    alpha = patch[0]
    if chance(rng, 0.5):
        soft = radius * between(rng, (0.1, 0.35))
        alpha = cast(Plane, cv2.GaussianBlur(alpha, (0, 0), soft))
    if chance(rng, 0.25):
        inner = cast(Plane, cv2.GaussianBlur(alpha, (0, 0), radius * 0.4))
        alpha = np.clip(alpha - np.float32(0.8) * inner, 0, 1) * np.float32(1.6)
    sheet.lay(
        (np.clip(alpha * sheet.strength(rng), 0, 1), patch[1], patch[2]),
        scratch_tone(rng, sheet.coloured),
    )


def hair(sheet: Sheet, rng: Generator) -> None:
    """A hair or a tuft of lint: a curling line, even in width, dark or bright."""
    lint = chance(rng, 0.3)
    width = sheet.scale * (between_log(rng, 0.5, 1.2) if lint else between_log(rng, 0.7, 2.2))
    length = sheet.scale * between_log(rng, 12, 160)
    tone = dirt(rng) if chance(rng, 0.5) else paper(rng)
    start = sheet.point(rng)
    for _ in range(int(rng.integers(2, 7)) if lint else 1):
        points = wander(rng, start, length * (0.4 if lint else 1.0), between(rng, (0.3, 1.6)))
        count = len(points)
        opacity = np.full(count, sheet.strength(rng))
        patch = stroke(points, np.full(count, width), opacity, (sheet.height, sheet.width))
        sheet.lay(patch, tone)


def from_mask(sheet: Sheet, rng: Generator, mask: Plane) -> None:
    """Damage in the shape of a mask hxw (0 to 1), turned, mirrored, resized and placed."""
    mask = np.rot90(mask, int(rng.integers(4)))
    if chance(rng, 0.5):
        mask = mask[:, ::-1]
    size = between(rng, (0.25, 0.9)) * sheet.scale
    rows = max(4, round(mask.shape[0] * size))
    columns = max(4, round(mask.shape[1] * size))
    resized = cv2.resize(np.ascontiguousarray(mask), (columns, rows), interpolation=cv2.INTER_AREA)
    top = int(rng.integers(-rows // 2, sheet.height - rows // 2 + 1))
    left = int(rng.integers(-columns // 2, sheet.width - columns // 2 + 1))
    inner = resized[max(0, -top) : sheet.height - top, max(0, -left) : sheet.width - left]
    if inner.size == 0 or not inner.any():
        return
    alpha = roughen(rng, np.asarray(inner, np.float32) * sheet.strength(rng), sheet.scale, 0.2)
    sheet.lay((alpha, max(0, top), max(0, left)), scratch_tone(rng, sheet.coloured))
