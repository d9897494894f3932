"""The damage stage's models by name: which networks, which weights. Light: imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.contract import BadStageInput

DEFAULT_MODEL = "direct"
"""What `auto` stands for: the embedded model that did best in the comparison."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of the damage stage.

    `revision` changes whenever its code may give other pixels for the same weights. `detector`
    names the weights of the scratch detector, `filler` and `reviver` those that fill damage and
    take off ageing: one name for a direct network, three (VAE 1, mapping, VAE 2) for a
    translation in latent space, none for the classical method (Telea's filling, no revival).
    `tone` names the weights that judge fading and cast, None for percentiles.
    """

    revision: str
    detector: str
    filler: tuple[str, ...] = ()
    reviver: tuple[str, ...] = ()
    tone: str | None = None

    @property
    def weights(self) -> tuple[str, ...]:
        """Every weight file, once."""
        names = (self.detector, *self.filler, *self.reviver, *((self.tone,) if self.tone else ()))
        return tuple(dict.fromkeys(names))


_LATENT = ("damage_vae_a", "damage_mapping", "damage_vae_b")
_DETECTOR = "bopbl_scratch_detection"
_QUALITY = ("bopbl_vae_a_quality", "bopbl_mapping_quality", "bopbl_vae_b_quality")
_SCRATCH = ("bopbl_vae_a_quality", "bopbl_mapping_scratch", "bopbl_vae_b_scratch")
_HR = ("bopbl_vae_a_quality", "bopbl_mapping_patch_attention", "bopbl_vae_b_scratch")

CHOICES: Mapping[str, Choice] = {
    "direct": Choice(
        "direct/2", "damage_scratch", ("damage_direct",), ("damage_direct",), "damage_tone"
    ),
    "latent": Choice("latent/2", "damage_scratch", _LATENT, _LATENT, "damage_tone"),
    "published-quality": Choice("published-quality/2", _DETECTOR, (), _QUALITY),
    "published-scratch": Choice("published-scratch/2", _DETECTOR, _SCRATCH, _SCRATCH),
    "published-hr": Choice("published-hr/2", _DETECTOR, _HR, _HR),
}
"""The models with networks; `classical` has none."""

MODELS = ("auto", "classical", *CHOICES)
"""Every name a user may give."""


def resolved(model: str) -> str:
    """The name of a model, `auto` being the default. Raises `BadStageInput` for another."""
    if model not in MODELS:
        raise BadStageInput(f"no damage model {model!r}; there are {', '.join(MODELS)}")
    return DEFAULT_MODEL if model == "auto" else model
