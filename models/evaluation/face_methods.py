"""What the face stage is compared with: unsharp masking, and its own network without a guard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol, cast

import cv2
import numpy as np

from models.contract import Box, Hints, Rectangle, StageInput
from models.damage.pages import laid
from models.evaluation.face_cases import FaceCase, Image
from models.evaluation.methods import Outcome
from models.faces.align import (
    BadLandmarks,
    Floats,
    Matrix,
    crop,
    similarity,
    size_strength,
    uncrop,
)
from models.faces.blend import GRAIN, area, blended, weights
from models.faces.ladder import aligned
from models.faces.landmarks import landmarks
from models.pixels import whole
from models.training.data import to_bytes

FACTORS, SIGMAS, AMOUNTS = (1.0, 1.5, 2.0, 3.0), (1.0, 2.0), (0.25, 0.5, 1.0, 1.5)
"""What the baseline is tried with on calibration portraits."""


class Enhancer(Protocol):
    """A loaded face network (`models.faces.enhancer`): aligned crops `side` x `side` x C in
    [0, 1] to the same count `side` x `side` x 3."""

    @property
    def side(self) -> int:
        """Pixels of the crops."""
        ...

    def __call__(self, crops: Sequence[Floats], /) -> list[Floats]:
        """The crops enhanced, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Unsharp:
    """Reduced by `factor` (averaged), enlarged bicubically, unsharp masking by `amount`."""

    factor: float = 1.0
    sigma: float = 1.0
    amount: float = 0.5
    name: str = "bicubic, unsharp"

    def __call__(self, item: StageInput) -> Outcome:
        """The whole picture sharpened."""
        start = time.perf_counter()
        pixels = np.asarray(item.pixels, np.float32)
        height, width = pixels.shape[:2]
        if self.factor > 1:
            size = (max(1, round(width / self.factor)), max(1, round(height / self.factor)))
            small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            pixels = np.asarray(
                cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
            )
        soft = cv2.GaussianBlur(pixels, (0, 0), self.sigma)
        made = np.clip(np.rint(pixels + self.amount * (pixels - soft)), 0, 255).astype(np.uint8)
        changed = (made != item.pixels).any(axis=2)
        return Outcome(made, changed, time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class BareNetwork:
    """The network at full strength wherever the look found a face, and nobody to say no.

    With `blend` as the stage would lay it in (`grain` as there), else as it is: the crop's whole
    difference, light and tone included. Pictures in 8 bits, three channels.
    """

    name: str
    enhancer: Enhancer
    blend: bool = True
    grain: float = GRAIN

    def __call__(self, item: StageInput) -> Outcome:
        """Face after face; one without landmarks is left as it was."""
        start = time.perf_counter()
        made = item
        for matrix in self._matrices(item):
            height, width = item.pixels.shape[:2]
            box = area(matrix, self.enhancer.side, height, width)
            if box is not None:
                change = self._enhanced(made, matrix, box)
                made = laid(made, [change] if change else [])
        picture = cast(Image, made.crop(whole(item.pixels)))
        changed = (picture != item.pixels).any(axis=2)
        return Outcome(picture, changed, time.perf_counter() - start)

    def _enhanced(self, item: StageInput, matrix: Matrix, box: Box) -> Rectangle | None:
        side = self.enhancer.side
        before = crop(item.pixels, matrix, side)
        (after,) = self.enhancer([before])
        weight, window = weights(matrix, side, box), item.crop(box)
        if self.blend:
            strength, tone = size_strength(matrix, side), item.hints.tone
            return blended(window, box, matrix, before, after, weight, strength, tone, self.grain)
        values = window + 255 * uncrop(after - before, matrix, box) * weight[..., None]
        pasted = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        return Rectangle(box.top, box.left, pasted, np.ones(weight.shape, bool))

    def _matrices(self, item: StageInput) -> Iterator[Matrix]:
        for face in item.hints.faces:
            points = landmarks(item.pixels, face.box)
            if points is None:
                continue
            try:
                yield similarity(points, self.enhancer.side)
            except BadLandmarks:
                continue


def seen_crops(enhancer: Enhancer) -> Callable[[Floats], tuple[Floats, Floats]]:
    """From a scan's aligned crop NxNx3 to what the stage shows its guard at full strength: the
    crop at the network's side as it was, and as it would be seen, blended in and rounded."""
    side = enhancer.side

    def enhance(scan: Floats) -> tuple[Floats, Floats]:
        pixels = to_bytes(scan)
        item = StageInput(pixels, Hints(whole(pixels), "color", {}, ()))
        ratio = side / pixels.shape[0]
        rim = (ratio - 1) / 2  # half a pixel at the edge scales with the rest
        matrix = np.array([[ratio, 0, rim], [0, ratio, rim]])
        before = aligned(item, matrix, side)
        (after,) = enhancer([before])
        box = area(matrix, side, *pixels.shape[:2])
        if box is None:
            return before, before
        weight, window = weights(matrix, side, box), item.crop(box)
        change = blended(window, box, matrix, before, after, weight)
        return before, aligned(laid(item, [change] if change else []), matrix, side)

    return enhance


def best_unsharp(
    cases: Sequence[FaceCase], score: Callable[[FaceCase, Image], float], name: str
) -> Unsharp:
    """The baseline, called `name`, with the best mean `score` on `cases`: meant for calibration
    portraits, so that it is as good as it gets."""
    tried = [Unsharp(*given, name) for given in product(FACTORS, SIGMAS, AMOUNTS)]

    def mean(one: Unsharp) -> float:
        return float(np.mean([score(case, one(case.item).pixels) for case in cases]))

    return max(tried, key=mean)
