"""Spectral norm: what it divides by, when it moves, and folding."""

from __future__ import annotations

import torch
from torch.nn import functional

from models.spectral import SpectralConv, fold_spectral


def trained(flat: bool = False) -> SpectralConv:
    torch.manual_seed(0)
    layer = SpectralConv(6, 5, 1 if flat else 3, flat=flat)
    with torch.no_grad():
        layer.weight_orig.mul_(3).add_(0.2 * torch.randn_like(layer.weight_orig))
    for _ in range(60):
        layer(torch.randn(1, 6, 4, 4))
    return layer


def test_the_weight_is_divided_by_its_largest_singular_value() -> None:
    for flat in (False, True):
        layer = trained(flat).eval()
        u = layer.weight_u.clone()
        x = torch.randn(2, 6, 4, 4)
        largest = torch.linalg.matrix_norm(layer.weight_orig.flatten(1), ord=2)
        window = layer.weight_orig[..., None] if flat else layer.weight_orig
        plain = functional.conv2d(x, window / largest, layer.bias, padding=layer.padding)
        assert torch.allclose(layer(x), plain, atol=1e-4)
        assert torch.equal(layer.weight_u, u)  # at rest in eval mode


def test_folding_is_done_once_and_undone_by_loading_and_training() -> None:
    layer = trained().eval()
    x = torch.randn(1, 6, 4, 4)
    before = layer(x)
    held = {key: tensor.clone() for key, tensor in layer.state_dict().items()}
    for _ in range(2):
        fold_spectral(layer)
        assert torch.equal(layer(x), before)
    once = layer.state_dict()
    assert once.keys() == held.keys() and not torch.equal(once["weight_orig"], held["weight_orig"])

    other = SpectralConv(6, 5, 3)
    other.load_state_dict(once)  # a folded state is one like any other
    assert torch.allclose(other.eval()(x), before, atol=1e-6)

    layer.load_state_dict(held)
    assert not layer.folded
    assert torch.equal(layer(x), before)
    layer.fold()
    layer.train()
    with torch.no_grad():
        layer.weight_orig.mul_(5)
    assert torch.allclose(layer(x), before, atol=1e-3)  # normalised again
    assert torch.allclose(layer.eval()(x), before, atol=1e-3)


def test_gradients_pass_through_the_division() -> None:
    layer = trained().train()
    layer(torch.randn(1, 6, 4, 4)).square().mean().backward()
    assert layer.weight_orig.grad is not None
    # Along the weight itself nothing changes: the scale is divided out.
    weight = layer.weight_orig.detach()
    along = (layer.weight_orig.grad * weight).sum() / weight.norm()
    assert abs(float(along)) < 1e-3 * float(layer.weight_orig.grad.norm())
