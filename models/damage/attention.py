"""The two attention blocks of the mapping networks, without matrices of N x N.

N is the number of positions (or patches) of the latent. Both blocks go through their rows in
pieces of at most `_ENTRIES` similarities, so that memory grows with N, not with its square.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from models.layers import Norm, ResidualBlock

_ENTRIES = {"cpu": 2**23, "cuda": 2**26}
"""Similarities held at once: 32 MiB in float32 on a CPU; a GPU wants larger pieces."""

_HOLE_SHARE = 0.6
"""A patch is a hole where more than this share of it is."""

_LEAST_WEIGHT = 1e-12


class AllDamaged(ValueError):
    """A mask leaves nothing of an image to fill its holes from: `image` is its place in the
    batch."""

    def __init__(self, image: int) -> None:
        self.image = image
        super().__init__(
            f"the mask of image {image} of the batch leaves nothing to fill its holes from: "
            "give a larger tile, or leave this one as it is"
        )


class PartialNonLocal(nn.Module):
    """Holes filled with a weighted mean over all positions that are not holes (Wan et al., CVPR
    2020, "Multiple degradation restoration": the partial non-local block).

    x BxCxhxw, mask Bx1xHxW at the size of the picture, 1 where damaged. Out: BxCxhxw, x itself
    outside the holes.

    Keys: g, W, theta, phi (conv 1x1, C -> C); res_block.0 to .2 (residual blocks).

    With s_ij = theta_i . phi_j (no scaling), p_i = softmax over all j of s_ij, and the validity
    K_j (1 outside the holes), y_i = sum_j p_ij K_j g_j / max(sum_j p_ij K_j, 1e-12). So where
    nothing that is valid resembles a position, its y goes towards 0, as in the published code.
    """

    def __init__(self, channels: int, norm: Norm = "instance") -> None:
        super().__init__()
        self.g = nn.Conv2d(channels, channels, 1)
        self.W = nn.Conv2d(channels, channels, 1)
        self.theta = nn.Conv2d(channels, channels, 1)
        self.phi = nn.Conv2d(channels, channels, 1)
        self.res_block = nn.Sequential(*(ResidualBlock(channels, norm) for _ in range(3)))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """BxCxhxw to the same. Raises `AllDamaged` for an image without any valid position (the
        published block returns amplified rounding noise there)."""
        valid = validity(mask, x.shape[2], x.shape[3]).to(x.dtype)
        if bool((valid == 1).all()):
            return x  # Exactly what the block gives: nothing of y enters.
        for image, any_valid in enumerate(valid.flatten(1).any(dim=1).tolist()):
            if not any_valid:
                raise AllDamaged(image)
        filled = self.res_block(self.W(self._attend(x, valid)))
        combined: Tensor = valid * x + (1 - valid) * filled
        return combined

    def _attend(self, x: Tensor, valid: Tensor) -> Tensor:
        # BxCxhxw -> BxNxC, N = h * w, row by row.
        query, key, value = (
            layer(x).flatten(2).transpose(1, 2) for layer in (self.theta, self.phi, self.g)
        )
        filled = partial_attention(query, key, value, valid.flatten(1))
        # Back in the memory order of x: instance norm is four times slower in the other.
        return torch.empty_like(x).copy_(filled.transpose(1, 2).reshape(x.shape))


def validity(mask: Tensor, height: int, width: int) -> Tensor:
    """K of the published block: Bx1x`height`x`width`, 1 where a position may be copied from.

    `mask` is Bx1xHxW, 1 where damaged. A position is a hole where the bilinear reduction of the
    mask is above 0; the nearest neighbour of the mask must not be damaged either. At a factor of
    4 the two look at pixels 1 and 2, and 0, of each four.
    """
    size = (height, width)
    hole = functional.interpolate(mask, size, mode="bilinear", align_corners=False) > 0
    clean = 1 - functional.interpolate(mask, size, mode="nearest")
    return torch.where(hole, 0, clean)


def partial_attention(query: Tensor, key: Tensor, value: Tensor, valid: Tensor) -> Tensor:
    """softmax(`query` `key`^T), restricted to `valid` and renormalised, times `value`.

    `query`, `key`, `value` are BxNxC, `valid` is BxN in [0, 1]; the result is BxNxC, float32 (the
    second product is computed in the type of `value`). Holds at most `_ENTRIES` similarities (or
    one row) at a time, in training too, where each piece is computed again on the way back.
    """
    # Scores reach into the hundreds, where bf16 has steps of one: they are computed in float32.
    query, key, valid = query.float(), key.float(), valid.float()
    value = value * valid[:, :, None].to(value.dtype)
    rows = _rows(key.shape[1], key.device)
    images = []
    for image in range(len(query)):
        keys, values, usable = key[image], value[image], valid[image]
        pieces = []
        for piece in torch.split(query[image], rows):
            rest = (keys, values, usable)
            pieces.append(
                checkpoint(_attend_rows, piece, *rest, use_reentrant=False)
                if torch.is_grad_enabled()
                else _attend_rows(piece, *rest)
            )
        images.append(torch.cat(pieces))
    return torch.stack(images)


def _rows(columns: int, device: torch.device) -> int:
    """How many rows of similarities with `columns` others are computed at once."""
    return max(1, _ENTRIES[device.type] // columns)


def _attend_rows(query: Tensor, key: Tensor, value: Tensor, valid: Tensor) -> Tensor:
    """Rows of `partial_attention` of one image: `query` nxC, `key` and `value` NxC, `valid` N."""
    with torch.autocast(query.device.type, enabled=False):
        weights = torch.softmax(query @ key.T, dim=1)
        total = (weights @ valid).clamp_min(_LEAST_WEIGHT)
        return (weights.to(value.dtype) @ value).float() / total[:, None]


class PatchAttention(nn.Module):
    """Patches with holes replaced by the most similar patch without (the published block of the
    high-resolution network).

    z BxCxhxw, mask Bx1xHxW at the size of the picture, 1 where damaged; out BxCxhxw. Patches of
    `patch` x `patch` positions do not overlap; cosine similarity; the single best is copied.
    Where h or w is no multiple of `patch`, images with a hole get zeros in the border left over,
    as published: give multiples.

    Keys: F_Combine (conv 3x3, zero border, 2C + 1 -> C), res_block.0 (residual block).
    """

    def __init__(self, channels: int, patch: int, norm: Norm = "instance") -> None:
        super().__init__()
        self.patch = patch
        self.F_Combine = nn.Conv2d(2 * channels + 1, channels, 3, padding=1)
        self.res_block = nn.Sequential(ResidualBlock(channels, norm))

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """BxCxhxw to the same. Raises `AllDamaged` for an image in which every patch is a hole."""
        size = (z.shape[2], z.shape[3])
        reduced = functional.interpolate(mask, size, mode="bilinear", align_corners=False)
        holes = (reduced > 0).to(z.dtype)
        x = self.res_block(z)
        filled = torch.cat([self._fill(x[i : i + 1], holes[i : i + 1], i) for i in range(len(x))])
        combined: Tensor = self.F_Combine(torch.cat([z, filled, holes], dim=1))
        return combined

    def _fill(self, x: Tensor, holes: Tensor, image: int) -> Tensor:
        """`x` (1xCxhxw) with its hole patches replaced."""
        share = functional.avg_pool2d(holes.float(), self.patch).flatten()
        hole = share > _HOLE_SHARE
        if not bool(hole.any()):
            return x
        if bool(hole.all()):
            raise AllDamaged(image)
        patches = _cut(x, self.patch)
        offered = patches[~hole]
        # In place: `patches` is a copy of x already, and no gradient needs what it held.
        patches[hole] = offered[most_similar(patches[hole], offered)]
        return _lay(patches, x, self.patch)


def most_similar(wanted: Tensor, offered: Tensor) -> Tensor:
    """For each row of `wanted` (nxD) the index of the row of `offered` (mxD) with the highest
    cosine similarity: n, int64. Memory beyond both grows with n and m, not with their product.
    """
    with torch.no_grad(), torch.autocast(wanted.device.type, enabled=False):
        offered = offered.float()
        lengths = offered.norm(dim=1).clamp_min(_LEAST_WEIGHT)
        # The length of a wanted row changes none of its comparisons, so it is left out.
        pieces = [
            (piece.float() @ offered.T).div_(lengths).argmax(dim=1)
            for piece in torch.split(wanted, _rows(len(offered), wanted.device))
        ]
    return torch.cat(pieces)


def _cut(x: Tensor, patch: int) -> Tensor:
    """1xCxhxw to patches, n x (C * patch * patch), from the top left, row by row."""
    channels, down, across = x.shape[1], x.shape[2] // patch, x.shape[3] // patch
    grid = x[0, :, : down * patch, : across * patch].reshape(channels, down, patch, across, patch)
    return grid.permute(1, 3, 0, 2, 4).reshape(down * across, -1)


def _lay(patches: Tensor, like: Tensor, patch: int) -> Tensor:
    """The opposite of `_cut`, to the shape of `like`; what no patch covers is 0."""
    channels, down, across = like.shape[1], like.shape[2] // patch, like.shape[3] // patch
    grid = patches.reshape(down, across, channels, patch, patch).permute(2, 0, 3, 1, 4)
    whole = torch.zeros_like(like)
    whole[0, :, : down * patch, : across * patch] = grid.reshape(
        channels, down * patch, across * patch
    )
    return whole
