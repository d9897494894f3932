"""Pages with painted faces, their boxes told instead of searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from painted_scenes import face, landscape

from models.contract import Box, Face, Hints, Rectangle, Samples, StageInput, Tone

SIZE = 320


def painted(
    height: int = 400,
    width: int = 500,
    places: Sequence[tuple[int, int]] = ((90, 40),),
    size: int = SIZE,
    blur: float = 1.2,
) -> NDArray[np.uint8]:
    """A landscape HxW with a painted face, pores and all, at each of `places` (left, top), the
    whole a little soft."""
    scene = landscape(height, width)
    for left, top in places:
        pores = np.random.default_rng(abs(left)).normal(0, 4, (size, size))
        skin = face(size) + cv2.GaussianBlur(pores, (0, 0), 1.2) * 2
        part = scene[max(0, top) : top + size, max(0, left) : left + size]
        rows, columns = part.shape
        visible = skin[max(0, -top) :, max(0, -left) :][:rows, :columns]
        part[:] = np.clip(visible, 0, 255)
    return cv2.GaussianBlur(scene, (0, 0), blur).astype(np.uint8)


def box_of(left: int, top: int, size: int = SIZE) -> Box:
    """Where a detector finds a face painted at (`left`, `top`)."""
    return Box(*(round(share * size) + at for share, at in
                 zip((0.21, 0.27, 0.79, 0.85), (left, top) * 2, strict=True)))  # fmt: skip


def face_page(
    pixels: Samples,
    boxes: Sequence[Box] = (box_of(90, 40),),
    tone: Tone = "monochrome",
    changes: tuple[Rectangle, ...] = (),
    options: Mapping[str, str] | None = None,
) -> StageInput:
    """A stage's input with faces in `boxes`, the pixels read-only."""
    pixels = pixels.copy()
    pixels.setflags(write=False)
    found = tuple(Face(box, 1.0 - number / 10) for number, box in enumerate(boxes))
    whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
    return StageInput(pixels, Hints(whole, tone, {}, found), changes, options or {})
