"""Chroma from a network for a whole photograph, and how sure the network is of it.

Any network fits that is wrapped into `Predict`. Pictures are padded, not squeezed to a square:
a panorama keeps its shape (`published_recipe.canvas`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.color.published_recipe import canvas, laid, lifted
from models.color.space import Floats, to_ab
from models.color.working_copy import Read, working_luma
from models.contract import Box

Predict = Callable[[Floats], Floats]
"""Luma HxW float32 in [0, 1], sides of the network's multiple, to chroma HxWx2 (`space`)."""

STEPS = 8
"""Levels of an uncertainty map for one unit of CIELAB."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Chroma hxwx2 for a working copy of a photograph, whose luma hxw is in [0, 1]."""

    luma: Floats
    chroma: Floats


@dataclass(frozen=True, slots=True)
class Spread:
    """How far predictions of the same photograph lie apart.

    `deviation` hxw: root mean square distance from their mean at each pixel, CIELAB units.
    `mean`: their mean chroma, hxwx2.
    """

    mean: Floats
    deviation: Floats

    def map(self) -> NDArray[np.uint8]:
        """The deviation as levels hxw, `STEPS` to a unit, 255 for 31.9 and more."""
        return np.rint(np.clip(self.deviation * STEPS, 0, 255)).astype(np.uint8)


def predicted(
    predict: Predict, read: Read, box: Box, render_factor: int, multiple: int = 32
) -> Prediction:
    """Chroma for `box` of a scan whose samples `read` gives, at `render_factor`.

    The network sees about (16 `render_factor`)**2 pixels, whatever the scan's size, in the
    box's own proportions, mirrored up to multiples of `multiple`.
    """
    place = canvas(box.width, box.height, render_factor, multiple)
    framed = laid(working_luma(read, box, place.width, place.height), place)
    answer = np.asarray(predict(framed), np.float32)
    return Prediction(lifted(framed, place), lifted(answer, place))


def predictions_spread(
    predict: Predict,
    read: Read,
    box: Box,
    render_factor: int,
    others: Sequence[float] = (0.7,),
    multiple: int = 32,
    averaged: bool = False,
) -> tuple[Prediction, Spread]:
    """The prediction at `render_factor`, and its spread over the mirrored picture and over
    render factors `others` times as large (1 and itself excluded); one run of the network each.
    `averaged`: the mean of them all instead of the first.
    """
    main = predicted(predict, read, box, render_factor, multiple)

    def mirrored(framed: Floats) -> Floats:
        return np.asarray(predict(np.ascontiguousarray(framed[:, ::-1])), np.float32)[:, ::-1]

    found = [main.chroma, predicted(mirrored, read, box, render_factor, multiple).chroma]
    height, width = main.luma.shape
    for share in others:
        other = predicted(predict, read, box, max(1, round(share * render_factor)), multiple)
        same = cv2.resize(other.chroma, (width, height), interpolation=cv2.INTER_LINEAR)
        found.append(cast(Floats, same.reshape(height, width, 2)))
    ab = np.stack([to_ab(main.luma, one) for one in found])
    apart = ((ab - ab.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0)
    spread = Spread(np.mean(found, axis=0), np.sqrt(apart).astype(np.float32))
    return (Prediction(main.luma, spread.mean) if averaged else main), spread
