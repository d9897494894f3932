"""Portraits and enhancers for the tests that measure the face stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from painted_scenes import face, in_color, rgb
from torch import nn

from models.evaluation.face_cases import FaceCase, Place, face_case, place_of
from models.faces.align import crop, similarity
from models.faces.enhancer import Enhancer
from models.training.degradation import Textures

Crop = NDArray[np.float32]


@cache
def portrait(seed: int = 0, size: int = 120) -> NDArray[np.uint8]:
    """A painted face with pores before a painted scene, (size + 40) pixels square, RGB uint8."""
    picture = in_color(size + 40, size + 40, seed)
    random = np.random.default_rng(seed)
    pores = cv2.GaussianBlur(random.normal(0, 1, (size, size)), (0, 0), 1.2)
    skin = rgb(face(size)) + (5 * pores / pores.std())[..., None]
    picture[20:-20, 20:-20] = np.clip(skin, 0, 255).astype(np.uint8)
    picture.setflags(write=False)
    return picture


@cache
def place() -> Place:
    """Where its face lies."""
    found = place_of(portrait())
    assert found is not None
    return found


@cache
def case(number: int = 2) -> FaceCase:
    """The portrait degraded."""
    made = face_case("one", portrait(), number, Textures())
    assert made is not None
    return made


def aligned_portraits() -> list[Crop]:
    """Two painted faces, aligned, with pores; the second of other proportions."""
    points = np.array([[0.375, 0.483], [0.625, 0.483], [0.5, 0.66]]) * 480
    random = np.random.default_rng(0)
    made = []
    for image in (face(480), cv2.GaussianBlur(face(480)[:, ::-1], (0, 0), 6)):
        aligned = np.repeat(crop(np.ascontiguousarray(image), similarity(points, 256), 256), 3, 2)
        pores = cv2.GaussianBlur(random.normal(0, 1, (256, 256)), (0, 0), 1.5)
        skin = aligned + (0.02 * pores / pores.std())[..., None]
        made.append(np.clip(skin, 0, 1).astype(np.float32))
    return made


class Told:
    """An enhancer that does to every crop what a function says."""

    def __init__(self, work: Callable[[Crop], Crop], side: int = 128) -> None:
        self.work, self.side = work, side

    def __call__(self, crops: Sequence[Crop], /) -> list[Crop]:
        return [self.work(one) for one in crops]


class _Sharpen(nn.Module):
    """Unsharp masking of Bx3xHxW by the mean of three by three."""

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        soft = nn.functional.avg_pool2d(face, 3, 1, 1, count_include_pad=False)
        return face + 0.5 * (face - soft)


def sharpener(side: int = 128) -> Enhancer:
    """The stage's own kind of enhancer around a network that is a formula."""
    return Enhancer(_Sharpen(), side, "sharpener", "sharpener/1", {"sharpener": "0" * 64})
