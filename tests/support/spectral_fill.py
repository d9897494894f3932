"""The rule of `published_fill` for networks with spectral norm, whose vectors depend on weights.

With random singular vectors sigma would be nearly 0 and every output enormous; so u is drawn,
and v is where the weight takes u to: then sigma is |W^T u|.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from published_fill import filled_tensor
from torch import Tensor


def spectral_weights(shapes: Mapping[str, tuple[int, ...]], gain: float) -> dict[str, Tensor]:
    """A filled checkpoint with these keys and shapes."""
    filled: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        leaf = key.rpartition(".")[2]
        if leaf == "weight_u":
            drawn = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
            filled[key] = torch.from_numpy((drawn / np.linalg.norm(drawn)).astype(np.float32))
        elif leaf == "weight_v" and len(shape) == 1:  # with more it is weight norm's
            stem = key.removesuffix("v")
            matrix = filled[f"{stem}orig"].flatten(1).double()
            v = matrix.T @ filled[f"{stem}u"].double()
            filled[key] = (v / v.norm()).float()
        else:
            filled[key] = filled_tensor(key, shape, gain)
    return filled
