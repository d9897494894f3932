"""What colours a grey scan in an evaluation: the stage as users run it, or one constant tint.

Every method answers for a grey scan with RGB samples of the same type, whose luma is the scan's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, cast

import numpy as np

from models.color.restorer import ColorRestorer
from models.color.space import colored, luma
from models.contract import Hints, Samples, StageInput
from models.evaluation.color_networks import ColorNetwork
from models.pixels import whole

SEPIA = (-0.079, 0.048)
"""Cb and Cr of a middle grey toned sepia, as image editors' usual matrix has it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scan in colour: HxWx3; the share of its pixels whose colour lay outside sRGB and was
    reduced; what a curator is told."""

    pixels: Samples
    reduced: float = 0.0
    flags: tuple[str, ...] = ()


class ColorMethod(Protocol):
    """A way from grey to colour."""

    @property
    def name(self) -> str:
        """As tables and sheets call it."""
        ...

    def __call__(self, grey: Samples) -> Drawn:
        """`grey` HxW, uint8 or uint16, in colour, in its own type."""
        ...


@dataclass(frozen=True, slots=True)
class Tint:
    """One chroma (Cb, Cr) for every pixel: (0, 0) leaves grey."""

    name: str
    chroma: tuple[float, float]

    def __call__(self, grey: Samples) -> Drawn:
        """See `ColorMethod`."""
        plane = np.broadcast_to(np.asarray(self.chroma, np.float32), (*grey.shape, 2))
        made, reduced = colored(luma(grey), plane, grey.dtype)
        return Drawn(made, float(reduced.mean()))


@dataclass(frozen=True, slots=True)
class StageColors:
    """A colour stage that colourizes whatever it is given."""

    name: str
    stage: ColorRestorer

    def __call__(self, grey: Samples) -> Drawn:
        """See `ColorMethod`. What the stage leaves alone stays grey, and its reason is a flag."""
        area = whole(grey)
        (result,) = self.stage([StageInput(grey, Hints(area, "monochrome", {}, ()))])
        made = cast(Samples, np.repeat(grey[..., None], 3, axis=2))
        for one in result.rectangles:
            height, width = one.mask.shape
            window = made[one.top : one.top + height, one.left : one.left + width]
            window[one.mask] = one.pixels[one.mask]
        if not result.metrics["colorized"]:
            return Drawn(made, 0.0, (str(result.metrics["colorize_reason"]),))
        return Drawn(made, float(result.metrics["color_clipped"]), result.flags)


def stage_of(
    network: ColorNetwork,
    saturation: float | None = None,
    render_factor: int = 0,
    threads: int = 1,
) -> StageColors:
    """The stage around `network`, named after it. `render_factor` 0: what the stage chooses by
    the scan's size; `saturation` None: what is the model's own."""
    factor: int | Literal["auto"] = render_factor or "auto"
    stage = ColorRestorer("always", network.colorizer(), "cpu", threads, factor, saturation)
    return StageColors(network.name, stage)


def made_grey(photograph: Samples, dtype: type[np.uint8] | type[np.uint16] = np.uint8) -> Samples:
    """Luma of `photograph` HxWx3, rounded to samples HxW of `dtype`."""
    return cast(Samples, np.rint(luma(photograph) * np.float32(np.iinfo(dtype).max)).astype(dtype))
