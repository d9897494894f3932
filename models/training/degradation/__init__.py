"""Degradation synthesis: what a century does to a photograph, drawn from a seed.

`degrade` makes of a clean photograph the same one worn and damaged, with the mask of the
damage; `fade` is its tone part alone; `lookalikes` paints on what only looks like damage
(writing, stamps, stripes, lace) as content, so that a detector learns to leave it alone.
"""

from models.training.degradation.lookalikes import lookalikes
from models.training.degradation.recipe import Degraded, NotAPhotograph, degrade, fade
from models.training.degradation.severity import (
    EVALUATION,
    STRUCTURED_ONLY,
    TRAINING,
    Severity,
)
from models.training.degradation.textures import NoTextures, Textures

__all__ = [
    "EVALUATION",
    "STRUCTURED_ONLY",
    "TRAINING",
    "Degraded",
    "NoTextures",
    "NotAPhotograph",
    "Severity",
    "Textures",
    "degrade",
    "fade",
    "lookalikes",
]
