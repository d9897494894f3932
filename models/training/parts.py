"""Every part that can be trained: its recipe, and what its weights are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from models.training import (
    autoencoder,
    color,
    color_adversarial,
    color_critic,
    direct,
    faces,
    mapping,
    scratch,
    tone,
)


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is trained, and what its weights are called in `models.weights`.

    `keywords` are those of `train` that also build the network of the class `network`.
    """

    train: Callable[..., Mapping[str, Tensor]]
    weights: str
    network: str
    keywords: tuple[str, ...]

    def defaults(self) -> dict[str, Any]:
        """The numbers and words of `train` that may be set, as they are when they are not."""
        parameters = inspect.signature(self.train).parameters.values()
        return {
            parameter.name: parameter.default
            for parameter in parameters
            if isinstance(parameter.default, int | float | str) and parameter.name not in _GIVEN
        }


_GIVEN = ("domain", "name")  # words of `train` that are no setting
_VAE = ("Autoencoder", ("width", "norm"))
OLD, CLEAN = "autoencoder-old", "autoencoder-clean"

RECIPES: Mapping[str, Part] = {
    "scratch": Part(scratch.train_scratch, "damage_scratch", "", ()),
    OLD: Part(partial(autoencoder.train_autoencoder, domain="old"), "damage_vae_a", *_VAE),
    CLEAN: Part(autoencoder.train_autoencoder, "damage_vae_b", *_VAE),
    "mapping": Part(mapping.train_mapping, "damage_mapping", "", ("width", "norm", "blocks")),
    "direct": Part(direct.train_direct, "damage_direct", "DirectNet", ("width", "blocks")),
    "tone": Part(tone.train_tone, "damage_tone", "ToneNet", ("width",)),
    "faces": Part(faces.train_faces, "faces_enhancer", "", ()),
    "generator": Part(color.train_generator, "color_generator", "ColorUNet", ()),
    "critic": Part(color_critic.train_critic, "", "", ()),
    "adversarial": Part(color_adversarial.train_adversarial, "color_generator", "ColorUNet", ()),
}
"""Every part by name; of which class a detector, mapping or enhancer is depends on its `kind`."""
