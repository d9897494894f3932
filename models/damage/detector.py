"""Our detector of structured damage: a U-Net at half the resolution, with a wide view.

Beside the published one (`models.damage.scratch`), whose narrow version spends most of its time
moving full-resolution planes about: this one sees a sample in a third of the time, and through
its dilated blocks some 300 pixels across, which is what tells a hole from a dark coat.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from models.damage.trunk import HalfUNet
from models.layers import check_shape

_RARE = -3.0  # logit of a pixel's being damaged before anything was learned


class DamageDetector(HalfUNet):
    """Grey picture to logits of damage; `models.damage.trunk.HalfUNet`, one plane in, one out.

    In: Bx1xHxW in [-1, 1], sides multiples of 8 and at least 16. Out: Bx1xHxW logits; their
    sigmoid is the probability that a pixel is damaged.
    """

    def __init__(self, width: int = 32, blocks: int = 6) -> None:
        super().__init__(1, 1, width, blocks, dilations=(1, 2, 4))
        nn.init.constant_(cast(Tensor, self.last.bias), _RARE)

    def forward(self, grey: Tensor) -> Tensor:
        """Bx1xHxW in [-1, 1] to Bx1xHxW logits. Raises `BadNetworkInput` for another shape."""
        check_shape(grey, 1, self.multiple, what="input of the damage detector", least=16)
        return self.mapped(grey)
