"""A sheet of held-out pictures as a colour network draws them, beside grey and true ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.color.space import Floats, from_ab, rgb_of
from models.training.color_measures import HeldOut
from models.training.data import Image, to_bytes

_MOST = 12
_ROW = 4  # pictures, each three times
_SIDE = 160  # pixels


def write_sheet(path: Path, answers: Sequence[Floats], pictures: HeldOut) -> None:
    """Write a PNG of the grey, drawn and true pictures side by side, twelve of them at most.

    `answers` are a*, b* HxWx2, as `color_measures.drawn` gives them. The file is replaced whole.
    """
    step = max(1, len(answers) // _MOST)
    tiles = []
    for index in list(range(0, len(answers), step))[:_MOST]:
        grey = pictures.grey[index][0, 0].numpy()
        made, _ = rgb_of(grey, from_ab(grey, answers[index]))
        leaves = (np.repeat(grey[..., None], 3, axis=2), made)
        shown = [*(to_bytes(leaf) for leaf in leaves), pictures.true[index]]
        tiles.append(np.concatenate([_square(leaf) for leaf in shown], axis=1))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _ROW)
    rows = [np.concatenate(tiles[at : at + _ROW], axis=1) for at in range(0, len(tiles), _ROW)]
    sheet = np.ascontiguousarray(np.concatenate(rows)[..., ::-1])
    partial = path.with_name(f"{path.stem}.partial.png")
    cv2.imwrite(str(partial), sheet)
    partial.replace(path)


def _square(picture: Image) -> Image:
    """`picture` reduced to fit a square, on black."""
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    made = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    made[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return made
