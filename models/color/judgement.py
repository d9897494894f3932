"""What a curator should know of a colourized picture, and when it is better left grey.

Measured on the working copy, where the network drew; all of it from its luma and chroma alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from models.color.decision import colorfulness
from models.color.prediction import Prediction
from models.color.skin import skin_share
from models.color.space import Floats, rgb_of
from models.contract import Box

HARDLY = "hardly any colour"
DOUBTFUL = "colours differ between predictions"
ONE_TINT = "one tint instead of colours"
SKIN = "a face without the colour of skin"

UNCERTAIN = 10.0
"""CIELAB units between predictions from which on a pixel's colour counts as uncertain: as far
apart as two colours that nobody would call the same."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a figure is a flag. Meant to be calibrated with the network in use."""

    colorfulness: float = 6.0
    """Hasler and Suesstrunk: below it a picture is grey to the eye (their "not colourful": 0)."""
    doubt: float = 0.4
    """Spread over chroma. Of 290 photographs (260 of them learnt from) 25 are above: what was drawn
    brought these 0.1 CIEDE2000 nearer to their true colours than grey, the others 2.3."""
    uncertain: float = 0.1
    """Share of pixels whose predictions lie `UNCERTAIN` apart. Of these 290, 7 are above."""
    hues: float = 1.5
    """CIELAB units that chroma varies by across a picture; below it is a wash of one tint."""
    skin: float = 0.3
    """Share of a face's oval that must have a colour of skin. Of 148 faces in their true colours
    1 % are below it, none of the same tinted green or blue is above 0.22."""


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of a colourized picture.

    `colorfulness`: M3 of Hasler and Suesstrunk (2003). `saturation`: mean CIELAB chroma.
    `variety`: root mean square distance of a*, b* from their mean over the picture. `spread`:
    mean deviation of predictions (CIELAB), `doubt` the same over saturation, `uncertain` the
    share of pixels whose predictions lie `UNCERTAIN` apart; nan where there was one prediction.
    `skin`: for every face the share of its oval with a colour of skin, nan where it cannot be
    told. `flags` ask a curator to look.
    """

    colorfulness: float
    saturation: float
    variety: float
    spread: float
    doubt: float
    uncertain: float
    skin: tuple[float, ...]
    flags: tuple[str, ...]

    @property
    def better_grey(self) -> bool:
        """Whether the picture is better left grey: colour adds nothing, or cannot be trusted."""
        return bool(self.flags)


def judged(
    prediction: Prediction,
    deviation: Floats | None = None,
    faces: Sequence[Box] = (),
    limits: Limits = LIMITS,
) -> Judgement:
    """The judgement of `prediction`. `deviation` hxw is that of `predictions_spread`; `faces`
    are boxes in pixels of the working copy (`in_copy`)."""
    rgb, _ = rgb_of(prediction.luma, prediction.chroma)
    lab = cast(Floats, cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab))
    ab = lab[..., 1:]
    saturation = float(np.hypot(ab[..., 0], ab[..., 1]).mean())
    variety = float(np.sqrt(ab.reshape(-1, 2).var(axis=0).sum()))
    spread = float("nan") if deviation is None else float(deviation.mean())
    doubt = spread / max(saturation, 0.1)
    uncertain = float("nan") if deviation is None else float((deviation > UNCERTAIN).mean())
    skin = tuple(skin_share(lab[..., 0], ab, box) for box in faces)
    m3 = colorfulness(np.rint(rgb * 65535).astype(np.uint16))
    checks = {
        HARDLY: m3 < limits.colorfulness,
        ONE_TINT: m3 >= limits.colorfulness and variety < limits.hues,
        DOUBTFUL: doubt > limits.doubt or uncertain > limits.uncertain,
        SKIN: any(share < limits.skin for share in skin),
    }
    flags = tuple(flag for flag, raised in checks.items() if raised)
    return Judgement(m3, saturation, variety, spread, doubt, uncertain, skin, flags)


def in_copy(face: Box, area: Box, height: int, width: int) -> Box:
    """`face`, in pixels of the scan, in those of the `height` x `width` copy of `area`."""
    across, down = width / area.width, height / area.height
    left, top = round((face.left - area.left) * across), round((face.top - area.top) * down)
    right = round((face.right - area.left) * across)
    bottom = round((face.bottom - area.top) * down)
    return Box(left, top, max(right, left + 1), max(bottom, top + 1))
