"""Each loss against the value its formula gives by hand, and what it is blind and keen to."""

from __future__ import annotations

import math

import pytest
import torch

from models.training import losses


def picture(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_charbonnier_is_l1_far_from_nothing_and_smooth_at_it() -> None:
    wanted = torch.zeros(1, 3, 4, 4)
    assert losses.charbonnier(wanted, wanted).item() == 0.0
    assert losses.charbonnier(wanted + 0.5, wanted).item() == pytest.approx(0.5, abs=2e-3)
    near = (wanted + 1e-5).requires_grad_()
    losses.charbonnier(near, wanted).backward()
    assert near.grad is not None
    # L1 would have 1 / 48 here, however near the two pictures are
    assert near.grad.abs().max().item() < 0.02 / 48


def test_a_weight_counts_only_what_it_names() -> None:
    wanted, predicted = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    predicted[..., :2] = 1.0
    weight = torch.zeros(1, 1, 4, 4)
    weight[..., 2:] = 1.0
    assert losses.absolute(predicted, wanted).item() == pytest.approx(0.5)
    assert losses.absolute(predicted, wanted, weight).item() == 0.0
    assert losses.absolute(predicted, wanted, 1 - weight).item() == pytest.approx(1.0)
    assert losses.absolute(predicted, wanted, torch.zeros_like(weight)).item() == 0.0


def test_kl_equals_the_divergence_of_two_gaussians_but_for_its_constant() -> None:
    mean = picture(2, 4, 3, 3) * 2 - 1
    deviation = torch.full_like(mean, 0.5)
    posterior = torch.distributions.Normal(mean, deviation)
    unit = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    divergence = torch.distributions.kl_divergence(posterior, unit).mean().item()
    constant = 0.5 * (0.25 - 1 - math.log(0.25))
    assert losses.kl_to_unit(mean).item() + constant == pytest.approx(divergence, abs=1e-6)


def test_least_squares_critic_and_generator_want_opposite_scores() -> None:
    one, nought = [torch.ones(2, 1, 3, 3)], [torch.zeros(2, 1, 3, 3)]
    assert losses.critic_lsgan(real=one, generated=nought).item() == 0.0
    assert losses.critic_lsgan(real=nought, generated=one).item() == pytest.approx(1.0)
    assert losses.generator_lsgan(one).item() == 0.0
    assert losses.generator_lsgan(nought).item() == pytest.approx(1.0)
    # two scales count alike, whatever their sizes
    scales = [torch.ones(2, 1, 8, 8), torch.zeros(2, 1, 2, 2)]
    assert losses.generator_lsgan(scales).item() == pytest.approx(0.5)


def test_feature_matching_leaves_the_scores_out_and_the_real_side_alone() -> None:
    real = [[torch.full((1, 2, 2, 2), 3.0, requires_grad=True), torch.zeros(1, 1, 2, 2)]]
    generated = [[torch.full((1, 2, 2, 2), 1.0, requires_grad=True), torch.ones(1, 1, 2, 2)]]
    loss = losses.feature_matching(real, generated)
    assert loss.item() == pytest.approx(2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert generated[0][0].grad is not None
    assert real[0][0].grad is None


def test_gradient_loss_is_blind_to_brightness_and_keen_on_blur() -> None:
    wanted = torch.zeros(1, 3, 32, 32)
    wanted[..., 16:] = 1.0
    blurred = torch.nn.functional.avg_pool2d(
        wanted, 5, stride=1, padding=2, count_include_pad=False
    )
    assert losses.multiscale_gradient(wanted + 0.2, wanted).item() == pytest.approx(0.0, abs=1e-6)
    assert losses.multiscale_gradient(blurred, wanted).item() > 0.01
    away = torch.ones(1, 1, 32, 32)
    away[..., 8:24] = 0.0
    assert losses.multiscale_gradient(blurred, wanted, away).item() == 0.0


def test_gradient_loss_leaves_out_scales_that_vanish() -> None:
    wanted, predicted = picture(1, 3, 3, 3), picture(1, 3, 3, 3, seed=1)
    one = losses.multiscale_gradient(predicted, wanted, scales=1)
    assert losses.multiscale_gradient(predicted, wanted, scales=5).item() == pytest.approx(
        one.item()
    )


@pytest.mark.parametrize("loss", [losses.charbonnier, losses.absolute, losses.multiscale_gradient])
def test_losses_are_computed_in_float32(loss: object) -> None:
    predicted = picture(1, 3, 64, 64).bfloat16()
    assert callable(loss)
    assert loss(predicted, torch.zeros_like(predicted)).dtype == torch.float32
