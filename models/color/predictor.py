"""A colour network behind arrays: luma in, chroma out, as `models.color.prediction` wants it."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from models.color.generator import ColorUNet
from models.color.published_recipe import Floats, denormalized, normalized
from models.color.space import chroma, from_ab
from models.device import Precision, pick_device
from models.tiling import BadNetworkOutput, on_device


class NetworkPredictor:
    """`network`, its weights loaded, on `device` ("auto", "cpu", "cuda", "cuda:1").

    `multiple`: what the sides of the luma must be multiples of. Raises `BadDevice`.
    """

    multiple = ColorUNet.multiple

    def __init__(
        self, network: ColorUNet, device: str = "auto", precision: Precision = "auto"
    ) -> None:
        self.planes = network.planes
        self.device = pick_device(device)
        # What was published was computed in float32, and loses much in bf16 on a CPU.
        exact = self.planes == "rgb" and precision == "auto" and self.device.type == "cpu"
        self._apply = on_device(network, self.device, "float32" if exact else precision)
        network.prepare()

    def __call__(self, luma: Floats) -> Floats:
        """Chroma HxWx2 (Cb and Cr of `models.color.space`) for `luma`, HxW float32 in [0, 1].

        Raises `BadNetworkInput` for sides that are odd or below 32, `BadNetworkOutput` where the
        network answers with NaN or infinity.
        """
        if self.planes == "rgb":
            given = normalized(luma)
        else:
            given = torch.from_numpy(np.ascontiguousarray(luma))[None, None]
        with torch.inference_mode():
            answer = self._apply(given).detach().to("cpu", torch.float32)
        if not torch.isfinite(answer).all():
            raise BadNetworkOutput(
                "the colour network answered with NaN or infinity: check its weights with "
                "'albumen weights verify', or run it on a CPU"
            )
        if self.planes == "rgb":
            return chroma(denormalized(answer))
        return from_ab(luma, _last_inner(answer))


def _last_inner(planes: Tensor) -> Floats:
    """1xCxHxW to HxWxC."""
    return cast(Floats, np.ascontiguousarray(planes[0].permute(1, 2, 0).numpy()))
