"""The parts of a model of the damage stage, each asked alone: detector, filler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.contract import StageInput
from models.damage import tiles
from models.damage.filling import network_fills
from models.damage.model import DamageModel
from models.damage.pages import as_scanned, cropper, current_luminance, is_grey, laid
from models.damage.probability import DamageProbability
from models.damage.regions import Thresholds, regions
from models.pixels import whole

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Plane = NDArray[np.uint8]

_RIM_SHARE = 3000
_SAMPLE = 512  # pixels of the sample that statistics are taken from


def probability(model: DamageModel, item: StageInput) -> Plane:
    """The detector's answer on the photograph, HxW uint8; 255 is certainly damaged."""
    likely = DamageProbability(
        current_luminance(item),
        item.hints.photograph,
        model.detector,
        tiles.detecting(model),
    )
    likely.measure()
    return likely.combined()


def taken_for_damage(
    plane: Plane, item: StageInput, thresholds: Thresholds, faces: bool = True
) -> Mask:
    """What the stage would take for damage, HxW; without care for faces on request."""
    boxes = tuple(face.box for face in item.hints.faces) if faces else ()
    return cast(Mask, regions(plane, item.hints.photograph, boxes, thresholds).mask == 1)


@dataclass(frozen=True, slots=True)
class NetworkFiller:
    """The filler of a model, with `grain` as the stage lays it over what was drawn.

    Holes of every depth are filled, so that it can be compared on all damaged pixels.
    """

    model: DamageModel
    grain: float = 1.0

    def __call__(self, item: StageInput, mask: Mask) -> Image:
        """The photograph with what `mask` marks filled. `ValueError` for a model without."""
        filler = self.model.filler
        if filler is None:
            raise ValueError(f"the model {self.model.name} has no network that fills damage")
        grey = is_grey(item, item.hints.photograph)
        tiler = tiles.filling(filler)
        rim = max(1, round(max(mask.shape) / _RIM_SHARE))

        def draw(image: Tensor, marked: Tensor) -> Tensor:
            if image.shape[1] == 3:
                return filler.draw(image, marked)
            return filler.draw(image.expand(-1, 3, -1, -1), marked).mean(1, keepdim=True)

        sample = _sample(item.pixels, filler.multiple, filler.least)
        with filler.pooled(sample, torch.zeros_like(sample[:, :1])):
            made = list(
                network_fills(
                    cropper(item, grey),
                    mask.astype(np.uint8),
                    draw,
                    tiler,
                    rim,
                    math.inf,
                    self.grain,
                )
            )
        rectangles = [as_scanned(fill.rectangle, (3,)) for fill in made if fill.rectangle]
        return cast(Image, laid(item, rectangles).crop(whole(item.pixels)))


def _sample(pixels: NDArray[np.generic], multiple: int, least: int) -> Tensor:
    """The middle of the photograph, 1x3xhxw in [0, 1]."""
    height, width = pixels.shape[:2]
    rows, columns = (min(side, _SAMPLE) for side in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    part = np.asarray(pixels[top : top + rows, left : left + columns], np.float32) / 255
    down, across = (-(-max(side, least) // multiple) * multiple for side in (rows, columns))
    part = np.pad(part, ((0, down - rows), (0, across - columns), (0, 0)), mode="reflect")
    return torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1)))[None]
