"""The damage stage with networks: damage found, filled, and, in `revive`, ageing taken off.

`repair` touches damaged pixels and a feathered rim and nothing else. `revive` also corrects
fading and casts (`models.damage.tone`) and adds what the network would change to the scan's
own samples (`models.damage.revival`). Grey stays exactly grey: its one channel is restored,
and laid into all three. All arithmetic is in float, rounded once to the scan's own samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal, get_args

import cv2
import numpy as np
import torch
from torch import Tensor

from models.contract import BadStageInput, Rectangle, StageInput, StageResult
from models.damage import tiles
from models.damage.filling import network_fills
from models.damage.illumination import illumination
from models.damage.inpaint import Fill, fills
from models.damage.measure import noise, sample_windows, sharpness
from models.damage.model import DamageModel, load_model
from models.damage.pages import (
    as_scanned,
    changed_pixels,
    cropper,
    current_luminance,
    damage_flags,
    is_grey,
    laid,
    small_copy,
    touched,
)
from models.damage.probability import DamageProbability
from models.damage.regions import Regions, regions
from models.damage.reviving import revived
from models.damage.tone import ToneCorrector, ToneReport
from models.damage.translator import Translator
from models.pixels import check_input, lay, luminance

Mode = Literal["repair", "revive"]

BYTES_PER_PIXEL: Mapping[Mode, float] = {"repair": 16.0, "revive": 30.0}
"""Private bytes per pixel of a large scan beyond the scan itself and the networks."""

_DEEPEST_SHARE = 50  # parts of the long edge: a loss may be twice that wide
_SHALLOWEST = 16.0  # pixels: the least depth that is filled, on small scans
_RIM_SHARE = 3000  # pixels of long edge for each pixel of rim


class DamageRestorer:
    """Restores damage on whole scans with networks.

    `mode` is `repair` or `revive`; `strength` (0 to 1) scales the network's correction in
    `revive`, `tone_strength` (0 to 1) that of fading and casts; `grain` (0 to 1) is how much of
    the surroundings' grain is laid over what was filled; `keep_mask` returns the mask of
    repaired damage; `threads` is what torch and OpenCV may use on the CPU. `model` is the name
    of one of `models.damage.choices`, or a model that is loaded already; `device` as
    `models.device.pick_device` understands it. `window` is the side of the tiles, for tests.
    Raises `BadStageInput` for options out of range, `WeightsError` for weights that are missing
    or altered, `BadDevice` for a device that is not there.
    """

    def __init__(
        self,
        mode: Mode = "repair",
        strength: float = 1.0,
        keep_mask: bool = False,
        threads: int = 1,
        model: str | DamageModel = "auto",
        device: str = "auto",
        tone_strength: float = 1.0,
        grain: float = 1.0,
        window: int | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise BadStageInput(f"mode must be repair or revive, not {mode!r}")
        for name, share in (
            ("strength", strength),
            ("tone_strength", tone_strength),
            ("grain", grain),
        ):
            if not 0 <= share <= 1:
                raise BadStageInput(f"{name} must lie between 0 and 1, not {share}")
        if threads < 1 or (window is not None and window < 64):
            raise BadStageInput(f"threads={threads} or window={window} is too small")
        self.mode, self.strength, self.keep_mask, self.threads = mode, strength, keep_mask, threads
        self.tone_strength, self.grain = tone_strength, grain
        loaded = model if isinstance(model, DamageModel) else load_model(model, device)
        self.model = loaded
        self.revision = loaded.revision
        self.weights: Mapping[str, str] = dict(loaded.weights)
        self.device = loaded.device.type
        self.bytes_per_pixel = BYTES_PER_PIXEL[mode]
        batch = 8 if self.device == "cuda" else 1
        self._detecting = tiles.detecting(loaded, window, batch)
        self._filling = tiles.filling(loaded.filler, window, batch)
        self._reviving = tiles.reviving(loaded.reviver, window, batch)
        self._tone = ToneCorrector(tone_strength, loaded.tone)

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """One result for each input; `BadStageInput` where pixels and hints do not fit,
        `BadNetworkOutput` where a network answers with NaN."""
        torch.set_num_threads(self.threads)
        cv2.setNumThreads(self.threads)
        return [self._restore(item) for item in batch]

    def _restore(self, item: StageInput) -> StageResult:
        check_input(item)
        area = item.hints.photograph
        grey = is_grey(item, area)
        plane = current_luminance(item)
        sharp_before = sharpness(plane)
        faces = tuple(face.box for face in item.hints.faces)
        model = self.model
        likely = DamageProbability(plane, area, model.detector, self._detecting)
        likely.measure()
        before = regions(likely.combined(), area, faces, model.thresholds)
        rectangles, left_alone = self._repair(item, before, grey)
        after = before.pixels
        if rectangles:
            likely.update(rectangles)
            after = regions(likely.combined(), area, faces, model.thresholds).pixels
        del likely
        repaired = laid(item, rectangles)
        sigma = noise(item.crop, area)
        light = illumination(small_copy(item.crop, area))
        changes: tuple[Rectangle, ...] = ()
        tone: ToneReport | None = None
        if self.mode == "revive":
            changes, tone = revived(
                repaired,
                grey,
                self._tone,
                model.reviver,
                self._reviving,
                self.strength,
                model.gate,
            )
        for rectangle in changes:
            lay(plane, rectangle, luminance(rectangle.pixels))
        result = laid(repaired, changes) if changes else repaired
        changed = (*rectangles, *changes)
        total = item.pixels.shape[0] * item.pixels.shape[1]
        shape = item.pixels.shape[:2]
        metrics: dict[str, Any] = {
            "damaged_fraction_before": before.pixels / total,
            "damaged_fraction_after": after / total,
            "changed_fraction": changed_pixels(changed, shape) / total,
            "noise_before": float(sigma.mean()),
            "noise_after": float(noise(result.crop, area).mean()),
            "sharpness_before": sharp_before,
            "sharpness_after": sharpness(plane),
            "light_range": light.stops,
            "device": self.device,
            "damage_tile": self._smallest_tile(),
        }
        if tone is not None:
            metrics |= {
                "fading": tone.fading,
                "tone_applied": tone.applied,
                "cast_before": list(tone.cast_before),
                "cast_after": list(tone.cast_after),
            }
        return StageResult(
            rectangles=changed,
            metrics=metrics,
            flags=(
                *damage_flags(
                    before.pixels, area, before.over_face, left_alone, before.over_feature
                ),
                *light.flags,
                *(tone.flags if tone else ()),
            ),
            mask=touched(rectangles, shape) if self.keep_mask else None,
        )

    def _smallest_tile(self) -> int | None:
        """Side of the tiles of the networks that had to make do with less memory."""
        halved = [t.side for t in (self._detecting, self._filling, self._reviving) if t.halved]
        return min(halved, default=None)

    def _repair(self, item: StageInput, found: Regions, grey: bool) -> tuple[list[Rectangle], bool]:
        """The damage filled, and whether some of it was too large."""
        if not found.pixels:
            return [], False
        long_edge = max(found.mask.shape)
        deepest = max(_SHALLOWEST, long_edge / _DEEPEST_SHARE)
        rim = max(1, round(long_edge / _RIM_SHARE))
        crop = cropper(item, grey)
        filler = self.model.filler
        made: Iterator[Fill]
        with ExitStack() as stack:
            if filler is None:
                made = fills(crop, found.mask, rim, deepest, grain=self.grain)
            else:
                stack.enter_context(filler.pooled(*_sample(item, filler)))
                made = network_fills(
                    crop, found.mask, _draw(filler), self._filling, rim, deepest, self.grain
                )
            results = list(made)
        channels = item.pixels.shape[2:]
        rectangles = [as_scanned(f.rectangle, channels) for f in results if f.rectangle]
        return rectangles, any(fill.left_alone for fill in results)


def _draw(translator: Translator) -> Callable[[Tensor, Tensor], Tensor]:
    """What the network draws, for one channel or three."""

    def draw(image: Tensor, mask: Tensor) -> Tensor:
        if image.shape[1] == 3:
            return translator.draw(image, mask)
        return translator.draw(image.expand(-1, 3, -1, -1), mask).mean(1, keepdim=True)

    return draw


def _sample(item: StageInput, translator: Translator) -> tuple[Tensor, Tensor]:
    """Tiles Bx3xhxw from all over the photograph, and no mask, for pooled statistics."""
    multiple = translator.multiple
    tiles = []
    for box in sample_windows(item.hints.photograph)[::3]:
        pixels = item.crop(box)
        scale = np.float32(np.iinfo(pixels.dtype).max)
        part = pixels.astype(np.float32).reshape(box.height, box.width, -1) / scale
        height, width = (
            -(-max(side, translator.least) // multiple) * multiple for side in part.shape[:2]
        )
        missing = ((0, height - box.height), (0, width - box.width), (0, 0))
        whole = np.broadcast_to(np.pad(part, missing, mode="reflect"), (height, width, 3))
        tiles.append(torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1))))
    image = torch.stack(tiles)
    return image, torch.zeros_like(image[:, :1])
