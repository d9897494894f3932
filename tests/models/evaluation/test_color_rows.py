"""Photographs made grey and coloured again: figures that are known, and the table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from painted_scenes import in_color

from models.contract import Samples
from models.evaluation.color import BASELINES
from models.evaluation.color_methods import Drawn, Tint
from models.evaluation.color_rows import TRUE, ColorRows, luminance_error, mean_chroma
from models.evaluation.color_tables import (
    color_rows,
    cost_rows,
    decision_rows,
    luminance_rows,
)
from models.evaluation.decision import Confusion
from models.evaluation.tables import figures

SCENES = {f"{seed}.png": in_color(64, 96, seed) for seed in range(3)}


@dataclass
class Oracle:
    """Knows the picture: 8-bit scans come back in `strength` of their true colours, 16-bit ones
    grey, one sample `wrong` steps too light."""

    strength: float = 1.0
    wrong: int = 0
    name: str = "oracle"

    def __call__(self, grey: Samples) -> Drawn:
        plain = np.repeat(grey[..., None], 3, axis=2)
        if grey.dtype == np.uint16:
            plain[0, 0] += np.uint16(self.wrong)
            return Drawn(plain, 0.25)
        (true,) = [
            one for one in SCENES.values() if np.abs(one @ (0.299, 0.587, 0.114) - grey).max() < 1
        ]
        mixed = plain + self.strength * (true.astype(float) - plain)
        return Drawn(np.clip(np.rint(mixed), 0, 255).astype(np.uint8), 0.0, ("look",))


def measured(oracle: Oracle) -> ColorRows:
    tints = [Tint(name, (0.0, 0.01 * n)) for n, name in enumerate(BASELINES)]
    rows = ColorRows([*tints, oracle], [oracle])
    for name, scene in SCENES.items():
        pictures = rows.measure(name, scene)
        assert list(pictures) == [*BASELINES, "oracle", TRUE]
    return rows


def test_true_colors_have_no_distance_and_grey_has() -> None:
    rows = measured(Oracle())
    known = figures(rows.readings)
    assert known["oracle", "CIEDE2000"].mean == 0 and known["oracle", "CIEDE2000"].count == 3
    assert known["oracle", "chroma PSNR"].mean == 100
    assert known["left grey", "CIEDE2000"].mean > 5
    assert rows.share("oracle") == 1 and rows.shares("oracle") == [1, 1, 1]
    assert rows.share("left grey") == 0


def test_a_flag_is_held_against_what_grey_would_have_been() -> None:
    rows = measured(Oracle(strength=-1.0))  # flags everything, and draws the opposite colours
    assert rows.greyer("oracle", "left grey", True) == (3, 3)
    assert rows.greyer("oracle", "left grey", False) == (0, 0)
    by = {one.measure: one for one in color_rows("made grey", rows) if one.method == "oracle"}
    assert by["flagged: grey is nearer to the true colours"].value == 100
    assert math.isnan(by["not flagged: grey is nearer to the true colours"].value)
    assert measured(Oracle()).greyer("oracle", "left grey", True) == (0, 3)


def test_the_table_asks_for_what_was_promised() -> None:
    rows = color_rows("made grey", measured(Oracle(strength=0.7)))
    by = {(one.method, one.measure): one for one in rows}
    ciede = by["oracle", "CIEDE2000"]
    assert ciede.met and ciede.target
    least = min(by[name, "CIEDE2000"].value for name in BASELINES)
    assert ciede.target.value == pytest.approx(least)
    most = max(by[name, "chroma PSNR"].value for name in BASELINES)
    psnr = by["oracle", "chroma PSNR"].target
    assert psnr and psnr.value == pytest.approx(most)
    share = by["oracle", "colourfulness of the true"]
    assert share.value == pytest.approx(70, abs=3) and share.met
    assert by["oracle", "the same, not too much"].met
    assert by["oracle", "flagged, better left grey"].value == 100
    assert by[TRUE, "colourfulness (M3)"].value > 20
    assert all(by[name, "CIEDE2000"].met is None for name in BASELINES)


@pytest.mark.parametrize(("strength", "low", "high"), [(0.3, False, True), (1.4, True, False)])
def test_too_pale_and_too_loud_are_said(strength: float, low: bool, high: bool) -> None:
    rows = color_rows("made grey", measured(Oracle(strength)))
    by = {(one.method, one.measure): one for one in rows}
    assert by["oracle", "colourfulness of the true"].met is low
    assert by["oracle", "the same, not too much"].met is high


@pytest.mark.parametrize(("wrong", "met"), [(0, True), (3, False)])
def test_one_wrong_sample_of_16_bits_is_found(wrong: int, met: bool) -> None:
    error, reduced = luminance_rows("16 bit", measured(Oracle(wrong=wrong)))
    assert error.value == pytest.approx(wrong, abs=1e-6) and error.met is met
    assert error.count == 3
    assert reduced.value == 25 and reduced.met is None


def test_luminance_error_is_in_steps() -> None:
    grey = np.full((3, 5), 30000, np.uint16)
    made = np.repeat(grey[..., None], 3, axis=2)
    made[2, 4, 1] += 2
    assert luminance_error(made, grey) == pytest.approx(2 * 0.587)


def test_mean_chroma_weighs_photographs_alike() -> None:
    red = np.zeros((10, 10, 3), np.uint8)
    red[..., 0] = 255
    grey = np.full((100, 100, 3), 90, np.uint8)
    blue_part, red_part = mean_chroma([red, grey])
    assert red_part == pytest.approx(0.25, abs=1e-3)
    assert blue_part == pytest.approx(-0.299 / 1.772 / 2, abs=1e-3)


def test_decision_rows_keep_made_pictures_apart() -> None:
    confusion = Confusion()
    confusion.add("a", "colour", False, "color")
    confusion.add("b", "print", False, "color")
    confusion.add("c", "sepia", True, "color")
    rows = decision_rows("labelled", confusion)
    assert [(one.value, one.met, one.count) for one in rows] == [
        (0, True, 1),
        (100, False, 1),
        (100, None, 1),
    ]
    assert rows[2].on == "labelled, made ones"


def test_costs_are_held_against_the_plain_build_of_the_run() -> None:
    def cost(on: str, how: str, wall: float, peak: float, unit: str = "GiB") -> dict[str, object]:
        return {
            "on": on,
            "how": how,
            "wall": wall,
            "peak": peak,
            "memory": "peak memory",
            "unit": unit,
        }

    rows = cost_rows(
        [
            cost("stable", "ours", 5.0, 2.0) | {"cpu": 9.5},
            cost("stable", "plain", 6.0, 1.5),
            cost("scan", "colour stage", 9.0, 3.5, "GB"),
        ]
    )
    met = {(one.on, one.method, one.measure): one.met for one in rows}
    assert met == {
        ("stable", "ours", "time"): True,
        ("stable", "ours", "processor time"): None,
        ("stable", "ours", "peak memory"): False,
        ("stable", "plain", "time"): None,
        ("stable", "plain", "peak memory"): None,
        ("scan", "colour stage", "time"): None,
        ("scan", "colour stage", "peak memory"): True,
    }
