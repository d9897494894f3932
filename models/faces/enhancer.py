"""The network that enhances aligned faces, loaded and ready: crops in, crops out, in batches.

Faces of several scans go through together: what is waited for on a GPU is the launch of each
layer, not the pixels of one face. A face is never divided into tiles: the networks know where in
the crop the eyes lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.contract import BadStageInput
from models.device import Precision, free_gpu_memory, pick_device
from models.faces.choices import CHOICES, resolved
from models.faces.guard import LIMITS, Limits
from models.tiling import BadNetworkOutput, on_device
from models.weights import build, load, sha256_of

Floats = NDArray[np.float32]

_PIXELS = {"cuda": 32 * 256 * 256, "cpu": 4 * 256 * 256}
"""Pixels of crops that are run at once, by device. Measured on one core with the embedded network
at 128 pixels: 27 ms a face one by one, 20 by twos, 12 by fours and by eights."""


class Enhancer:
    """An enhancing network behind arrays.

    `network` maps Bx3x`side`x`side` in [-1, 1] to the same. `limits` are those of the identity
    guard that were chosen for it; `weights` maps its weight file to the sha256.
    `batch` crops are run at once, half as many wherever CUDA runs out of memory.
    """

    def __init__(
        self,
        network: nn.Module,
        side: int,
        name: str = "enhancer",
        revision: str = "enhancer/1",
        weights: dict[str, str] | None = None,
        device: torch.device | None = None,
        limits: Limits = LIMITS,
        precision: Precision = "auto",
        batch: int | None = None,
    ) -> None:
        self.name, self.revision, self.side, self.limits = name, revision, side, limits
        self.weights = dict(weights or {})
        self.device = device or torch.device("cpu")
        self.batch = batch or max(1, _PIXELS[self.device.type] // side**2)
        self._apply = on_device(network, self.device, precision)

    def __call__(self, crops: Sequence[Floats]) -> list[Floats]:
        """Each of `crops` enhanced, SxSx3 float32 in [0, 1], S being `side`.

        `crops` SxSx3 or SxSx1 float32 in [0, 1]; what is grey is shown to the network as three
        equal channels. Raises `BadStageInput` for other shapes, `BadNetworkOutput` where the
        network answers with NaN or infinity, and passes on torch's out-of-memory error once a
        single crop does not fit.
        """
        for crop in crops:
            if crop.shape not in ((self.side, self.side, 1), (self.side, self.side, 3)):
                raise BadStageInput(
                    f"the face network {self.name} takes crops of {self.side} pixels, SxSx1 or "
                    f"SxSx3, not {crop.shape}"
                )
        enhanced: list[Floats] = []
        while len(enhanced) < len(crops):
            done = len(enhanced)
            enhanced += self._run(crops[done : done + self.batch])
        return enhanced

    def _run(self, crops: Sequence[Floats]) -> list[Floats]:
        """Some crops, at most a batch: the first of them where memory suffices for no more."""
        answer: Tensor | None = None
        try:
            with torch.inference_mode():
                answer = self._apply(_tensor(crops)).detach().to("cpu", torch.float32)
        except torch.OutOfMemoryError:
            if len(crops) == 1:
                raise
        if answer is None:
            self.batch = len(crops) // 2
            free_gpu_memory()
            return self._run(crops[: self.batch])
        if not torch.isfinite(answer).all():
            raise BadNetworkOutput(
                f"the face network {self.name} answered with NaN or infinity: check its weights "
                "with 'albumen weights verify', or run it on a CPU"
            )
        pictures = answer.add(1).mul(0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        return [cast(Floats, np.ascontiguousarray(picture)) for picture in pictures]


def load_enhancer(model: str = "auto", device: str = "auto") -> Enhancer:
    """The enhancer `model` (see `models.faces.choices`), its weights checked and loaded.

    Raises `BadStageInput` for another name, `WeightsError` for missing or altered weights,
    `BadDevice` for a device that is not there.
    """
    name = resolved(model)
    choice = CHOICES[name]
    where = pick_device(device)
    sha256 = sha256_of(choice.weights)  # says what is missing before a large network is built
    network = build(choice.weights)
    load(choice.weights, network)
    # Published networks lose much in bf16 on a CPU (`bench/networks.py`); ours were trained in it.
    exact = name.startswith("published") and where.type == "cpu"
    return Enhancer(
        network,
        choice.side,
        name,
        choice.revision,
        {choice.weights: sha256},
        where,
        precision="float32" if exact else "auto",
    )


def _tensor(crops: Sequence[Floats]) -> Tensor:
    """Bx3xSxS in [-1, 1]."""
    planes = [np.broadcast_to(crop, (*crop.shape[:2], 3)) for crop in crops]
    return torch.from_numpy(2 * np.stack(planes) - 1).permute(0, 3, 1, 2)
