"""Critics: what they return, and that they can tell two things apart."""

from __future__ import annotations

import pytest
import torch

from models.training.critics import LatentCritic, PatchCritic, scores
from models.training.losses import critic_lsgan


def test_a_patch_critic_returns_features_of_every_scale_scores_last() -> None:
    torch.manual_seed(0)
    critic = PatchCritic(width=4, depth=2, scales=2)
    features = critic(torch.rand(2, 3, 32, 48))
    assert [tuple(feature.shape) for feature in features[0]] == [
        (2, 4, 16, 24),
        (2, 8, 8, 12),
        (2, 8, 8, 12),
        (2, 1, 8, 12),
    ]
    assert [tuple(score.shape) for score in scores(features)] == [(2, 1, 8, 12), (2, 1, 4, 6)]


def test_a_latent_critic_keeps_the_size_of_the_latent() -> None:
    features = LatentCritic(latent=6, width=4)(torch.rand(2, 6, 5, 7))
    assert tuple(scores(features)[0].shape) == (2, 1, 5, 7)


@pytest.mark.parametrize(
    ("critic", "channels"), [(PatchCritic(3, 8, 2), 3), (LatentCritic(4, 8), 4)]
)
def test_a_critic_learns_to_tell_bright_from_dark(critic: torch.nn.Module, channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3)
    for _ in range(60):
        bright = torch.rand(4, channels, 16, 16, generator=generator)
        real, generated = scores(critic(bright)), scores(critic(-bright))
        loss = critic_lsgan(real, generated)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert real[0].mean() > generated[0].mean() + 0.5


def test_spectral_norm_bounds_how_much_a_layer_can_enlarge() -> None:
    torch.manual_seed(0)
    critic = LatentCritic(latent=4, width=4)
    with torch.no_grad():
        for name, parameter in critic.named_parameters():
            if "original" in name:
                parameter.mul_(100.0)
    weight = critic.layers[2].weight.flatten(1)  # type: ignore[operator]
    for _ in range(20):  # the power iteration needs a few rounds
        critic(torch.rand(1, 4, 4, 4))
        weight = critic.layers[2].weight.flatten(1)  # type: ignore[operator]
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1.0, abs=0.05)
