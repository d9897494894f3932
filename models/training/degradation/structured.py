"""Structured damage: defects of all kinds, one after another, until enough is covered."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from models.training.degradation import dust, folds, losses, scratches, stains
from models.training.degradation.fields import Generator, between_log
from models.training.degradation.severity import Severity
from models.training.degradation.sheet import Sheet
from models.training.degradation.textures import Textures

Painter = Callable[[Sheet, Generator], None]

PAINTERS: dict[str, Painter] = {
    "scratch": scratches.scratch,
    "hairline": scratches.hairline,
    "tramline": scratches.tramline,
    "crack": folds.crack,
    "craquelure": folds.craquelure,
    "crease": folds.crease,
    "tear": folds.tear,
    "dust": dust.dust,
    "hair": dust.hair,
    "spot": dust.spot,
    "hole": losses.hole,
    "corner": losses.corner,
    "edge": losses.worn_edge,
    "tape": stains.tape,
    "stain": stains.stain,
    "foxing": stains.foxing,
}
"""Every kind of damage by the name of its weight in `Severity`."""


@lru_cache(maxsize=16)
def _shares(severity: Severity, with_masks: bool) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Names of the kinds and the upper bounds of their shares of the unit interval."""
    names = (*PAINTERS, "mask") if with_masks else tuple(PAINTERS)
    bounds = np.cumsum([getattr(severity, name) for name in names])
    return names, tuple((bounds / bounds[-1]).tolist())


def damage(sheet: Sheet, rng: Generator, severity: Severity, textures: Textures) -> list[str]:
    """Paint defects on `sheet` until a drawn share of it is covered; the names of their kinds.

    A picture keeps to a few kinds, as one history of handling leaves them.
    """
    names, bounds = _shares(severity, bool(textures.masks))
    target = between_log(rng, *severity.coverage)
    kinds = [names[i] for i in np.searchsorted(bounds, rng.random(int(rng.integers(2, 7))))]
    painted: list[str] = []
    while len(painted) < severity.most_defects and sheet.covered() < target:
        kind = kinds[int(rng.integers(len(kinds)))]
        if kind == "mask":
            mask = textures.masks[int(rng.integers(len(textures.masks)))]
            dust.from_mask(sheet, rng, mask)
        else:
            PAINTERS[kind](sheet, rng)
        painted.append(kind)
    return painted
