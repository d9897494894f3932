"""A network behind arrays: luma in, chroma out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from published_colors import head_of
from torch import nn

from models.color.generator import ColorUNet
from models.color.predictor import NetworkPredictor
from models.color.space import to_ab
from models.layers import BadNetworkInput
from models.tiling import BadNetworkOutput

SMALL: dict[str, Any] = {
    "encoder": "resnet10",
    "encoder_width": 4,
    "decoder": "wide",
    "width": 8,
    "bridge": 4,
}


@pytest.fixture
def luma() -> np.ndarray:
    return np.random.default_rng(0).random((64, 96), np.float32)


def test_what_a_network_says_in_cielab_is_what_its_chroma_means(luma: np.ndarray) -> None:
    network = ColorUNet(**SMALL, planes="ab", reach=110.0)
    head = head_of(network)
    with torch.no_grad():  # sigmoid(b) 220 - 110
        head.bias.copy_(torch.logit((torch.tensor([12.0, -20.0]) + 110) / 220))
    made = NetworkPredictor(network, "cpu")(luma)
    assert made.shape == (64, 96, 2) and made.dtype == np.float32
    middle = (luma > 0.3) & (luma < 0.7)  # where sRGB has that colour
    assert np.allclose(to_ab(luma, made)[middle], (12, -20), atol=1.5)


def test_an_untrained_network_leaves_everything_grey(luma: np.ndarray) -> None:
    made = NetworkPredictor(ColorUNet(**SMALL, planes="ab", reach=110.0), "cpu")(luma)
    assert np.abs(made).max() < 1e-3


def test_a_published_network_answers_in_rgb(luma: np.ndarray) -> None:
    network = ColorUNet(**SMALL)
    rgb = torch.tensor([0.8, 0.5, 0.2])
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    wanted = (rgb - mean) / deviation
    finish = network.layers[11]
    assert isinstance(finish, nn.Sequential)
    finish[0] = _constant(torch.logit((wanted + 3) / 6))
    made = NetworkPredictor(network, "cpu")(luma)
    own = 0.299 * 0.8 + 0.587 * 0.5 + 0.114 * 0.2
    assert np.allclose(made, ((0.2 - own) / 1.772, (0.8 - own) / 1.402), atol=1e-4)


def _constant(bias: torch.Tensor) -> nn.Module:
    layer = nn.Conv2d(SMALL["width"] // 2 + 3, 3, 1)
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.bias.copy_(bias)  # type: ignore[union-attr]
    return layer


def test_bad_input_and_bad_answers_are_named(luma: np.ndarray) -> None:
    network = ColorUNet(**SMALL, planes="ab", reach=110.0)
    predict = NetworkPredictor(network, "cpu")
    with pytest.raises(BadNetworkInput, match="picture for the colour generator"):
        predict(luma[:63])
    with torch.no_grad():
        head_of(network).bias.fill_(float("nan"))
    with pytest.raises(BadNetworkOutput, match="weights verify"):
        predict(luma)
