"""Fading and colour casts: measured, and corrected where it is clear that they are there.

A dye layer that fades loses density in proportion to what it had, and stain adds to all of it
(Wilhelm and Brower 1993, "The Permanence and Care of Color Photographs", ch. 2), so fading is
one monotone curve for each channel: y = black + (white - black) * x**gamma. What is faded and
what was photographed in fog or at sunset cannot be told from the curve alone, so a network
(`models.damage.tone_net`) reads the picture and says how sure a correction is due. Below a
calibrated certainty nothing is touched, above it the correction sets in gradually.

Monochrome and toned photographs get a curve for luminance only: grey stays exactly grey, a
sepia print keeps its hue. Only what is in colour is moved channel by channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.color.decision import cast_of
from models.contract import BadStageInput, Tone
from models.damage.tone_curves import Curves, blended, inverse_fading, steps
from models.damage.tone_stretch import Fading, stretch
from models.pixels import check_pixels, luminance, reduced, to_bytes

if TYPE_CHECKING:
    from models.damage.tone_net import ToneNet

UNTOUCHED = 0.4
"""Certainty up to which nothing is corrected; calibrated, see `models/training/tone.py`."""

CERTAIN = 0.6
"""Certainty from which on the whole correction is applied."""

CAST_FLAG = 4.0
"""CIELAB units of mean chroma a correction must move for the picture to be flagged."""

_STRETCHED = (0.5, 0.8)  # the same two where percentiles judge: they are less to be trusted

_LONG_EDGE = 256  # of the copy casts are measured on
_HEADROOM_BINS = 12


@dataclass(frozen=True, slots=True)
class ToneReport:
    """What was found, and what the correction does to it.

    `cast_before`, `cast_after`: mean a*, b* (CIELAB, D65) over the photograph area, the same
    measure as the manifest's columns of those names; equal where nothing is corrected.
    `fading`: certainty that the picture is faded or has a cast, 0 to 1. `applied`: the share
    of the full correction that the curves carry, 0 to 1 (strength included). `flags` ask a
    curator to look: "faded", "color cast".
    """

    cast_before: tuple[float, float]
    cast_after: tuple[float, float]
    fading: float
    applied: float
    flags: tuple[str, ...] = ()


class ToneCorrector:
    """Curves against fading and casts for one photograph at a time.

    `strength` (0 to 1) scales the correction towards none. `net` estimates it; without one,
    percentiles and shades of grey do (`models.damage.tone_stretch`). Raises `BadStageInput`
    for a strength out of range.
    """

    def __init__(self, strength: float = 1.0, net: ToneNet | None = None) -> None:
        if not 0 <= strength <= 1:
            raise BadStageInput(f"strength must lie between 0 and 1, not {strength}")
        self.strength, self.net = strength, net

    def __call__(self, copy: NDArray[np.uint8], tone: Tone) -> tuple[Curves | None, ToneReport]:
        """Curves (None where nothing is to be corrected) and the report.

        `copy` is a reduced copy of the photograph area, HxW or HxWx3 uint8 of any size;
        `tone` what `models.look` decided. Raises `BadStageInput` for another array.
        """
        check_pixels(copy)
        if copy.dtype != np.uint8:
            raise BadStageInput(f"the copy must be uint8, not {copy.dtype}")
        small = to_bytes(reduced(copy, _LONG_EDGE))
        view = small if tone == "color" and small.ndim == 3 else luminance(small)
        found = self.net.predict(view) if self.net else stretch(view)
        limits = (UNTOUCHED, CERTAIN) if self.net else _STRETCHED
        faded = ("faded",) if found.certainty > limits[0] else ()
        weight = self.strength * _ramp(found.certainty, *limits)
        before = cast_of(small)
        if weight == 0:
            return None, ToneReport(before, before, found.certainty, 0.0, faded)
        curves = Curves(blended(_tables(found, small, view), weight))
        corrected = curves.apply((small / 255).astype(np.float32))
        after = cast_of(np.rint(corrected * 255).astype(np.uint8))
        moved = float(np.hypot(after[0] - before[0], after[1] - before[1]))
        flags = (*faded, "color cast") if moved >= CAST_FLAG else faded
        return curves, ToneReport(before, after, found.certainty, weight, flags)


def _tables(
    found: Fading, small: NDArray[np.uint8], view: NDArray[np.uint8]
) -> NDArray[np.float32]:
    tables = inverse_fading(found.black, found.white, found.gamma)
    if view.ndim == 2 and small.ndim == 3:
        return _within_gamut(tables[0], (small / 255).astype(np.float32))[None]
    return tables


def _within_gamut(table: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A luminance curve that lifts the lights of a toned print only as far as its hue fits.

    Paper that is yellow can become lighter, but not white: at each luminance the curve stops
    where the print's highest channel would clip (never below the identity).
    """
    flat = values.reshape(-1, 3)
    light = flat @ np.array([0.299, 0.587, 0.114], np.float32)
    excess = flat.max(axis=1) - light
    bins = np.array_split(np.argsort(light, kind="stable"), min(_HEADROOM_BINS, len(light)))
    centres = np.array([light[members].mean() for members in bins])
    highest = np.array([np.median(excess[members]) for members in bins])
    inputs = steps()
    ceiling = np.maximum(inputs, 1 - np.interp(inputs, centres, highest))
    limited = np.minimum(table, np.minimum.accumulate(ceiling[::-1])[::-1])
    result: NDArray[np.float32] = np.maximum.accumulate(limited).astype(np.float32)
    return result


def _ramp(certainty: float, untouched: float, certain: float) -> float:
    """0 up to `untouched`, 1 from `certain`, and a cubic without corners between."""
    share = min(1.0, max(0.0, (certainty - untouched) / (certain - untouched)))
    return share * share * (3 - 2 * share)
