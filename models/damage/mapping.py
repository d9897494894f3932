"""The mapping networks: latents of old photographs to latents of clean ones, in three forms."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from models.damage.attention import PartialNonLocal, PatchAttention
from models.layers import BadNetworkInput, Norm, ResidualBlock, check_shape, normalization

_STEPS = 4
_PIXELS = 4
"""Pixels of the picture to one position of the latent, along each side."""


class QualityMapping(nn.Module):
    """Unstructured degradation only: fading, blur, noise (Wan et al., CVPR 2020).

    Latent Bx`latent`xhxw in and out. Resolution never changes; no skip around the network.

    Keys `model.N` (published: latent 64, width 512, 6 blocks, instance norm, 36.1 million
    parameters): four times conv 3x3 with zero border, norm, ReLU (convs at 0, 3, 6, 9:
    latent -> 128 -> 256 -> 512 -> 512: doubling up to `width`); residual blocks (12 to 17);
    the same convs backwards (18, 21, 24, 27), the last with nothing after it.
    """

    multiple = 4

    def __init__(
        self, latent: int = 64, width: int = 512, norm: Norm = "instance", blocks: int = 6
    ) -> None:
        super().__init__()
        self.latent = latent
        self.model = nn.Sequential(
            *_widen(latent, width, norm),
            *(ResidualBlock(_widths(latent, width)[-1], norm) for _ in range(blocks)),
            *_narrow(latent, width, norm),
        )

    def forward(self, latent: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Bx`latent`xhxw to the same; `mask` is not looked at. Raises `BadNetworkInput`."""
        check_shape(latent, self.latent, what="latent for the mapping", least=2)
        mapped: Tensor = self.model(latent)
        return mapped


class ScratchMapping(nn.Module):
    """Structured and unstructured damage: `QualityMapping` with a partial non-local block.

    Latent Bx`latent`xhxw in and out; mask Bx1x4hx4w, 1 where damaged (None: nothing is).

    Keys (published: 51.3 million parameters): before_NL.0, .3, .6, .9 convs as the first four of
    `QualityMapping`; NL the block (`attention.PartialNonLocal`); after_NL.0 to .5 residual
    blocks; after_NL.6, .9, .12, .15 convs as the last four of `QualityMapping`.
    """

    multiple = 4

    def __init__(
        self, latent: int = 64, width: int = 512, norm: Norm = "instance", blocks: int = 6
    ) -> None:
        super().__init__()
        self.latent = latent
        inner = _widths(latent, width)[-1]
        self.before_NL = nn.Sequential(*_widen(latent, width, norm))
        self.NL = PartialNonLocal(inner, norm)
        self.after_NL = nn.Sequential(
            *(ResidualBlock(inner, norm) for _ in range(blocks)), *_narrow(latent, width, norm)
        )

    def forward(self, latent: Tensor, mask: Tensor | None = None) -> Tensor:
        """Bx`latent`xhxw to the same, holes filled from the rest of their own image.

        Raises `BadNetworkInput` for a mask that does not belong to the latent, `AllDamaged` for
        an image with nothing but holes.
        """
        mask = _mask_for(latent, mask, self.latent)
        mapped: Tensor = self.after_NL(self.NL(self.before_NL(latent), mask))
        return mapped


class PatchMapping(nn.Module):
    """For high resolution: patch attention at three scales (the published `--HR` network).

    Latent Bx`latent`xhxw in and out; mask Bx1x4hx4w, 1 where damaged (None: nothing is); sides
    of the picture multiples of 32, else patches of 8 leave a border of zeros beside holes.

    Keys (published: 73.9 million parameters): before_NL.0, .3, .6, .9 convs as the first four of
    `QualityMapping`, .12, .13 residual blocks; NL_scale_1, _2, _3 (`attention.PatchAttention`,
    patches of 8, 4, 2) with res_block_1, res_block_2 (two residual blocks each) between them;
    after_NL.0, .1 residual blocks, .2, .5, .8, .11 convs as the last four of `QualityMapping`.
    """

    multiple = 32

    def __init__(self, latent: int = 64, width: int = 512, norm: Norm = "instance") -> None:
        super().__init__()
        self.latent = latent
        inner = _widths(latent, width)[-1]

        def pair() -> list[nn.Module]:
            return [ResidualBlock(inner, norm), ResidualBlock(inner, norm)]

        self.before_NL = nn.Sequential(*_widen(latent, width, norm), *pair())
        self.NL_scale_1 = PatchAttention(inner, 8, norm)
        self.res_block_1 = nn.Sequential(*pair())
        self.NL_scale_2 = PatchAttention(inner, 4, norm)
        self.res_block_2 = nn.Sequential(*pair())
        self.NL_scale_3 = PatchAttention(inner, 2, norm)
        self.after_NL = nn.Sequential(*pair(), *_narrow(latent, width, norm))

    def forward(self, latent: Tensor, mask: Tensor | None = None) -> Tensor:
        """Bx`latent`xhxw to the same, holes filled with patches of their own image.

        Raises `BadNetworkInput` for a mask that does not belong to the latent, `AllDamaged` for
        an image with nothing but holes.
        """
        mask = _mask_for(latent, mask, self.latent)
        x = self.NL_scale_1(self.before_NL(latent), mask)
        x = self.NL_scale_2(self.res_block_1(x), mask)
        x = self.NL_scale_3(self.res_block_2(x), mask)
        mapped: Tensor = self.after_NL(x)
        return mapped


def _widths(latent: int, width: int) -> list[int]:
    """Channels before and after each conv: `latent`, then doubling up to `width`."""
    return [latent, *(min(latent * 2**step, width) for step in range(1, _STEPS + 1))]


def _widen(latent: int, width: int, norm: Norm) -> list[nn.Module]:
    """`latent` -> ... -> `width`: conv, norm, ReLU, four times."""
    widths = _widths(latent, width)
    return [
        layer
        for inside, outside in pairwise(widths)
        for layer in (
            nn.Conv2d(inside, outside, 3, padding=1),
            normalization(norm, outside),
            nn.ReLU(inplace=True),
        )
    ]


def _narrow(latent: int, width: int, norm: Norm) -> list[nn.Module]:
    """`width` -> ... -> `latent`: conv, norm, ReLU, three times, and a conv."""
    widths = _widths(latent, width)[::-1]
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [
            nn.Conv2d(inside, outside, 3, padding=1),
            normalization(norm, outside),
            nn.ReLU(inplace=True),
        ]
    return layers[:-2]


def _mask_for(latent: Tensor, mask: Tensor | None, channels: int) -> Tensor:
    """`mask` in the type and on the device of `latent`; zeros for None."""
    check_shape(latent, channels, what="latent for the mapping", least=2)
    height, width = latent.shape[2] * _PIXELS, latent.shape[3] * _PIXELS
    wanted = (latent.shape[0], 1, height, width)
    if mask is None:
        return latent.new_zeros(wanted)
    if tuple(mask.shape) != wanted:
        raise BadNetworkInput(
            f"a mask of the shape {tuple(mask.shape)} does not belong to a latent of "
            f"{tuple(latent.shape)}; it takes {wanted}: the mask of the same picture, full size"
        )
    return mask.to(latent)
