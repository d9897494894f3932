"""Lessons in colour: a photograph made grey as old film and old prints are, and its true colours.

Only what is in colour teaches colour: a toned print among the photographs would teach a network
to tint. What the network is shown is luma, aged a little; what it must answer are the colours of
the sound picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.color.decision import decide, to_lab
from models.color.space import BLUE, GREEN, RED, Floats, luma
from models.training.data import Draw, Image, random_crop, to_bytes

SCALES = (0.4, 1.2)
"""Of crops: from a whole photograph, which shows what it is of, to its own pixels."""

WHOLE = 256
"""Pixels, the side of a square, of held-out photographs: about what the network is shown."""

_EARLY_FILM = 0.3  # of the samples: taken on a film that sees other shares of red, green, blue
_FILM = ((0.0, 0.4), (0.3, 0.7), (0.1, 0.6))  # shares before they are brought to a sum of 1
_AGED = 0.7  # of the samples
_TONES = ((0, 0.12), (0.85, 1))  # where black and white come to lie
_GAMMA = 0.2  # deviation of its logarithm
_GRAIN = (0.005, 0.05)
_BLUR = (0.3, 1.2)
_QUALITY = (50, 95)


def in_color(photographs: Sequence[Image]) -> list[Image]:
    """Those of `photographs`, HxWx3 uint8, that `models.color.decision` finds to be in colour."""
    return [picture for picture in photographs if decide(picture).tone == "color"]


def color_sample(true: Image, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Grey HxW in [0, 1] as an old print of `true` (HxWx3) may be, and a*, b* HxWx2 of `true`."""
    return aged(_as_filmed(true, rng), rng), np.ascontiguousarray(to_lab(true)[..., 1:])


def aged(grey: Floats, rng: np.random.Generator) -> Floats:
    """`grey` HxW in [0, 1] faded, soft, grainy, compressed: each sometimes, and mildly."""
    if rng.random() >= _AGED:
        return grey
    black, white = (np.float32(rng.uniform(*span)) for span in _TONES)
    made = cast(Floats, black + (white - black) * grey ** np.float32(np.exp(rng.normal(0, _GAMMA))))
    if rng.random() < 0.4:
        made = np.asarray(cv2.GaussianBlur(made, (0, 0), rng.uniform(*_BLUR)), np.float32)
    if rng.random() < 0.6:
        grain = rng.standard_normal(grey.shape, dtype=np.float32)
        if rng.random() < 0.5:  # grain is coarser than a scanner's noise
            grain = cast(Floats, cv2.GaussianBlur(2 * grain, (0, 0), 0.8))
        made = made + np.float32(rng.uniform(*_GRAIN)) * grain
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*_QUALITY))]
        _, packed = cv2.imencode(".jpg", to_bytes(made), quality)
        read = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.float32)
        made = cast(Floats, read / 255)
    return cast(Floats, np.clip(made, 0, 1).astype(np.float32))


def reduced(photograph: Image) -> Image:
    """`photograph` whole, of at most `WHOLE` squared pixels: colours are guessed from what a
    picture is of, which a piece of it would not show."""
    height, width = photograph.shape[:2]
    scale = WHOLE / (height * width) ** 0.5
    if scale >= 1:
        return photograph
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(photograph, size, interpolation=cv2.INTER_AREA), np.uint8)


def drawing(photographs: Sequence[Sequence[Image]], shares: Sequence[float], crop: int) -> Draw:
    """What `models.training.data.batches` draws: `grey` HxWx1 uint8 and `ab` HxWx2 float32.

    `photographs` are sets of pictures in colour, drawn from in the proportions `shares`.
    """

    def draw(rng: np.random.Generator) -> Mapping[str, NDArray[Any]]:
        pictures = photographs[rng.choice(len(photographs), p=shares)]
        true = random_crop(pictures[int(rng.integers(len(pictures)))], rng, crop, SCALES)
        grey, ab = color_sample(true, rng)
        return {"grey": to_bytes(grey)[..., None], "ab": ab}

    return draw


def _as_filmed(true: Image, rng: np.random.Generator) -> Floats:
    """Luma, or the grey of a film that sees colours otherwise (old ones were blind to red)."""
    if rng.random() >= _EARLY_FILM:
        return luma(true)
    seen = np.array([rng.uniform(*span) for span in _FILM])
    mixed = (seen / seen.sum() + (RED, GREEN, BLUE)) / 2
    return cast(Floats, (true.astype(np.float32) / 255) @ mixed.astype(np.float32))
