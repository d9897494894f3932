"""Beginning from the weights of another training instead of random ones."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from models.weights.networks import layout_of
from models.weights.store import fitted


def begin(network: nn.Module, start: Mapping[str, Tensor] | None) -> None:
    """Give `network` the weights `start`; with None it keeps its own.

    Raises `WeightsMismatch` where they are of another layout or not finite.
    """
    if start is not None:
        network.load_state_dict(fitted(start, layout_of(network), "the weights to start from"))
