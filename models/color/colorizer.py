"""A colour network, loaded, and a whole photograph in its colours: predicted, judged, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.color.choices import CHOICES, RENDER_FACTORS, Choice
from models.color.generator import ColorUNet
from models.color.join import Clipping, colorized
from models.color.judgement import Judgement, in_copy, judged
from models.color.prediction import Predict, Prediction, Spread, predictions_spread
from models.color.predictor import NetworkPredictor
from models.color.space import Floats
from models.color.upsample import fitted
from models.color.working_copy import Read, chosen_render_factor
from models.contract import BadStageInput, Box, Rectangle
from models.device import free_gpu_memory, pick_device
from models.weights import build, load, sha256_of


@dataclass(frozen=True, slots=True)
class Painting:
    """A photograph's area in colour.

    `render_factor` is what it was drawn at, `coarser` whether memory sufficed for no finer one.
    `rectangles` RGB from top to bottom, in the scan's sample type; `spread` hxw uint8 at working
    size, eight levels to a unit of CIELAB.
    """

    rectangles: tuple[Rectangle, ...]
    judgement: Judgement
    render_factor: int
    coarser: bool
    clipping: Clipping
    spread: NDArray[np.uint8]


class Colorizer:
    """`predict` and how it is used: see `models.color.choices.Choice`.

    `weights` maps the weight file's name to its sha256; sides of what `predict` is given are
    multiples of `multiple`.
    """

    def __init__(
        self,
        predict: Predict,
        choice: Choice,
        weights: Mapping[str, str] | None = None,
        multiple: int = ColorUNet.multiple,
    ) -> None:
        self._predict, self._multiple = predict, multiple
        self.choice, self.weights = choice, dict(weights or {})

    def __call__(
        self,
        read: Read,
        box: Box,
        faces: Sequence[Box] = (),
        render_factor: int | None = None,
        saturation: float | None = None,
    ) -> Painting:
        """`box` of a scan, whose samples `read` gives, in colour.

        `faces` are boxes in pixels of the scan. `render_factor` None: from the size of `box`, as
        far as the model goes; `saturation` None: the model's own. The network runs three times:
        mirrored and coarser as well, to see how sure it is. Memory: that of the network, of a
        strip of the scan, and of the rectangles; where a GPU's does not suffice, the render
        factor is halved. Raises `BadNetworkOutput` where the network answers with NaN or
        infinity, torch's out-of-memory error where the least render factor needs too much.
        """
        own = min(chosen_render_factor(box.width, box.height), self.choice.finest)
        factor = own if render_factor is None else render_factor
        strength = np.float32(self.choice.saturation if saturation is None else saturation)

        def saturated(luma: Floats) -> Floats:
            return cast(Floats, self._predict(luma) * strength)

        asked = factor
        while (found := self._predictions(saturated, read, box, factor)) is None:
            factor = max(RENDER_FACTORS[0], factor // 2)
        main, spread = found
        shown = [in_copy(face, box, *main.luma.shape) for face in faces if _meets(face, box)]
        judgement = judged(main, spread.deviation, shown)
        clipping = Clipping()
        rectangles = tuple(colorized(read, box, fitted(main.luma, main.chroma), clipping))
        return Painting(rectangles, judgement, factor, factor < asked, clipping, spread.map())

    def _predictions(
        self, predict: Predict, read: Read, box: Box, factor: int
    ) -> tuple[Prediction, Spread] | None:
        """See `predictions_spread`; None where memory does not suffice for `factor`."""
        try:
            return predictions_spread(
                predict, read, box, factor, multiple=self._multiple, averaged=self.choice.averaged
            )
        except torch.OutOfMemoryError:
            if factor <= RENDER_FACTORS[0]:
                raise
        free_gpu_memory()
        return None


def load_colorizer(model: str, device: str = "auto") -> Colorizer:
    """The colorizer `model` (a key of `models.color.choices.CHOICES`), its weights checked.

    Raises `BadStageInput` for another name, `WeightsError` for missing or altered weights,
    `BadDevice` for a device that is not there.
    """
    if model not in CHOICES:
        raise BadStageInput(f"no colour model {model!r}; there are {', '.join(CHOICES)}")
    choice = CHOICES[model]
    where = str(pick_device(device))
    sha256 = sha256_of(choice.weights)  # says what is missing before a large network is built
    network = cast(ColorUNet, build(choice.weights))
    load(choice.weights, network)
    return Colorizer(NetworkPredictor(network, where), choice, {choice.weights: sha256})


def over_scan(spread: NDArray[np.uint8], box: Box, height: int, width: int) -> NDArray[np.uint8]:
    """`spread` of `box` at the scan's size, HxW uint8, 0 outside of it."""
    plane = np.zeros((height, width), np.uint8)
    plane[box.top : box.bottom, box.left : box.right] = cv2.resize(
        spread, (box.width, box.height), interpolation=cv2.INTER_LINEAR
    )
    return plane


def _meets(face: Box, box: Box) -> bool:
    across = min(face.right, box.right) - max(face.left, box.left)
    down = min(face.bottom, box.bottom) - max(face.top, box.top)
    return across > 0 and down > 0
