"""The residual encoder (He et al., CVPR 2016), without its classifier, in torchvision's layout."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS: dict[str, tuple[bool, tuple[int, int, int, int]]] = {
    "resnet10": (False, (1, 1, 1, 1)),
    "resnet18": (False, (2, 2, 2, 2)),
    "resnet34": (False, (3, 4, 6, 3)),
    "resnet101": (True, (3, 4, 23, 3)),
}
"""Whether an encoder is made of bottlenecks, and how many blocks its four stages have."""


class ResNetEncoder(nn.Sequential):
    """Pictures BxCxHxW to five maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of their size, rounded up.

    Channels, w = `width` (published: 64): w, then w, 2w, 4w, 8w, times 4 with bottlenecks.
    Keys: `0` convolution 7x7 with stride 2, `1` batch norm, `4` to `7` the stages. The first map
    is what comes before the pooling. `name` is one of `LAYERS`.
    """

    def __init__(self, name: str, width: int = 64, inputs: int = 3) -> None:
        if name not in LAYERS:
            raise ValueError(f"encoder {name!r}: say {', '.join(LAYERS)}")
        bottleneck, counts = LAYERS[name]
        grown = 4 if bottleneck else 1
        stages, inside = [], width
        for stage, count in enumerate(counts):
            middle = width << stage
            blocks = []
            for number in range(count):
                stride = 2 if number == 0 and stage > 0 else 1
                blocks.append(_block(inside, middle, middle * grown, stride, bottleneck))
                inside = middle * grown
            stages.append(nn.Sequential(*blocks))
        super().__init__(
            nn.Conv2d(inputs, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
            *stages,
        )
        self.inputs = inputs
        self.channels = (width, *((width << stage) * grown for stage in range(4)))

    def maps(self, x: Tensor) -> list[Tensor]:
        """The five maps of `x`, the largest first."""
        found = []
        for number, layer in enumerate(self):
            x = layer(x)
            if number == 2 or number >= 4:  # before the pooling, and every stage
                found.append(x)
        return found


def _block(inside: int, middle: int, outside: int, stride: int, bottleneck: bool) -> nn.Module:
    if bottleneck:
        return Bottleneck(inside, middle, outside, stride)
    return BasicBlock(inside, outside, stride)


class BasicBlock(nn.Module):
    """Two convolutions 3x3 and the input added; keys conv1, bn1, conv2, bn2, downsample."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = _shortcut(inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to BxC'xH'xW'."""
        y = functional.relu_(self.bn1(self.conv1(x)))
        return _added(self.bn2(self.conv2(y)), self.downsample, x)


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3 (which has the stride) and 1x1, and the input added; keys conv1, bn1,
    conv2, bn2, conv3, bn3, downsample."""

    def __init__(self, inside: int, middle: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample = _shortcut(inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to BxC'xH'xW'."""
        y = functional.relu_(self.bn1(self.conv1(x)))
        y = functional.relu_(self.bn2(self.conv2(y)))
        return _added(self.bn3(self.conv3(y)), self.downsample, x)


def _shortcut(inside: int, outside: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inside == outside:
        return None
    return nn.Sequential(
        nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside)
    )


def _added(y: Tensor, shortcut: nn.Module | None, x: Tensor) -> Tensor:
    other = cast(Tensor, x if shortcut is None else shortcut(x))
    return functional.relu_(y + other if torch.is_grad_enabled() else y.add_(other))
