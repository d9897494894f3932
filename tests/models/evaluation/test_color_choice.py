"""Saturation and render factor chosen by rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from color_painter import painter
from painted_scenes import in_color

from models.evaluation.color_choice import MARGIN, Pictures, Tried, chosen, chosen_sepia, tried
from models.evaluation.color_methods import SEPIA, made_grey

SCENES = [in_color(96, 128, seed) for seed in range(3)]
ONE = Tried("net", 20, 1.0, 9.0, 26.0, 0.6, 0.02, 0.1)


def test_the_nearest_of_those_that_are_colorful_enough() -> None:
    pale = replace(ONE, saturation=0.6, ciede=8.0, share=0.46)
    good = replace(ONE, saturation=0.8, ciede=8.5, share=0.52)
    loud = replace(ONE, saturation=2.0, ciede=7.0, share=1.2)
    assert chosen([pale, good, ONE, loud]) == good
    # Where shares vary much between pictures, the margin grows.
    unsure = [replace(one, share_error=0.06) for one in (pale, good, ONE, loud)]
    assert good.share < 0.45 + MARGIN * 0.06 < ONE.share
    assert chosen(unsure).saturation == 1.0


def test_where_none_is_the_one_that_comes_nearest() -> None:
    dull = [replace(ONE, saturation=s, share=s / 10, ciede=9 + s) for s in (0.6, 1.0, 2.0)]
    assert chosen(dull).saturation == 2.0


def test_a_network_that_is_right_is_best_at_its_own_saturation() -> None:
    pictures = Pictures(SCENES)
    found = tried(painter(), pictures, 12, (0.6, 1.0, 1.6))
    assert [one.saturation for one in found] == [0.6, 1.0, 1.6]
    best = min(found, key=lambda one: one.ciede)
    assert best.saturation == 1.0 and 0.8 < best.share < 1.1 and best.psnr > 25
    assert found[0].share < best.share < found[2].share
    assert best.share_error < 0.05 and best.seconds > 0
    weak = tried(painter(strength=0.5), pictures, 12, (0.6, 1.0, 2.0))
    assert weak[2].ciede == pytest.approx(best.ciede, abs=0.05)
    assert "render factor 12" in str(best) and "by size" in str(replace(best, render_factor=0))
    assert best.measured()["share"] == best.share


def test_render_factor_0_leaves_it_to_the_network() -> None:
    seen: list[tuple[int, ...]] = []
    network = painter()
    inner = network.predict

    def noted(luma: np.ndarray) -> np.ndarray:
        seen.append(luma.shape)
        return inner(luma)

    network = replace(network, predict=noted)
    pictures = Pictures([in_color(480, 480)])
    tried(network, pictures, 0, (1.0,))
    assert seen == [(192, 192), (192, 192), (128, 128)]  # 12 is the painter's finest; as the stage
    del seen[:]
    tried(network, pictures, 8, (1.0,))
    assert seen[0] == (128, 128)


def test_the_share_and_its_error() -> None:
    pictures = Pictures(SCENES)
    grey = [np.repeat(made_grey(one)[..., None], 3, axis=2) for one in pictures.true]
    ciede, psnr, share, error = pictures.compared(grey)
    assert ciede > 5 and psnr < 40 and share == 0 and error == 0
    assert pictures.compared(pictures.true)[0] == 0
    mixed = pictures.compared([pictures.true[0], *grey[1:]])
    assert 0.2 < mixed[2] < 0.5 and mixed[3] > 0.2


def test_the_sepia_tint_is_as_strong_as_suits_the_pictures() -> None:
    grey = Pictures([np.repeat(made_grey(one)[..., None], 3, axis=2) for one in SCENES])
    weakest = chosen_sepia("sepia", grey)
    assert weakest.name == "sepia" and weakest.chroma == pytest.approx([0.25 * c for c in SEPIA])
