"""The held-out score of colour: what it rewards, what it does not, and its figures by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_kit import pictures

from models.color.decision import to_lab
from models.color.space import Floats
from models.training.color_measures import HeldOut, drawn, held_out, measure
from models.training.color_sheet import write_sheet
from models.training.request import BadRequest


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(3, 70, 100, seed=9))


def true_ab(validation: HeldOut) -> list[Floats]:
    return [np.ascontiguousarray(to_lab(picture)[..., 1:]) for picture in validation.true]


def test_pictures_are_cut_and_made_grey_by_their_luma(validation: HeldOut) -> None:
    assert [tuple(grey.shape) for grey in validation.grey] == [(1, 1, 64, 96)] * 3
    assert [picture.shape for picture in validation.true] == [(64, 96, 3)] * 3
    first = validation.true[0][0, 0] / 255
    assert float(validation.grey[0][0, 0, 0, 0]) == pytest.approx(
        float(first @ [0.299, 0.587, 0.114]), abs=1e-5
    )
    with pytest.raises(BadRequest, match="20 x 90 pixels is too small"):
        held_out([np.zeros((90, 20, 3), np.uint8)])


def test_true_colours_score_best_grey_worst(validation: HeldOut) -> None:
    true = true_ab(validation)
    best, grey = measure(true, validation), measure([0 * ab for ab in true], validation)
    # L* of a grey is not quite that of a colour of the same luma: hence some distance left.
    assert best["ciede"] < 0.35 * best["grey_ciede"]
    assert best["colourfulness"] == pytest.approx(1.0, abs=0.15)
    assert grey["colourfulness"] == pytest.approx(0, abs=0.01)
    for name in ("ciede", "matched_ciede"):
        assert grey[name] == pytest.approx(grey["grey_ciede"], abs=0.01)
    assert grey["chroma_psnr"] == pytest.approx(grey["grey_psnr"])
    assert grey["score"] < 0 < best["score"]


def test_timid_colours_are_compared_at_the_same_saturation(validation: HeldOut) -> None:
    true = true_ab(validation)
    bold, timid = measure(true, validation), measure([0.4 * ab for ab in true], validation)
    assert timid["colourfulness"] < 0.6 < bold["colourfulness"]
    assert timid["matching"] > 1 > bold["matching"]
    assert timid["score"] == pytest.approx(bold["score"], rel=0.12)


def test_wrong_hues_score_below_none(validation: HeldOut) -> None:
    turned = [np.ascontiguousarray(-ab) for ab in true_ab(validation)]
    wrong, true = measure(turned, validation), measure(true_ab(validation), validation)
    assert wrong["matched_ciede"] > wrong["grey_ciede"]
    assert wrong["score"] < -1 < true["score"]
    # One tint for all is no palette, even where its hue is right on average.
    tint = measure([0 * ab + ab.mean((0, 1)) for ab in true_ab(validation)], validation)
    assert tint["palette"] > 1.3 * true["palette"]
    assert tint["score"] < true["score"]


class _Reddens(nn.Module):
    def forward(self, grey: Tensor) -> Tensor:
        return torch.cat([40 * grey, 0 * grey], dim=1)


def test_a_network_answers_and_its_answers_are_shown(validation: HeldOut, tmp_path: Path) -> None:
    answers = drawn(_Reddens(), validation, torch.device("cpu"))
    assert [ab.shape for ab in answers] == [(64, 96, 2)] * 3
    assert np.allclose(answers[1][..., 0], 40 * validation.grey[1][0, 0].numpy())
    write_sheet(tmp_path / "sheet.png", answers, validation)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape == (160, 4 * 3 * 160, 3)
    grey, made = sheet[40:100, 20:140], sheet[40:100, 180:300]
    assert np.ptp(grey.astype(int), axis=2).max() == 0
    assert (made[..., 2].astype(int) >= made[..., 0]).all() and np.ptp(made, axis=2).max() > 20
    assert list(tmp_path.iterdir()) == [tmp_path / "sheet.png"]
