"""Damage masks and paper surfaces from a folder, for those who have one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from models.training.degradation.fields import Plane

_TOO_DENSE = 0.2
"""A mask that covers more than this share of its own square is a smear, not damage."""


class NoTextures(ValueError):
    """The folder named holds no textures; the message says which."""


@dataclass(frozen=True, slots=True)
class Textures:
    """`masks` and `papers`: float32 planes hxw; masks 0 to 1, papers of mean 0, deviation 1.

    Both empty: everything is procedural.
    """

    masks: tuple[Plane, ...] = ()
    papers: tuple[Plane, ...] = ()

    @classmethod
    def load(cls, folder: Path | None) -> Textures:
        """`mask_*.png` (white is damage) and `paper_*.png` of `folder`; none at all for None.

        Raises `NoTextures` where the folder has neither, or where one cannot be read.
        """
        if folder is None:
            return cls()
        masks = [_read(path) / 255 for path in sorted(Path(folder).glob("mask_*.png"))]
        papers = [_read(path) for path in sorted(Path(folder).glob("paper_*.png"))]
        if not masks and not papers:
            raise NoTextures(f"{folder} holds no mask_*.png and no paper_*.png")
        return cls(
            tuple(np.asarray(mask, np.float32) for mask in masks if mask.mean() < _TOO_DENSE),
            tuple(_relief(paper) for paper in papers),
        )


def _read(path: Path) -> Plane:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise NoTextures(f"{path} is not a picture OpenCV can read")
    return cast(Plane, image.astype(np.float32))


def _relief(paper: Plane) -> Plane:
    """The paper without its own slow light falloff, which the recipe adds itself."""
    relief = paper - cv2.GaussianBlur(paper, (0, 0), 40)
    return np.asarray(relief / (relief.std() + 1e-6), np.float32)
