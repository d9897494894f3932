"""How strongly a face is enhanced: as much as the identity guard lets pass, or not at all.

What the guard judges is what will be seen. At every rung the face is blended into its scan, and
cut out of it again: rounding, the scan's tone, its grain and the feathered rim are all in what
is compared with the face as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.contract import Box, Rectangle, StageInput
from models.faces.align import Floats, Matrix, crop, footprint, shifted
from models.faces.blend import blended
from models.faces.guard import Distance, Limits, Verdict, check

CERTAIN = 0.98
"""Correlations of eyes and mouth from which on no descriptor is asked: it sees nothing but swaps,
and of 20 swapped faces none came near it (0.53 at full strength, 0.91 at half)."""

RUNGS = (1.0, 0.5)
"""Shares of the asked strength that are tried, the largest first.

Half of a lie is a lie that is harder to see: held to the same limits, 14 of 80 faces of moved
eyes, erased mouths and swaps, all stopped at full strength, passed at half (9 of 20 mouths, for a
mouth of half the contrast correlates well with itself). So limits are tighter the weaker a face
is blended, and a face is not tried weaker where eyes or mouth missed them by more than as much
again: then 1 of the 80 passed, and of 60 smoothed skins 10, where a fixed limit of texture let 36
pass. A rung of 0.75 between gains nothing. Portraits of the training split."""

_LEAST_TIGHTENED = 0.25


@dataclass(frozen=True, slots=True)
class Place:
    """Where a face lies: `matrix` 2x3 from the scan to the crop of `side` pixels, `box` what of
    the scan it can change, `weight` hxw how much of the change each pixel of `box` takes."""

    matrix: Matrix
    side: int
    box: Box
    weight: Floats


@dataclass(frozen=True, slots=True)
class Enhancement:
    """What became of a face. `rectangle` is None where it was left as it was; `strength` is what
    was blended, 0 for nothing. `verdict` is the guard's on the strength that was chosen, or on
    the weakest tried; `refused` is its reason at the first rung, empty where that passed."""

    rectangle: Rectangle | None
    strength: float
    verdict: Verdict | None
    refused: str


def tightened(limits: Limits, strength: float) -> Limits:
    """`limits` for a face blended at `strength` (0 to 1): eyes, mouth and skin may change so much
    less, but for a quarter, below which rounding to 8 bits would count."""
    share = max(strength, _LEAST_TIGHTENED)

    def least(limit: float) -> float:
        return 1 - (1 - limit) * share

    return Limits(
        least(limits.eye), least(limits.mouth), least(limits.texture), limits.distance * share
    )


def aligned(item: StageInput, matrix: Matrix, side: int) -> Floats:
    """The crop SxSxC float32 in [0, 1] of a face, as the changes so far leave it.

    `matrix` 2x3 from the scan to the crop; only what the crop is made of is copied.
    """
    height, width = item.pixels.shape[:2]
    box = footprint(matrix, side, height, width)
    return crop(item.crop(box), shifted(matrix, box.left, box.top), side)


def climb(
    item: StageInput,
    place: Place,
    before: Floats,
    after: Floats,
    strength: float,
    limits: Limits,
    distance: Distance | None = None,
    rungs: Sequence[float] = RUNGS,
) -> Enhancement:
    """Blend a face at the first of `rungs` (shares of `strength`) that the guard lets pass; a
    face that was made another is not tried weaker.

    `item` holds the faces before this one in its changes. `before` and `after` are the crop as it
    was before any face was enhanced, and enhanced; `strength` 0 to 1 is what is asked for;
    `distance` asks for a descriptor as well, where the correlations leave a doubt. Where blending
    changes no pixel nothing is judged.
    """
    window = item.crop(place.box)
    refused = ""
    verdict: Verdict | None = None
    for rung in rungs:
        rectangle = blended(
            window,
            place.box,
            place.matrix,
            before,
            after,
            place.weight,
            strength * rung,
            item.hints.tone,
        )
        if rectangle is None:
            return Enhancement(None, 0.0, verdict, refused)
        seen = StageInput(item.pixels, item.hints, (*item.changes, rectangle))
        shown = aligned(seen, place.matrix, place.side)
        verdict = check(before, shown, tightened(limits, strength * rung))
        if verdict.passed and distance is not None and not _certain(verdict):
            verdict = check(before, shown, tightened(limits, strength * rung), distance)
        if verdict.passed:
            return Enhancement(rectangle, strength * rung, verdict, refused)
        refused = refused or verdict.reason
        if _lies(verdict, tightened(limits, strength * rung)):
            break
    return Enhancement(None, 0.0, verdict, refused)


def _lies(verdict: Verdict, limits: Limits) -> bool:
    """Whether eyes, mouth or the whole face missed `limits` so far that less of it is no better."""
    least = (limits.eye, limits.eye, limits.mouth)
    missed = (
        score < 2 * limit - 1
        for score, limit in zip(verdict.correlations, least, strict=True)  # nan is not
    )
    apart = verdict.distance is not None and verdict.distance > limits.distance
    return apart or any(missed)


def _certain(verdict: Verdict) -> bool:
    return all(score >= CERTAIN for score in verdict.correlations)  # nan is not
