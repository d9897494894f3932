"""The direct network: degraded picture and mask in, restored picture out, no latent between.

A plain U-Net beside deep latent space translation, as the comparison the design asks for
(DESIGN §5): the same photographs, the same size. Its last layer starts at zero, so that an
untrained network changes nothing, and it adds to its input rather than drawing it anew: there
is no bottleneck whose blur could reach the scan. Its layout is that of
`models.damage.trunk.HalfUNet`, four planes in (picture and mask) and three out.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name the field knows it by

from models.damage.trunk import HalfUNet

_PULLED = 9  # levels of the prefilling: holes of up to 256 pixels


class DirectNet(HalfUNet):
    """Restores a picture directly. `width` channels at half the resolution, four times as many
    at an eighth of it; `blocks` residual blocks there, dilated 1 and 2 in turn."""

    def __init__(self, width: int = 48, blocks: int = 6) -> None:
        super().__init__(4, 3, width, blocks, dilations=(1, 2))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """`image` Bx3xHxW in [0, 1], `mask` Bx1xHxW of 0 and 1 (1: damaged, its samples are not
        looked at); H and W multiples of 8. Returns Bx3xHxW, about [0, 1], not clipped."""
        hidden = prefilled(image, mask)
        return hidden + self.mapped(torch.cat([hidden - 0.5, mask], dim=1))


def prefilled(image: Tensor, mask: Tensor) -> Tensor:
    """`image` BxCxHxW with what `mask` Bx1xHxW marks filled smoothly from around it.

    Pull-push (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): means of what is
    known on ever coarser levels, laid from the coarsest into the gaps of the finer ones. A
    network that starts from it has only structure to add. Where nothing is known, 0.5.
    """
    known = (mask <= 0).to(image.dtype)
    means, shares = [image * known], [known]
    while min(means[-1].shape[2:]) > 1 and len(means) < _PULLED:
        means.append(F.avg_pool2d(means[-1], 2, ceil_mode=True))
        shares.append(F.avg_pool2d(shares[-1], 2, ceil_mode=True))
    filled = torch.full_like(means[-1], 0.5)
    for mean, share in zip(reversed(means), reversed(shares), strict=True):
        if filled.shape != mean.shape:
            size = (mean.shape[2], mean.shape[3])
            filled = F.interpolate(filled, size=size, mode="bilinear", align_corners=False)
        filled = torch.where(share > 0, mean / share.clamp_min(1e-6), filled)
    return torch.where(mask > 0, filled, image)
