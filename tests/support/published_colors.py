"""The published colour generators with generated weights, made once a process."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from published_fill import VECTORS, published_keys, published_meta, published_vectors
from spectral_fill import spectral_weights
from torch import Tensor, nn

from models.color.generator import ColorUNet
from models.color.published_recipe import normalized
from models.weights.networks import construct
from models.weights.table import row_of


def outlined(name: str) -> ColorUNet:
    """Weights `name`'s network without weights; fails where its keys are not the published."""
    row = row_of(name)
    with torch.device("meta"):
        network = construct(row.network, row.settings)
    assert isinstance(network, ColorUNet)
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert list(shapes.items()) == list(published_keys(name).items())
    assert sum(part.numel() for part in network.parameters()) == published_meta(name)["parameters"]
    return network


@cache
def artistic() -> ColorUNet:
    """Filled, in eval mode, not folded: not to be changed."""
    network = outlined("deoldify_artistic")
    network.load_state_dict(filled("deoldify_artistic"), strict=True, assign=True)
    return network.eval()


def filled(name: str, prefix: str = "") -> dict[str, Tensor]:
    """The generated checkpoint, or what of it begins with `prefix`."""
    shapes = {key: shape for key, shape in published_keys(name).items() if key.startswith(prefix)}
    return spectral_weights(shapes, published_meta(name)["fill_gain"])


def head_of(network: ColorUNet) -> Any:
    """The last convolution, with spectral norm or plain."""
    finish = network.layers[11]
    assert isinstance(finish, nn.Sequential)
    return finish[0]


def vectors(name: str) -> dict[str, Tensor]:
    """The stored arrays; `x_a` and the other inputs with all three channels."""
    found = published_vectors(name)
    for key in [key for key in found if key.endswith("_channel_0")]:
        first = found.pop(key).expand(-1, 3, -1, -1)
        grey = _grey(first)
        found[key.removesuffix("_channel_0")] = normalized(grey)
    return found


def _grey(planes: Tensor) -> np.ndarray:
    """The grey HxW whose first normalised channel is that of `planes`: noise beyond [0, 1]."""
    one = normalized(np.ones((1, 1), np.float32))[0, 0].double()
    zero = normalized(np.zeros((1, 1), np.float32))[0, 0].double()
    grey = (planes[0, 0].double() - zero) / (one - zero)
    return np.asarray(grey.numpy(), np.float32)


def filter_vectors() -> dict[str, np.ndarray]:
    """What the whole published script made of a picture, step by step, uint8."""
    with np.load(VECTORS / "deoldify_artistic" / "filter.npz") as stored:
        return {key: stored[key] for key in stored.files}
