"""What is compared: stages of this package, and what any user of OpenCV could do instead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Stage, StageInput
from models.damage.pages import laid, touched
from models.pixels import whole

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method made: `pixels` like the input's, `changed` HxW (true where it laid
    anything), and the seconds it took."""

    pixels: Image
    changed: Mask
    seconds: float
    metrics: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


class Method(Protocol):
    """A way to restore a photograph."""

    @property
    def name(self) -> str:
        """As the tables call it."""
        ...

    def __call__(self, item: StageInput) -> Outcome:
        """The restored photograph."""
        ...


@dataclass(frozen=True, slots=True)
class StageMethod:
    """A stage, what it returns laid into the photograph."""

    name: str
    stage: Stage

    def __call__(self, item: StageInput) -> Outcome:
        """One call of the stage."""
        start = time.perf_counter()
        (result,) = self.stage([item])
        seconds = time.perf_counter() - start
        pixels = laid(item, result.rectangles).crop(whole(item.pixels))
        changed = touched(result.rectangles, item.pixels.shape[:2]) > 0
        return Outcome(cast(Image, pixels), changed, seconds, result.metrics, result.flags)


@dataclass(frozen=True, slots=True)
class NonLocalMeans:
    """OpenCV's non-local means (Buades et al. 2005), the whole photograph, strength `h`."""

    h: float
    name: str = "non-local means"

    def __call__(self, item: StageInput) -> Outcome:
        """Colour and luminance denoised with the same strength; grey as grey."""
        start = time.perf_counter()
        pixels = cast(Image, np.ascontiguousarray(item.pixels))
        if bool((pixels == pixels[..., :1]).all()):
            plane = cv2.fastNlMeansDenoising(np.ascontiguousarray(pixels[..., 0]), None, self.h)
            made = np.repeat(plane[..., None], 3, axis=2)
        else:
            made = cv2.fastNlMeansDenoisingColored(pixels, None, self.h, self.h)
        seconds = time.perf_counter() - start
        picture = cast(Image, np.asarray(made, np.uint8))
        return Outcome(picture, np.ones(picture.shape[:2], bool), seconds)


Filler = Callable[[StageInput, Mask], Image]
"""Photograph and the pixels HxW to be filled; the photograph with them filled."""


@dataclass(frozen=True, slots=True)
class TeleaFiller:
    """OpenCV's in-painting after Telea 2004 of the mask grown by `grown` pixels."""

    radius: float = 4
    grown: int = 1

    def __call__(self, item: StageInput, mask: Mask) -> Image:
        """The photograph with what `mask` marks filled."""
        hole = mask.astype(np.uint8)
        if self.grown:
            side = 2 * self.grown + 1
            element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
            hole = cast(Plane, cv2.dilate(hole, element))
        pixels = cast(Image, np.ascontiguousarray(item.pixels))
        return cast(Image, cv2.inpaint(pixels, hole, self.radius, cv2.INPAINT_TELEA))
