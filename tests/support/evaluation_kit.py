"""Cases and contestants for the tests of the evaluation: known damage, methods that are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from painted_scenes import in_color

from models.contract import StageInput
from models.evaluation.cases import Case, given
from models.evaluation.damage import Contestant
from models.evaluation.methods import Outcome

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def case(seed: int = 0, name: str = "painted", height: int = 96, width: int = 128) -> Case:
    """A painted scene, faded a little, with two bright bars across it."""
    clean = in_color(height, width, seed)
    worn = np.rint(clean * 0.85 + 12).astype(np.uint8)
    mask = np.zeros((height, width), bool)
    mask[10 : height - 10, 40:43] = True
    mask[60:62, 10 : width - 10] = True
    degraded = worn.copy()
    degraded[mask] = 253
    return Case(name, clean, worn, given(degraded), mask, np.zeros_like(mask))


@dataclass(frozen=True)
class Told:
    """A method that does what a function says."""

    name: str
    restore: Callable[[StageInput], Image]

    def __call__(self, item: StageInput) -> Outcome:
        made = self.restore(item)
        return Outcome(made, (made != item.pixels).any(axis=2), seconds=0.5)


def told(name: str, restore: Callable[[StageInput], Image]) -> Contestant:
    """The same function in both modes."""
    return Contestant(name, Told(name, restore), Told(name, restore))
