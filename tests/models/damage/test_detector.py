"""Our detector: shapes, what it takes, and that it sees far enough."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.damage.detector import DamageDetector
from models.layers import BadNetworkInput


def test_untrained_it_takes_damage_for_rare() -> None:
    logits = DamageDetector(width=4, blocks=1)(torch.rand(2, 1, 16, 40))
    assert logits.shape == (2, 1, 16, 40)
    assert torch.sigmoid(logits).max() < 0.05


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 1, 32, 36), (1, 1, 8, 32), (1, 32, 32)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadNetworkInput, match=r"damage detector"):
        DamageDetector(width=4, blocks=1)(torch.zeros(shape))


def test_a_pixel_is_judged_by_what_lies_a_hundred_pixels_away() -> None:
    torch.manual_seed(0)
    network = DamageDetector(width=4, blocks=6).eval()
    for parameter in network.parameters():  # residual blocks start at zero: then nothing spreads
        nn.init.normal_(parameter, std=0.3)
    grey = torch.zeros(1, 1, 320, 320)
    other = grey.clone()
    other[..., 160, 60] = 1
    with torch.inference_mode():
        change = (network(other) - network(grey)).abs()[0, 0]
    assert change[160, 160] > 0
    assert change[160, 300] == 0  # and no farther than a tile's overlap allows for
