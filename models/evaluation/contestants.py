"""The damage stage's models by name, in both modes, ready to be compared."""

from __future__ import annotations

from models.classical import ClassicalRestorer
from models.damage.choices import CHOICES, resolved
from models.damage.model import DamageModel, load_model
from models.damage.restorer import DamageRestorer
from models.evaluation.damage import Contestant
from models.evaluation.methods import StageMethod

STRIDE = 448
"""Pixels from tile to tile in `revive`."""


def contestant(name: str, threads: int = 1, device: str = "auto") -> Contestant:
    """The model `name` (see `models.damage.choices`), with its default options.

    Raises `BadStageInput` for an unknown name, `WeightsError` where weights are missing or
    altered, `BadDevice` for a device that is not there.
    """
    name = resolved(name)
    if name not in CHOICES:
        return Contestant(
            name,
            StageMethod(name, ClassicalRestorer("repair", threads=threads)),
            StageMethod(name, ClassicalRestorer("revive", threads=threads)),
        )
    return of_model(load_model(name, device), threads)


def of_model(model: DamageModel, threads: int = 1) -> Contestant:
    """A loaded model in both modes."""
    return Contestant(
        model.name,
        StageMethod(model.name, DamageRestorer("repair", threads=threads, model=model)),
        StageMethod(model.name, DamageRestorer("revive", threads=threads, model=model)),
        model,
        STRIDE if model.reviver is not None else 0,
    )
