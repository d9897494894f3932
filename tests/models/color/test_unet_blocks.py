"""Parts of the decoder against their definitions."""

from __future__ import annotations

import pytest
import torch
from dense_color import dense_attention

from models.color import unet_blocks as module
from models.color.unet_blocks import SelfAttention, WeightNormConv1x1, blurred


@pytest.mark.parametrize("entries", [1, 300, 10**9])
def test_attention_is_the_published_one_whatever_the_pieces(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._ENTRIES, "cpu", entries)
    torch.manual_seed(0)
    block = SelfAttention(16).eval()
    with torch.no_grad():
        block.gamma.fill_(0.7)
    x = torch.randn(2, 16, 5, 7).requires_grad_()
    made, wanted = block(x), dense_attention(block, x)
    assert torch.allclose(made, wanted, rtol=0, atol=1e-5)
    (given,) = torch.autograd.grad(made.square().sum(), x)
    (expected,) = torch.autograd.grad(wanted.square().sum(), x)
    assert torch.allclose(given, expected, rtol=0, atol=1e-3)
    with torch.inference_mode():
        assert torch.allclose(block(x), wanted, rtol=0, atol=1e-5)


def test_attention_never_holds_more_similarities_than_a_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[int] = []
    real = module._attend

    def counted(asking: torch.Tensor, asked: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        held.append(asking.shape[0] * asking.shape[1] * asked.shape[1])
        return real(asking, asked, value)

    monkeypatch.setattr(module, "_attend", counted)
    with torch.inference_mode():
        SelfAttention(8).eval()(torch.randn(1, 8, 64, 64))
    assert max(held) <= module._ENTRIES["cpu"]
    assert sum(held) == 4096**2


def test_the_blur_takes_means_towards_the_upper_left() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    made = blurred(x)[0, 0]
    assert made[1, 1] == (0 + 1 + 4 + 5) / 4
    assert made[0, 0] == 0  # the corner repeated
    assert made[0, 2] == (1 + 2) / 2
    assert made[2, 0] == (4 + 8) / 2
    flat = torch.full((1, 2, 5, 5), 3.0)
    assert torch.equal(blurred(flat), flat)


def test_weight_norm_begins_as_a_plain_convolution_and_scales_by_g() -> None:
    torch.manual_seed(0)
    layer = WeightNormConv1x1(3, 5)
    x = torch.randn(1, 3, 2, 2)
    plain = torch.nn.functional.conv2d(x, layer.weight_v)
    assert torch.allclose(layer(x), plain, atol=1e-6)
    with torch.no_grad():
        layer.weight_v.mul_(7)
    assert torch.allclose(layer(x), plain, atol=1e-6)
    with torch.no_grad():
        layer.weight_g.mul_(2)
    assert torch.allclose(layer(x), 2 * plain, atol=1e-6)
