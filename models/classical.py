"""The classical damage stage: thin defects found by morphology, filled by Telea in-painting.

The thesis's baseline (median and Wiener filtering, in-painting), made fit for whole scans:
`repair` touches damaged pixels and a feathered rim and nothing else; `revive` also takes
noise off where there is enough of it to be measured. No weights; always available.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import (
    BadStageInput,
    Box,
    Rectangle,
    StageInput,
    StageResult,
)
from models.damage.denoise import MARGIN, WARRANTED, denoised, has_impulses
from models.damage.detect import WINDOW, DefectDetector
from models.damage.inpaint import fills
from models.damage.measure import noise, sample_windows, sharpness
from models.damage.pages import changed_pixels, current_luminance, damage_flags, laid, touched
from models.damage.ridges import Plane
from models.pixels import check_input, lay, luminance

Mode = Literal["repair", "revive"]

REVISION = "classical/1"

BYTES_PER_PIXEL: Mapping[Mode, float] = {"repair": 8.0, "revive": 12.0}
"""Private bytes per pixel beyond the scan. Measured on 12000 x 9000 16-bit colour, which needs
most: 6.8 and 9.5; `revive` returns the whole picture and its masks, which are 7 of them."""

_DEEPEST_SHARE = 200  # parts of the long edge: damage may be twice that wide
_SHALLOWEST = 6.0  # pixels: the least `deepest`, on small scans
_RIM_SHARE = 3000  # pixels of long edge for each pixel of rim
_TILE = 1024  # of the noise filter


class ClassicalRestorer:
    """Restores damage on whole scans with classical methods.

    `mode` is `repair` or `revive`; `strength` (0 to 1) is how much of the noise filter's
    correction `revive` applies; `keep_mask` returns the mask of repaired damage; `threads`
    is how many windows are worked on at once. `window` is for tests: results do not depend
    on it. Raises `BadStageInput` for options out of range.
    """

    revision = REVISION

    def __init__(
        self,
        mode: Mode = "repair",
        strength: float = 0.7,
        keep_mask: bool = False,
        threads: int = 1,
        window: int = WINDOW,
    ) -> None:
        if mode not in get_args(Mode):
            raise BadStageInput(f"mode must be repair or revive, not {mode!r}")
        if not 0 <= strength <= 1:
            raise BadStageInput(f"strength must lie between 0 and 1, not {strength}")
        if threads < 1 or window < 64:
            raise BadStageInput(f"threads={threads} or window={window} is too small")
        self.mode, self.strength, self.keep_mask = mode, strength, keep_mask
        self.threads, self.window = threads, window
        self.weights: Mapping[str, str] = {}
        self.bytes_per_pixel = BYTES_PER_PIXEL[mode]

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """One result for each input; `BadStageInput` where pixels and hints do not fit."""
        # Windows are shared among our own threads; OpenCV's would only compete with them.
        cv2.setNumThreads(1)
        return [self._restore(item) for item in batch]

    def _restore(self, item: StageInput) -> StageResult:
        check_input(item)
        area = item.hints.photograph
        plane = current_luminance(item)
        sharp_before = sharpness(plane)
        faces = tuple(face.box for face in item.hints.faces)
        detector = DefectDetector(plane, area, faces, self.threads, self.window)
        before = detector.detect()
        rectangles, left_alone = _repair(item, before.mask)
        repaired = laid(item, rectangles)
        detector.update(rectangles)
        after = detector.detect().pixels if rectangles else before.pixels
        del detector  # its planes and candidates make room for the filter's tiles

        sigma = noise(item.crop, area)
        filtered = self._filter(repaired, sigma, area) if self.mode == "revive" else ()
        result = laid(repaired, filtered) if filtered else repaired
        for rectangle in filtered:
            lay(plane, rectangle, luminance(rectangle.pixels))
        changed = filtered or tuple(rectangles)
        total = item.pixels.shape[0] * item.pixels.shape[1]
        metrics: dict[str, Any] = {
            "damaged_fraction_before": before.pixels / total,
            "damaged_fraction_after": after / total,
            "changed_fraction": changed_pixels(changed, before.mask.shape) / total,
            "noise_before": float(sigma.mean()),
            "noise_after": float(noise(result.crop, area).mean()),
            "sharpness_before": sharp_before,
            "sharpness_after": sharpness(plane),
        }
        return StageResult(
            rectangles=changed,
            metrics=metrics,
            flags=damage_flags(before.pixels, area, before.over_face, left_alone),
            mask=touched(rectangles, before.mask.shape) if self.keep_mask else None,
        )

    def _filter(
        self, item: StageInput, sigma: NDArray[np.float64], area: Box
    ) -> tuple[Rectangle, ...]:
        """Tiles of the photograph with noise taken off; none where it is not warranted."""
        impulses = has_impulses([item.crop(box) for box in sample_windows(area)])
        if self.strength == 0 or (float(sigma.mean()) < WARRANTED and not impulses):
            return ()
        height, width = item.pixels.shape[:2]

        def tile(corner: tuple[int, int]) -> Rectangle | None:
            top, left = corner
            box = Box(left, top, min(left + _TILE, area.right), min(top + _TILE, area.bottom))
            outer = box.grown(MARGIN, MARGIN, width, height)
            inner = (
                slice(box.top - outer.top, box.bottom - outer.top),
                slice(box.left - outer.left, box.right - outer.left),
            )
            pixels = denoised(item.crop(outer), sigma, self.strength, impulses)[inner].copy()
            source = item.pixels[box.top : box.bottom, box.left : box.right]
            mask = (pixels != source).reshape(*pixels.shape[:2], -1).any(axis=2)
            return Rectangle(top, left, pixels, mask) if mask.any() else None

        corners = product(range(area.top, area.bottom, _TILE), range(area.left, area.right, _TILE))
        with ThreadPoolExecutor(self.threads) as pool:
            return tuple(found for found in pool.map(tile, corners) if found is not None)


def _repair(item: StageInput, mask: Plane) -> tuple[list[Rectangle], bool]:
    """The damage filled, and whether some of it was too large."""
    long_edge = max(mask.shape)
    deepest = max(_SHALLOWEST, long_edge / _DEEPEST_SHARE)
    rim = max(1, round(long_edge / _RIM_SHARE))
    rectangles, left_alone = [], False
    for fill in fills(item.crop, mask, rim, deepest):
        left_alone |= fill.left_alone
        if fill.rectangle is not None:
            rectangles.append(fill.rectangle)
    return rectangles, left_alone
