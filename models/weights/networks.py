"""From a row of the table to its network, and to the keys and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from models.weights.errors import WeightsMismatch
from models.weights.row import Setting
from models.weights.table import row_of

if TYPE_CHECKING:
    from torch import nn

NETWORKS: Mapping[str, str] = {
    "ScratchUNet": "models.damage.scratch",
    "DamageDetector": "models.damage.detector",
    "Autoencoder": "models.damage.vae",
    "QualityMapping": "models.damage.mapping",
    "ScratchMapping": "models.damage.mapping",
    "PatchMapping": "models.damage.mapping",
    "DirectNet": "models.damage.direct",
    "ToneNet": "models.damage.tone_net",
    "SpadeGenerator": "models.faces.generator",
    "DirectFaceNet": "models.faces.direct",
    "ColorUNet": "models.color.generator",
}
"""Module of every class that the table may name."""

Layout = Mapping[str, tuple[tuple[int, ...], bool]]
"""Shape of every entry of a `state_dict`, and whether it holds floats, by key."""


def build(name: str) -> nn.Module:
    """The network of weights `name`, freshly initialised: random until `load` has filled it.

    Raises `WeightsMissing` for an unknown name, `WeightsMismatch` for a row that builds nothing.
    """
    row = row_of(name)
    return construct(row.network, row.settings)


def construct(network: str, settings: Mapping[str, Setting]) -> nn.Module:
    """The network of class `network` from flat keywords. Raises `WeightsMismatch`."""
    if network not in NETWORKS:
        raise WeightsMismatch(f"no network {network!r}; there are {', '.join(NETWORKS)}")
    try:
        made = getattr(import_module(NETWORKS[network]), network)(**settings)
    except TypeError as error:
        raise WeightsMismatch(f"{network} does not take {dict(settings)}: {error}") from error
    from torch import nn

    assert isinstance(made, nn.Module)
    return made


def layout_of(module: nn.Module) -> Layout:
    """Keys, shapes and kinds of numbers of a network's `state_dict`."""
    return {
        key: (tuple(tensor.shape), tensor.is_floating_point())
        for key, tensor in module.state_dict().items()
    }


def expected_layout(network: str, settings: Mapping[str, Setting]) -> Layout:
    """The layout of a network that is only outlined: no weight takes memory."""
    import torch

    with torch.device("meta"):
        return layout_of(construct(network, settings))
