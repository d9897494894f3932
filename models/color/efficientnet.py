"""The encoder EfficientNet-Lite0 (Tan and Le, ICML 2019; Google's Lite models of 2020)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

_STAGES = (
    # blocks, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_EPSILON = 1e-3


class EfficientNetLite0(nn.Module):
    """Pictures Bx3xHxW to five maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of their size, rounded up, of
    16, 24, 40, 112 and 320 channels: inverted bottlenecks with ReLU6, no squeeze-excitation.

    Values in: (v - 127) / 128 of 8-bit samples v. Keys as in the public conversion of Google's
    weights: `_conv_stem`, `_bn0`, `_blocks.N`, and with `classifier` `_conv_head`, `_bn1`, `_fc`
    (which `maps` does not use). Borders of zeros are divided as TensorFlow divides them: with
    stride 2 and an even size, one row more below and at the right.
    """

    inputs = 3
    channels = (16, 24, 40, 112, 320)

    def __init__(self, classifier: bool = False) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, _STEM, 3, stride=2)
        self._bn0 = _norm(_STEM)
        blocks: list[InvertedBottleneck] = []
        self._last: list[int] = []  # of each resolution the last block
        inside = _STEM
        for count, kernel, stride, expansion, outside in _STAGES:
            for number in range(count):
                step = stride if number == 0 else 1
                if step > 1:
                    self._last.append(len(blocks) - 1)
                blocks.append(InvertedBottleneck(inside, outside, kernel, step, expansion))
                inside = outside
        self._last.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        if classifier:
            self._conv_head = nn.Conv2d(inside, _HEAD, 1, bias=False)
            self._bn1 = _norm(_HEAD)
            self._fc = nn.Linear(_HEAD, _CLASSES)

    def maps(self, x: Tensor) -> list[Tensor]:
        """The five maps of `x`, the largest first."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        found = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._last:
                found.append(x)
        return found

    def classes(self, x: Tensor) -> Tensor:
        """Logits Bx1000 of the ImageNet classes of Bx3xHxW (best near 224 pixels)."""
        x = functional.relu6(self._bn1(self._conv_head(self.maps(x)[-1])))
        return cast(Tensor, self._fc(x.mean(dim=(2, 3))))


class SameConv2d(nn.Conv2d):
    """A convolution to 1/stride of the size, rounded up, with TensorFlow's `same` borders."""

    def __init__(
        self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inside, outside, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to BxC'xH'xW'."""
        if self.groups > 1 and x.device.type == "cpu" and torch.is_grad_enabled():
            # A CPU has no bf16 kernel for the gradients of a depthwise convolution: in float32
            # they take two fifths of the time.
            with torch.autocast("cpu", enabled=False):
                return self._convolved(x.float()).to(x.dtype)
        return self._convolved(x)

    def _convolved(self, x: Tensor) -> Tensor:
        above, below = self._border(x.shape[2], 0)
        left, right = self._border(x.shape[3], 1)
        if (above, left) == (below, right):  # no copy of the picture where it is symmetric
            return functional.conv2d(
                x, self.weight, None, self.stride, (above, left), 1, self.groups
            )
        x = functional.pad(x, (left, right, above, below))
        return functional.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)

    def _border(self, side: int, axis: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[axis], self.stride[axis]
        missing = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        return missing // 2, missing - missing // 2


class InvertedBottleneck(nn.Module):
    """Channels widened (where `expansion` is above 1), convolved one by one, narrowed without an
    activation, and the input added where shapes agree (Sandler et al., CVPR 2018)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and inside == outside
        if self.expands:
            self._expand_conv = nn.Conv2d(inside, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, groups=wide)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, outside, 1, bias=False)
        self._bn2 = _norm(outside)

    def forward(self, x: Tensor) -> Tensor:
        """BxCxHxW to BxC'xH'xW'."""
        y = x
        if self.expands:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        if not self.adds:
            return cast(Tensor, y)
        return x + y if torch.is_grad_enabled() else cast(Tensor, y.add_(x))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON, momentum=0.01)
