"""The contract of the three stages: arrays and hints in, rectangles and metrics out.

A stage is a plain class built once per actor. It never sees a file, a profile or storage:
the arrays it gets are read-only views of shared memory, and what it returns is only the
rectangles it changed, because whole arrays of a large scan do not travel well (DESIGN 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]

Tone = Literal["monochrome", "toned", "color"]


class BadStageInput(ValueError):
    """A stage was given an array or an option it does not process; the message names it."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels of the whole scan; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    def grown(self, across: int, down: int, width: int, height: int) -> Box:
        """The box with `across` pixels more on the left and the right and `down` above and
        below, as far as a picture of `width` x `height` goes."""
        return Box(
            max(0, self.left - across),
            max(0, self.top - down),
            min(width, self.right + across),
            min(height, self.bottom + down),
        )


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: its box in pixels of the whole scan and the detector's score."""

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Hints:
    """What `models.look` found on a reduced copy, for the stages that follow.

    `photograph` bounds the picture itself (without mount, film edge or scanner bed).
    `tone_measures` holds the figures the tone was decided from, by name.
    """

    photograph: Box
    tone: Tone
    tone_measures: Mapping[str, float]
    faces: tuple[Face, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Changed pixels: `pixels` is hxw or hxwx3 in the dtype of the scan, to be laid at
    (`top`, `left`) wherever the hxw boolean `mask` is true."""

    top: int
    left: int
    pixels: Samples
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StageInput:
    """One page for a stage.

    `pixels` is HxW or HxWx3, uint8 or uint16, sRGB (or grey with the sRGB curve), read-only.
    `changes` are the rectangles of the stages before, in order, not yet laid into `pixels`:
    `crop` gives the picture as it stands now. `options` are this scan's own settings by name
    (`mode`, `colorize`, `faces`); where one is missing, the stage's own setting holds.
    """

    pixels: Samples
    hints: Hints
    changes: tuple[Rectangle, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def crop(self, box: Box) -> Samples:
        """A writable copy of `box` with the earlier stages' changes laid in.

        `box` must lie inside the picture.
        """
        window = self.pixels[box.top : box.bottom, box.left : box.right].copy()
        for change in self.changes:
            height, width = change.mask.shape
            top, left = max(box.top, change.top), max(box.left, change.left)
            bottom = min(box.bottom, change.top + height)
            right = min(box.right, change.left + width)
            if top >= bottom or left >= right:
                continue
            inner = (
                slice(top - change.top, bottom - change.top),
                slice(left - change.left, right - change.left),
            )
            outer = (
                slice(top - box.top, bottom - box.top),
                slice(left - box.left, right - box.left),
            )
            mask = change.mask[inner]
            window[outer][mask] = change.pixels[inner][mask]
        return window


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage did to one page.

    `rectangles` is empty when no pixel changed. `metrics` keys are column names of the
    manifest. `flags` ask a curator to look. `mask` (HxW uint8) is kept as a derivative where the
    user asks for it: what the damage stage changed (0 or 255), how unsure the colour stage is of
    its colours (eight levels to a unit of CIELAB).
    """

    rectangles: tuple[Rectangle, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    mask: NDArray[np.uint8] | None = None


class Stage(Protocol):
    """A restorer of whole scans.

    `revision` changes whenever the same input may give other pixels; it enters the recipe.
    `weights` maps each weight file's name to its sha256 (empty for a stage without weights).
    `bytes_per_pixel` bounds the private memory the stage needs per pixel of the scan, so
    that a lane can refuse what would not fit.
    """

    revision: str
    weights: Mapping[str, str]
    bytes_per_pixel: float

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """One result for each input, in order."""
        ...


@runtime_checkable
class JoiningStage(Protocol):
    """What a stage says of itself that gains by several pages at once.

    Up to `batch` pages that wait for it are given to one call, as many as do wait; a stage
    that does not say gets one page a call. But for rounding on a GPU, a page's result must not
    depend on the pages beside it. Where such a call raises, its pages are given to the stage
    again one by one.
    """

    batch: int
