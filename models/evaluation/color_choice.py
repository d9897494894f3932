"""At which saturation a network is measured: chosen on another split, by rule; render factors too.

A network that is rewarded for being near the true colours on average draws them paler than they
are. What is chosen is therefore the saturation with the least CIEDE2000 among those with which
pictures are colourful enough, all pictures together; one for all pictures. Colourful enough they
are to be on other pictures too: how much the share varies from one picture to the next says what
margin that takes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.color.decision import colorfulness, to_lab
from models.color.difference import chroma_psnr, ciede2000
from models.color.prediction import Prediction, predictions_spread
from models.color.space import chroma, colored, luma
from models.color.upsample import fitted
from models.contract import Box, Samples
from models.evaluation.color_methods import SEPIA, Tint, made_grey
from models.evaluation.color_networks import ColorNetwork
from models.evaluation.damage import SAME
from models.pixels import reduced, whole
from models.training.data import Image

SATURATIONS = tuple(round(0.1 * tenth, 1) for tenth in range(6, 21))
"""Times the network's own chroma."""

RENDER_FACTORS = (8, 12, 16, 20, 28, 35)

SHARES = (0.45, 1.1)
"""Colourfulness wanted, as a share of the true pictures'."""

MARGIN = 2**0.5
"""Standard errors of the share that it keeps from these bounds: one of the difference to the
share on as many other pictures. More would be paid for in distance from the true colours."""

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
"""Of the sepia tint."""

_LONG_EDGE = 224  # pixels of the copies that colours are compared on


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting and what it gave: mean CIEDE2000 and chroma PSNR (dB) against the true colours,
    colourfulness as a share of the true with its standard error, seconds the network took for a
    picture."""

    network: str
    render_factor: int
    saturation: float
    ciede: float
    psnr: float
    share: float
    share_error: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.network}: render factor {self.render_factor or 'by size'}, saturation "
            f"{self.saturation:.1f}: CIEDE2000 {self.ciede:.3f}, chroma PSNR {self.psnr:.2f} dB, "
            f"colourfulness {self.share:.0%} +- {self.share_error:.0%}, {self.seconds:.2f} s"
        )

    def measured(self) -> dict[str, Any]:
        """The figures by name, for JSON."""
        return asdict(self)


class Pictures:
    """Photographs in colour, with reduced copies that answers are compared to."""

    def __init__(self, photographs: Sequence[Image]) -> None:
        self.grey = [made_grey(one) for one in photographs]
        self.true = [np.asarray(reduced(one, _LONG_EDGE), np.uint8) for one in photographs]
        self.labs = [to_lab(one) for one in self.true]
        self.chroma = [chroma((one / np.float32(255)).astype(np.float32)) for one in self.true]
        self.colorfulness = np.array([colorfulness(one) for one in self.true])

    def compared(self, made: Sequence[Samples]) -> tuple[float, float, float, float]:
        """Mean CIEDE2000, mean chroma PSNR, colourfulness as a share of the true and that share's
        standard error (of a ratio of sums), of `made`, one HxWx3 uint8 for each of `true`."""
        ciede, psnr = [], []
        for one, lab, own in zip(made, self.labs, self.chroma, strict=True):
            ciede.append(ciede2000(to_lab(one), lab).mean())
            found = chroma((one / np.float32(255)).astype(np.float32))
            psnr.append(min(chroma_psnr(found, own), SAME))
        found_all = np.array([colorfulness(one) for one in made])
        total, count = max(float(self.colorfulness.sum()), 1e-6), len(found_all)
        share = float(found_all.sum()) / total
        off = float(((found_all - share * self.colorfulness) ** 2).sum())
        error = (off * count / max(1, count - 1)) ** 0.5 / total
        return float(np.mean(ciede)), float(np.mean(psnr)), share, error


def tried(
    network: ColorNetwork,
    pictures: Pictures,
    render_factor: int = 0,
    saturations: Sequence[float] = SATURATIONS,
) -> list[Tried]:
    """`network` at every one of `saturations`; `render_factor` 0 leaves it to the scan's size."""
    start = time.perf_counter()
    predictions = [_prediction(network, grey, render_factor) for grey in pictures.grey]
    seconds = (time.perf_counter() - start) / max(1, len(predictions))
    found = []
    for saturation in saturations:
        made = [
            _colored(prediction, saturation, true)
            for prediction, true in zip(predictions, pictures.true, strict=True)
        ]
        figures = pictures.compared(made)
        found.append(Tried(network.name, render_factor, saturation, *figures, seconds))
    return found


def chosen(found: Sequence[Tried]) -> Tried:
    """The one with the least CIEDE2000 whose share lies within `SHARES` by `MARGIN`; where none
    does, the one that comes nearest to it."""
    low, high = SHARES

    def off(one: Tried) -> float:
        margin = MARGIN * one.share_error
        return max(low + margin - one.share, one.share + margin - high, 0.0)

    return min(found, key=lambda one: (off(one), one.ciede))


def chosen_sepia(name: str, pictures: Pictures) -> Tint:
    """The sepia tint, as strong as brings it nearest to the true colours."""

    def distance(tint: Tint) -> float:
        return pictures.compared([tint(made_grey(true)).pixels for true in pictures.true])[0]

    tints = [Tint(name, (share * SEPIA[0], share * SEPIA[1])) for share in STRENGTHS]
    return min(tints, key=distance)


def _prediction(network: ColorNetwork, grey: Samples, render_factor: int) -> Prediction:
    """The network's for the whole of `grey` HxW, as the stage makes it."""
    height, width = grey.shape

    def read(box: Box) -> Samples:
        return grey[box.top : box.bottom, box.left : box.right]

    factor = render_factor or network.render_factor(width, height)
    return predictions_spread(
        network.predict,
        read,
        whole(grey),
        factor,
        multiple=network.multiple,
        averaged=network.choice.averaged,
    )[0]


def _colored(prediction: Prediction, saturation: float, true: Image) -> Samples:
    """The prediction joined to the luma of the reduced copy `true`, as the stage joins it."""
    own = luma(true)
    field = fitted(prediction.luma, np.float32(saturation) * prediction.chroma)
    return colored(own, field.rows(0, own, len(own)), true.dtype)[0]
