"""How many pages the face stage wants at once: several where a GPU waits for them."""

from __future__ import annotations

import pytest
import torch
from tiny_enhancers import Sharper, enhancer

from models.contract import JoiningStage
from models.faces.restorer import FaceRestorer


@pytest.mark.parametrize(("device", "pages"), [("cpu", 1), ("cuda", 8), ("cuda:1", 8)])
def test_pages_are_joined_for_a_gpu_only(device: str, pages: int) -> None:
    network = enhancer(Sharper())
    network.device = torch.device(device)
    stage = FaceRestorer("enhance", model=network)
    assert isinstance(stage, JoiningStage) and stage.batch == pages


def test_where_no_network_is_loaded_nothing_is_gained_by_company() -> None:
    assert FaceRestorer("detect", device="cuda").batch == 1
