"""The direct network: its prefilling, and that an untrained one changes nothing else."""

from __future__ import annotations

import torch

from models.damage.direct import DirectNet, prefilled


def test_a_prefilling_goes_on_smoothly_and_leaves_the_rest() -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 48, 64)
    mask = torch.zeros(1, 1, 48, 64)
    mask[..., 20:30, 28:36] = 1
    torn = torch.where(mask > 0, 1.0, ramp)
    filled = prefilled(torn, mask)
    assert torch.equal(filled[:, :, mask[0, 0] == 0], ramp[:, :, mask[0, 0] == 0])
    assert (filled - ramp).abs().max() < 0.06


def test_where_nothing_is_known_the_prefilling_is_grey() -> None:
    filled = prefilled(torch.rand(1, 3, 16, 24), torch.ones(1, 1, 16, 24))
    assert torch.equal(filled, torch.full_like(filled, 0.5))


def test_what_lies_under_the_mask_is_not_looked_at() -> None:
    torch.manual_seed(0)
    network = DirectNet(width=4, blocks=1).eval()
    torch.nn.init.normal_(network.last.weight, std=0.1)
    image, mask = torch.rand(1, 3, 32, 40), (torch.rand(1, 1, 32, 40) > 0.7).float()
    other = torch.where(mask > 0, torch.rand_like(image), image)
    with torch.inference_mode():
        assert torch.equal(network(image, mask), network(other, mask))


def test_untrained_it_changes_nothing_outside_the_mask() -> None:
    image, mask = torch.rand(2, 3, 16, 16), torch.zeros(2, 1, 16, 16)
    with torch.inference_mode():
        assert torch.equal(DirectNet(width=4, blocks=1)(image, mask), image)
