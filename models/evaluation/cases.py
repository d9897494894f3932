"""The pictures that are measured on: degraded with a frozen seed, or clean as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.contract import StageInput
from models.look import look
from models.training.degradation import EVALUATION, Severity, Textures, degrade

SEED = 20261122
"""Frozen: with the number of the picture, sorted by name within its split, it seeds everything
that is drawn for that picture."""

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Case:
    """A photograph in three states, HxWx3 uint8, its damage, and what a stage is given.

    `clean` is the aim, `worn` the unstructured ageing alone, `item` holds the degraded
    photograph with its hints; `mask` and `ignore` (bool HxW) as in `Degraded`.
    """

    name: str
    clean: Image
    worn: Image
    item: StageInput
    mask: Mask
    ignore: Mask
    kinds: tuple[str, ...] = ()

    @property
    def degraded(self) -> Image:
        """The degraded photograph, HxWx3 uint8."""
        return np.asarray(self.item.pixels, np.uint8)


def degraded_case(
    name: str,
    photograph: Image,
    number: int,
    textures: Textures,
    severity: Severity = EVALUATION,
    threads: int = 1,
) -> Case:
    """The case of `photograph` HxWx3 uint8, the `number`-th of its split, always the same."""
    rng = np.random.default_rng([SEED, number])
    made = degrade(photograph, rng, severity, textures)
    degraded = _bytes(made.degraded)
    return Case(
        name=name,
        clean=_bytes(made.clean),
        worn=_bytes(made.worn),
        item=given(degraded, threads),
        mask=made.mask,
        ignore=made.ignore,
        kinds=made.kinds,
    )


def given(photograph: Image, threads: int = 1) -> StageInput:
    """What a stage is given of a photograph, looked at first, as in a run."""
    photograph.setflags(write=False)  # as in the object store
    return StageInput(photograph, look(photograph, threads=threads))


def _bytes(picture: NDArray[np.float32]) -> Image:
    levels: Image = np.rint(picture * np.float32(255)).astype(np.uint8)
    return levels
