"""Weights for the published networks, made from the names of their tensors alone.

The reference vectors in tests/vectors come from the published code with weights filled by this
rule, so that no weights need be stored: every tensor is drawn from a generator seeded with the
CRC-32 of its key. One `gain` per network, in its meta.json, scales the convolutions.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

VECTORS = Path(__file__).parent.parent / "vectors"


def published_keys(name: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the published checkpoint `name`, in its order."""
    entries = json.loads((VECTORS / name / "keys.json").read_text())["keys"]
    return {key: tuple(shape) for key, shape, _ in entries}


def published_meta(name: str) -> dict[str, Any]:
    """Settings of the reference run, and how far float32 was from float64 in it."""
    meta: dict[str, Any] = json.loads((VECTORS / name / "meta.json").read_text())
    return meta


def published_vectors(name: str) -> dict[str, Tensor]:
    """Inputs and outputs of the published code, by name, float32."""
    with np.load(VECTORS / name / "vectors.npz") as stored:
        return {key: torch.from_numpy(stored[key]).float() for key in stored.files}


def filled_tensor(key: str, shape: tuple[int, ...], gain: float = 1.0) -> Tensor:
    """The tensor called `key`: float32, or int64 zero for a counter of batches."""
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    if leaf == "running_var":
        values = 0.5 + rng.random(shape)
    elif len(shape) == 1 and leaf == "weight":
        # Of a norm layer. (Spectral norm's vectors have a rule of their own: `spectral_fill`.)
        values = 1 + 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = 0.1 * rng.standard_normal(shape)
    else:
        values = gain * rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def fill(network: nn.Module, gain: float = 1.0) -> nn.Module:
    """`network` in eval mode, every tensor of its state filled in place, one at a time."""
    for key, tensor in network.state_dict().items():
        tensor.copy_(filled_tensor(key, tuple(tensor.shape), gain))
    return network.eval()


def published_weights(name: str) -> dict[str, Tensor]:
    """A whole filled checkpoint, keys and shapes as published."""
    gain = published_meta(name)["fill_gain"]
    return {key: filled_tensor(key, shape, gain) for key, shape in published_keys(name).items()}


def published_network(network: type[nn.Module], name: str) -> nn.Module:
    """`network` at its default settings with the filled checkpoint `name`, in eval mode.

    Fails where keys, shapes or order are not the published ones. (Built without initial values,
    which would take longer than all else.)
    """
    with torch.device("meta"):
        built = network()
    shapes = {key: tuple(tensor.shape) for key, tensor in built.state_dict().items()}
    assert list(shapes.items()) == list(published_keys(name).items())
    built.load_state_dict(published_weights(name), strict=True, assign=True)
    return built.eval()
