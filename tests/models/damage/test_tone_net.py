"""The tone network: what it reads, what its answers keep to, and how they are undone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painted_scenes import in_color, landscape, rgb

from models.damage.tone_net import ROWS, SIDE, Estimate, ToneNet, reading, together, undo


def tiny() -> ToneNet:
    torch.manual_seed(0)
    return ToneNet(width=4)


def views(count: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, SIDE + ROWS, SIDE, generator=generator) * 0.5 + 0.2


def test_it_is_small() -> None:
    assert sum(parameter.numel() for parameter in ToneNet().parameters()) < 150_000


def test_black_and_white_lie_outside_the_pixels_but_for_the_last_half_percent() -> None:
    network = tiny()
    with torch.no_grad():
        network.head[-1].bias.normal_(0, 5)  # type: ignore[union-attr]
    view = views()
    black, white, gamma, logit = network(view)
    pixels = view[:, :, SIDE:].flatten(2)
    assert black.shape == white.shape == gamma.shape == (3, 3) and logit.shape == (3,)
    assert (black >= 0).all() and (white <= 1).all() and (black < white).all()
    assert ((pixels < black[:, :, None]).float().mean(2) < 0.01).all()
    assert ((pixels > white[:, :, None]).float().mean(2) < 0.01).all()
    assert (gamma > 0.4).all() and (gamma < 2.3).all()


def test_a_picture_does_not_depend_on_its_batch() -> None:
    network, view = tiny().eval(), views()
    alone, among = network(view[:1]), network(view)
    for one, other in zip(alone, among, strict=True):
        assert torch.allclose(one, other[:1], atol=1e-5)


def test_what_is_read_is_the_picture() -> None:
    picture = in_color(120, 160)
    read = reading(picture)
    assert read.shape == (3, SIDE + ROWS, SIDE) and read.dtype == torch.uint8
    copy = read[:, :SIDE].float().mean((1, 2)).numpy()
    assert np.allclose(copy, picture.reshape(-1, 3).mean(0), atol=1.5)
    known = {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}
    assert {tuple(pixel) for pixel in read[:, SIDE:].flatten(1).T.tolist()} <= known
    assert (reading(landscape()) == reading(rgb(landscape()))).all()


def test_grey_is_answered_by_one_curve_and_color_by_three() -> None:
    network = tiny()
    grey, color = network.predict(landscape()), network.predict(in_color())
    assert len(grey.black) == len(grey.white) == len(grey.gamma) == 1
    assert len(color.black) == len(color.white) == len(color.gamma) == 3
    assert 0 <= grey.certainty <= 1
    assert network.predict(landscape()) == grey


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 500, 3), (700, 2)])
@pytest.mark.parametrize("level", [0, 255])
def test_extreme_pictures_are_answered_in_numbers(shape: tuple[int, ...], level: int) -> None:
    found = tiny().predict(np.full(shape, level, np.uint8))
    assert np.isfinite([*found.black, *found.white, *found.gamma, found.certainty]).all()
    for black, white in zip(found.black, found.white, strict=True):
        assert 0 <= black < white <= 1


def test_undoing_inverts_fading_and_carries_gradients() -> None:
    clean = views(2)
    black = torch.tensor([[0.1, 0.2, 0.0], [0.3, 0.0, 0.1]])
    white = torch.tensor([[0.9, 0.7, 0.6], [0.8, 1.0, 0.9]])
    gamma = torch.tensor([[1.0, 1.3, 0.7], [0.8, 1.0, 1.2]], requires_grad=True)
    low, high, power = (part[:, :, None, None] for part in (black, white, gamma))
    faded = (low + (high - low) * clean**power).detach()
    restored = undo(faded, Estimate(black, white, gamma, torch.zeros(2)))
    assert torch.allclose(restored, clean, atol=1e-4)
    restored.sum().backward()  # type: ignore[no-untyped-call]
    assert gamma.grad is not None and (gamma.grad != 0).all()


def test_together_is_for_grey_only() -> None:
    estimate = tiny()(views(2))
    joined = together(estimate, torch.tensor([True, False]))
    for before, after in zip(estimate[:3], joined[:3], strict=True):
        assert torch.allclose(after[1], before[1])
        assert torch.allclose(after[0], after[0, :1].expand(3))
