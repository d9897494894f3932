"""Spectral norm as PyTorch before 1.0 saved it, brought to the present form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.weights.errors import WeightsMismatch
from models.weights.networks import Layout

if TYPE_CHECKING:
    from torch import Tensor

_AGREEMENT = 1e-3


def present_form(tensors: Mapping[str, Tensor], layout: Layout, what: str) -> dict[str, Tensor]:
    """`tensors` with a `weight_v` for every layer of `layout` that has one.

    The old form kept the normalised `weight` beside `weight_orig` and `weight_u`, and no
    `weight_v`. Any v with u . (W v) = sigma gives that weight again; the one along W^T u is
    taken, which is what the power iteration would take. What is in the present form is left as
    it is. Raises `WeightsMismatch` where `weight` is no multiple of `weight_orig`; `what` names
    the file.
    """
    made = dict(tensors)
    for key in layout:
        stem, leaf = key.rpartition(".")[::2]
        old = [f"{stem}.{name}" for name in ("weight", "weight_orig", "weight_u")]
        if leaf != "weight_v" or key in made or not all(name in made for name in old):
            continue
        normal, original, u = (made[name].detach().float().cpu() for name in old)
        made[key] = _singular_vector(normal, original, u, f"{what}: {stem}")
        del made[old[0]]
    return made


def _singular_vector(normal: Tensor, original: Tensor, u: Tensor, what: str) -> Tensor:
    if normal.shape != original.shape or u.shape != original.shape[:1]:
        raise WeightsMismatch(f"{what} holds a weight and singular vectors of different shapes")
    sigma = (normal * original).sum() / normal.square().sum()
    if not (original - sigma * normal).norm() <= _AGREEMENT * original.norm():
        raise WeightsMismatch(f"{what}.weight is not what spectral norm makes of its weight_orig")
    v = original.flatten(1).T @ u
    return v * (sigma / v.square().sum())
