"""Face networks that are a formula: an honest one, and some that lie about a face."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.faces.enhancer import Enhancer
from models.faces.guard import LIMITS, Limits

SIDE = 128


def softened(x: Tensor, window: int = 5) -> Tensor:
    """The mean of `window` by `window` pixels."""
    return functional.avg_pool2d(x, window, 1, window // 2, count_include_pad=False)


class Watched(nn.Module):
    """Keeps the shapes of what it is given; changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        """Bx3xSxS in [-1, 1] to the same."""
        self.seen.append(tuple(x.shape))
        return self.enhanced(x)

    def enhanced(self, x: Tensor) -> Tensor:
        return x


class Sharper(Watched):
    """Unsharp masking; and in colour, where `blush` is given, red."""

    def __init__(self, blush: float = 0.0) -> None:
        super().__init__()
        self.blush = blush

    def enhanced(self, x: Tensor) -> Tensor:
        made = x + 0.6 * (x - softened(x))
        rows = torch.sin(torch.arange(x.shape[2]) / 2.0)[None, None, :, None]
        return made + self.blush * rows * torch.tensor([1.0, -0.5, -0.5])[None, :, None, None]


class EyesMoved(Watched):
    """The band of the eyes a little to the right: the gaze of somebody else."""

    def enhanced(self, x: Tensor) -> Tensor:
        made, side = x.clone(), x.shape[3]
        band = slice(round(0.37 * side), round(0.52 * side))
        made[:, :, band] = torch.roll(x[:, :, band], round(0.02 * side), dims=3)
        return made


class MouthErased(Watched):
    """Cheek where the mouth was."""

    def enhanced(self, x: Tensor) -> Tensor:
        made, side = x.clone(), x.shape[3]
        rows = slice(round(0.68 * side), round(0.86 * side))
        columns = slice(round(0.34 * side), round(0.66 * side))
        made[:, :, rows, columns] = x[:, :, rows, columns].mean((2, 3), keepdim=True)
        return made


class Swapped(Watched):
    """Another face altogether."""

    def enhanced(self, x: Tensor) -> Tensor:
        return x.flip(2)


class Broken(Watched):
    """Answers with NaN."""

    def enhanced(self, x: Tensor) -> Tensor:
        return x * torch.nan


class Greedy(Watched):
    """Runs out of memory for more than `most` faces at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def enhanced(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return -x


def enhancer(network: Watched, limits: Limits = LIMITS, batch: int | None = None) -> Enhancer:
    """`network` in float32 on the CPU, at 128 pixels."""
    return Enhancer(
        network, SIDE, "tiny", "tiny/1", {"tiny": "0" * 64}, None, limits, "float32", batch
    )
