"""The face stage and its network by name, ready to be measured."""

from __future__ import annotations

from models.contract import Stage
from models.faces.enhancer import Enhancer, load_enhancer
from models.faces.restorer import FaceRestorer


def face_contestants(
    model: str = "auto", device: str = "auto", threads: int = 1
) -> tuple[Stage, Enhancer]:
    """The stage at full strength, as users run it, and the same network alone.

    Raises `BadStageInput` for an unknown model, `WeightsError` where weights are missing or
    altered, `BadDevice` for a device that is not there.
    """
    enhancer = load_enhancer(model, device)
    return of_enhancer(enhancer, threads), enhancer


def of_enhancer(enhancer: Enhancer, threads: int = 1) -> Stage:
    """The stage around a loaded enhancer."""
    return FaceRestorer(faces="enhance", strength=1.0, model=enhancer, threads=threads)
