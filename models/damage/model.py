"""The networks of the damage stage, built and loaded: what a restorer of whole scans runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import torch

from models.contract import BadStageInput
from models.damage.choices import CHOICES, resolved
from models.damage.regions import Thresholds
from models.damage.revival import Gate
from models.damage.translator import DirectTranslator, LatentTranslator, Translator
from models.damage.vae import Autoencoder
from models.device import Precision, pick_device
from models.tiling import Apply, on_device
from models.weights import build, load, sha256_of

if TYPE_CHECKING:
    from models.damage.tone_net import ToneNet


@dataclass(frozen=True)
class DamageModel:
    """Everything learned that the damage stage needs.

    `detector` maps Bx1xhxw grey in [-1, 1] to logits, sides multiples of `multiple` and at least
    `least`. `filler` draws what belongs under a mask (None: Telea's filling), `reviver` takes
    off ageing (None: nothing does), `tone` judges fading (None: percentiles). `thresholds`
    and `gate` are calibrated for these very weights.
    """

    name: str
    revision: str
    weights: Mapping[str, str]
    detector: Apply
    device: torch.device
    multiple: int = 16
    least: int = 32
    filler: Translator | None = None
    reviver: Translator | None = None
    tone: ToneNet | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    gate: Gate = field(default_factory=Gate)


_THRESHOLDS = Thresholds(weak=0.35, strong=0.99, face_weak=0.65, face_strong=0.99)
CALIBRATED: Mapping[str, tuple[Thresholds, Gate]] = {
    "direct": (_THRESHOLDS, Gate(0.5, 0.75)),
    "latent": (_THRESHOLDS, Gate(4.0, 8.0)),
}
"""By model: thresholds and gate found on calibration photographs; where a model is
missing, the defaults of those classes hold."""


def load_model(name: str, device: str = "auto") -> DamageModel:
    """The model `name` (see `models.damage.choices`), its weights checked and loaded.

    Raises `BadStageInput` for a name without networks, `WeightsError` for missing or altered
    weights, `BadDevice` for a device that is not there.
    """
    name = resolved(name)
    if name not in CHOICES:
        raise BadStageInput(f"the damage model {name!r} has no networks to load")
    choice = CHOICES[name]
    where = pick_device(device)
    detector = build(choice.detector)
    load(choice.detector, detector)
    multiple = cast(int, detector.multiple)
    # Published networks lose much in bf16 on a CPU (`bench/networks.py`); ours were trained in it.
    exact = name.startswith("published") and where.type == "cpu"
    precision: Precision = "float32" if exact else "auto"
    filler = _translator(choice.filler, where, name, precision)
    same = choice.reviver == choice.filler
    thresholds, gate = CALIBRATED.get(name, (Thresholds(), Gate()))
    return DamageModel(
        name=name,
        revision=choice.revision,
        weights={weight: sha256_of(weight) for weight in choice.weights},
        detector=on_device(detector, where, precision),
        device=where,
        multiple=multiple,
        least=2 * multiple,
        filler=filler,
        reviver=filler if same else _translator(choice.reviver, where, name, precision),
        tone=_tone(choice.tone),
        thresholds=thresholds,
        gate=gate,
    )


def _translator(
    names: tuple[str, ...], device: torch.device, model: str, precision: Precision
) -> Translator | None:
    """A direct network from one name, a latent translation from three, nothing from none."""
    if not names:
        return None
    networks = []
    for name in names:
        network = build(name)
        load(name, network)
        networks.append(network)
    weights = {name: sha256_of(name) for name in names}
    if len(networks) == 1:
        return DirectTranslator(networks[0], device, model, weights, precision)
    old, mapping, clean = networks
    return LatentTranslator(
        cast(Autoencoder, old), mapping, cast(Autoencoder, clean), device, model, weights, precision
    )


def _tone(name: str | None) -> ToneNet | None:
    if name is None:
        return None
    network = build(name)
    load(name, network)
    return cast("ToneNet", network.eval().requires_grad_(False))
