"""What looks like damage and is not: writing, stamps, stripes, lace, halftone, wires, rims.

Painted on a clean picture as content, before any ageing; the mask stays empty. One to three
kinds at a time, so that most of the photograph is still itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, chance
from models.training.degradation.lettering import stamp, writing
from models.training.degradation.patterns import checks, halftone, lace, stripes
from models.training.degradation.thin_things import rim, whiskers, wires

Samples = TypeVar("Samples", NDArray[np.uint8], NDArray[np.float32])

KINDS: dict[str, Callable[[NDArray[np.float32], Generator], None]] = {
    "writing": writing,
    "stamp": stamp,
    "stripes": stripes,
    "checks": checks,
    "lace": lace,
    "halftone": halftone,
    "wires": wires,
    "rim": rim,
    "whiskers": whiskers,
}
"""Each paints in place on a float32 HxWx3 picture."""

_DRAWN = (*KINDS, "writing", "wires")  # twice as often: what scratches are taken for most


def lookalikes(image: Samples, rng: Generator) -> Samples:
    """A copy of `image` (HxWx3: uint8, or float32 from 0 to 1) with such things painted on."""
    whole = image.dtype == np.uint8
    picture = image.astype(np.float32)
    if whole:
        picture /= 255
    for _ in range(int(rng.integers(2, 4)) if chance(rng, 0.3) else 1):
        KINDS[_DRAWN[int(rng.integers(len(_DRAWN)))]](picture, rng)
    if chance(rng, 0.5):
        # As soft as photographs are: a too perfect edge must not give the painting away.
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4), np.float32)
    picture = np.clip(picture, 0, 1)
    if whole:
        picture = np.round(picture * 255)
    return picture.astype(image.dtype)
