"""The recipe of the tone network: its samples, its scores, and that it learns and resumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from painted_scenes import in_color

from models.damage.tone_net import ROWS, SIDE, Estimate, ToneNet
from models.training.loop import Budget, OtherTraining
from models.training.tone import calibrate, measure, train_tone
from models.training.tone_samples import draw, readings


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Steps this small only wait for threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def photographs(count: int = 6) -> list[NDArray[np.uint8]]:
    """Scenes of full range: stretched, so that black and white are there."""
    pictures = []
    for seed in range(count):
        picture = in_color(96, 128, seed).astype(np.float32)
        low, high = np.percentile(picture, (0.5, 99.5))
        pictures.append(((picture - low) / (high - low) * 255).clip(0, 255).astype(np.uint8))
    return pictures


def clean(count: int = 64) -> torch.Tensor:
    return readings(photographs(4), crops=count // 4 - 1).float() / 255


def test_readings_are_of_the_whole_and_of_parts() -> None:
    pictures = photographs(2)
    made = readings(pictures, crops=2, seed=1)
    assert made.shape == (6, 3, SIDE + ROWS, SIDE) and made.dtype == torch.uint8
    assert (made[0] == readings(pictures[:1], crops=0)[0]).all()
    assert (made[0] != made[1]).any()
    assert (made == readings(pictures, crops=2, seed=1)).all()


def test_samples_follow_from_the_generator_alone() -> None:
    one, same, other = (draw(clean(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    for name in one:
        assert (one[name] == same[name]).all()
    assert (one["faded"] != other["faded"]).any()


def test_clean_faded_and_grey_samples_are_what_they_say() -> None:
    samples = draw(clean(400), np.random.default_rng(3))
    faded, sound, due = samples["faded"], samples["clean"], samples["due"]
    assert faded.min() >= 0 and faded.max() <= 1 and due.min() >= 0 and due.max() <= 1
    change = (faded - sound).square().mean((1, 2, 3)).sqrt()
    assert 0.25 < (change < 0.02).float().mean() < 0.65  # clean, or as good as clean
    assert (due[change > 0.08] == 1).all() and (due[change < 0.008] == 0).all()
    grey = samples["grey"]
    assert 0.15 < grey.float().mean() < 0.45
    for name in ("clean", "faded"):
        flat = samples[name]
        assert torch.allclose(flat[grey], flat[grey, :1].expand_as(flat[grey]), atol=1e-6)
    cast = (faded[~grey].mean((2, 3)) - sound[~grey].mean((2, 3))).std(dim=1)
    assert (cast > 0.02).float().mean() > 0.2


def test_all_faded_leaves_none_clean() -> None:
    samples = draw(clean(200), np.random.default_rng(4), all_faded=True)
    change = (samples["faded"] - samples["clean"]).square().mean((1, 2, 3)).sqrt()
    assert (change > 0.004).float().mean() > 0.97  # severities begin near nothing
    assert (samples["due"] == 1).float().mean() > 0.4


class Oracle(torch.nn.Module):
    """Does nothing (`power` 1) or the wrong thing, and is as sure as the range is narrow."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self.power = power

    def forward(self, view: torch.Tensor) -> Estimate:
        count = len(view)
        range_ = view.flatten(1).amax(1) - view.flatten(1).amin(1)
        ones = torch.ones(count, 3)
        return Estimate(torch.zeros(count, 3), ones, ones * self.power, -range_)


def test_scores_are_of_what_is_corrected() -> None:
    pictures = readings(photographs(4), crops=9)
    nothing, wrong = measure(Oracle(1.0), pictures), measure(Oracle(2.0), pictures)
    assert nothing["ungated"] == pytest.approx(0, abs=0.05)
    assert nothing["gain"] == pytest.approx(0, abs=0.05)
    assert wrong["ungated"] < -1
    assert wrong["ungated"] < wrong["gain"] <= 0.05  # what is left alone is not made worse
    assert nothing["auc"] > 0.7


def test_calibration_leaves_most_clean_pictures_alone() -> None:
    torch.manual_seed(0)
    network = ToneNet(width=4)
    pictures = readings(photographs(6), crops=9)
    calibrate(network, pictures)
    with torch.inference_mode():
        logits = network(pictures.float() / 255).logit
    assert 0 < (logits > 0).float().mean() < 0.2
    assert calibrate(network, pictures) == pytest.approx(0, abs=1e-5)


def test_it_learns_and_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = {"width": 8, "batch": 16, "crops": 2, "learning_rate": 4e-3}
    pictures, held_out, lines = photographs(8), photographs(3), []

    def run(folder: str, steps: int) -> dict[str, torch.Tensor]:
        return train_tone(
            pictures,
            held_out,
            tmp_path / folder,
            Budget(minutes=0, steps=steps),
            report=lines.append,
            **settings,  # type: ignore[arg-type]
        )

    weights = run("one", 80)
    ToneNet(width=8).load_state_dict(weights)
    pool = readings(held_out, crops=9)
    torch.manual_seed(1)
    untrained = measure(ToneNet(width=8), pool)
    network = ToneNet(width=8)
    network.load_state_dict(weights)
    assert measure(network.eval(), pool)["ungated"] > untrained["ungated"] + 0.3
    run("one", 81)
    assert any("going on from step 80" in line for line in lines)
    with pytest.raises(OtherTraining, match="width"):
        train_tone(pictures, held_out, tmp_path / "one", Budget(0, 81), width=4)
