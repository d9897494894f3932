"""The colour stage's models by name: which network, which weights. Light: imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from models.contract import BadStageInput
from models.weights import table

Colorize = Literal["auto", "always", "never"]
"""What is colourized: what is monochrome or toned, everything, nothing."""

DEFAULT_MODEL = "lite"
"""What `auto` stands for: the embedded model, in versions of Albumen that have one."""

DECISION_REVISION = "decision/4"
"""Of the stage where it has no network: it measures, and alters no pixel."""

RENDER_FACTORS = (4, 64)
"""Least and most that may be asked for: squares of 64 to 1024 pixels."""

SATURATIONS = (0.0, 2.0)
"""Least and most that predicted colour may be multiplied with."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of the colour stage.

    `revision` changes whenever the stage's code may give other pixels for the same `weights` (a
    name of the table). `finest` is the render factor that is not exceeded unasked: what the
    network was made for; `saturation` what its chroma is multiplied with unasked. `averaged`: the
    colours are the mean of the predictions that are made anyway, to see how sure the network is.
    Of the embedded network's on 30 held-out photographs it brought CIEDE2000 from 8.90 to 8.83
    at equal colourfulness; what is published keeps its own recipe.
    """

    revision: str
    weights: str
    finest: int
    saturation: float = 1.0
    averaged: bool = False


CHOICES: Mapping[str, Choice] = {
    "lite": Choice("color-lite/2", "color_generator", 16, averaged=True),
    "published-artistic": Choice("color-published-artistic/1", "deoldify_artistic", 35),
    "published-stable": Choice("color-published-stable/1", "deoldify_stable", 35),
    "published-video": Choice("color-published-video/1", "deoldify_video", 21),
}

COLOR_MODELS = ("auto", *CHOICES)
"""Every name a user may give."""


def resolved(model: str) -> str | None:
    """The name of a model; None where `auto` is asked for and no weights are embedded.

    Raises `BadStageInput` for another name.
    """
    if model not in COLOR_MODELS:
        raise BadStageInput(f"no colour model {model!r}; there are {', '.join(COLOR_MODELS)}")
    if model != "auto":
        return model
    wanted = CHOICES[DEFAULT_MODEL].weights
    return DEFAULT_MODEL if any(row.name == wanted for row in table.WEIGHTS) else None


def wish(colorize: str) -> Colorize:
    """`colorize` itself, checked. Raises `BadStageInput` for another word."""
    known = get_args(Colorize)
    if colorize not in known:
        raise BadStageInput(f"colorize is one of {', '.join(known)}, not {colorize!r}")
    return colorize  # type: ignore[return-value]
