"""Fading and casts: who is corrected, by how much, and what never changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import SEPIA, in_color, landscape, rgb, toned

from models.color.decision import cast_of
from models.contract import BadStageInput, Tone
from models.damage.tone import CERTAIN, UNTOUCHED, ToneCorrector
from models.damage.tone_stretch import Fading


class Sure:
    """Stands in for the network: the same estimate for every picture, and what it was shown."""

    def __init__(self, certainty: float, black: Sequence[float], white: Sequence[float]) -> None:
        self.certainty, self.black, self.white = certainty, tuple(black), tuple(white)
        self.shown: list[NDArray[np.uint8]] = []

    def predict(self, view: NDArray[np.uint8]) -> Fading:
        self.shown.append(view)
        channels = 1 if view.ndim == 2 else 3
        ones = (1.0,) * channels
        return Fading(self.black[:channels], self.white[:channels], ones, self.certainty)


def corrector(certainty: float = 1.0, strength: float = 1.0) -> ToneCorrector:
    net = Sure(certainty, (0.25, 0.15, 0.05), (0.9, 0.8, 0.6))
    return ToneCorrector(strength, net)  # type: ignore[arg-type]


def faded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Low in contrast; in colour, yellow as well."""
    black, white = np.array([0.25, 0.2, 0.15]), np.array([0.85, 0.75, 0.5])
    if picture.ndim == 2:
        black, white = black[1], white[1]
    return np.rint(255 * (black + (white - black) * (picture / 255.0))).astype(np.uint8)


@pytest.mark.parametrize("net", [None, Sure(UNTOUCHED, (0.2,) * 3, (0.8,) * 3)])
@pytest.mark.parametrize(
    ("picture", "tone"),
    [
        (in_color(), "color"),
        (landscape(), "monochrome"),
        (toned(landscape(), *SEPIA), "toned"),
    ],
)
def test_a_sound_picture_is_left_alone(
    picture: NDArray[np.uint8], tone: Tone, net: Sure | None
) -> None:
    if net is None:
        # The painted scene is a little flat; a sound one has black and white.
        picture = picture.copy()
        picture[:20], picture[-20:] = 0, 255
    curves, report = ToneCorrector(1.0, net)(picture, tone)  # type: ignore[arg-type]
    assert curves is None
    assert report.flags == ()
    assert report.applied == 0
    assert report.cast_before == report.cast_after == pytest.approx(cast_of(picture), abs=0.5)


def test_without_a_net_a_faded_picture_gets_its_range_and_loses_its_cast() -> None:
    picture = faded(in_color())
    curves, report = ToneCorrector()(picture, "color")
    assert curves is not None
    corrected = curves.apply((picture / 255).astype(np.float32))
    assert np.ptp(np.percentile(corrected, (1, 99))) > 1.3 * np.ptp(
        np.percentile(picture / 255, (1, 99))
    )
    assert np.hypot(*report.cast_after) < 0.7 * np.hypot(*report.cast_before)
    assert report.flags == ("faded", "color cast")
    measured = cast_of(np.rint(corrected * 255).clip(0, 255).astype(np.uint8))
    assert report.cast_after == pytest.approx(measured, abs=0.5)


def test_the_correction_sets_in_gradually() -> None:
    picture = faded(in_color())
    applied = [
        corrector(certainty)(picture, "color")[1].applied
        for certainty in (UNTOUCHED, UNTOUCHED + 0.03, (UNTOUCHED + CERTAIN) / 2, CERTAIN, 1.0)
    ]
    assert applied[0] == 0 and applied[-2:] == [1, 1]
    assert 0 < applied[1] < 0.1 < applied[2] < 1


def test_strength_scales_the_change() -> None:
    picture = faded(in_color())
    samples = (picture / 255).astype(np.float32)
    full, half = (corrector(strength=strength)(picture, "color")[0] for strength in (1.0, 0.5))
    assert full is not None and half is not None
    assert np.allclose(half.apply(samples), (samples + full.apply(samples)) / 2, atol=1e-5)
    curves, report = corrector(strength=0.0)(picture, "color")
    assert curves is None and report.cast_after == report.cast_before
    assert report.flags == ("faded",)  # seen all the same


@pytest.mark.parametrize("tone", ["monochrome", "toned"])
def test_without_color_only_luminance_is_looked_at_and_moved(tone: Tone) -> None:
    net = Sure(1.0, (0.25, 0.0, 0.5), (0.9, 1.0, 0.6))
    picture = faded(rgb(landscape())) if tone == "toned" else rgb(faded(landscape()))
    curves, report = ToneCorrector(1.0, net)(picture, tone)  # type: ignore[arg-type]
    assert net.shown[0].ndim == 2
    assert curves is not None and len(curves.tables) == 1
    corrected = curves.apply((picture / 255).astype(np.float32))
    if tone == "monochrome":
        assert (corrected == corrected[..., :1]).all()
        assert report.cast_after == pytest.approx((0, 0), abs=0.05)
    else:
        # The hue of the print: what neutralising would take away.
        assert np.hypot(*report.cast_after) > 0.75 * np.hypot(*report.cast_before)
        before, after = (
            np.arctan2(cast[1], cast[0]) for cast in (report.cast_before, report.cast_after)
        )
        assert after == pytest.approx(before, abs=0.15)
    assert "color cast" not in report.flags


def test_yellow_paper_does_not_become_white() -> None:
    paper = np.empty((64, 64, 3), np.uint8)
    paper[:] = (225, 205, 160)
    paper[:24, :24] = (70, 60, 45)
    net = Sure(1.0, (0.15,), (0.8,))
    curves, _ = ToneCorrector(1.0, net)(paper, "toned")  # type: ignore[arg-type]
    assert curves is not None
    light = curves.apply((paper / 255).astype(np.float32))[40, 40]
    assert light.max() > 225 / 255
    assert light[0] - light[2] > 0.9 * (225 - 160) / 255


def test_grey_gets_a_curve_for_grey() -> None:
    picture = faded(landscape())
    curves, report = corrector()(picture, "monochrome")
    assert curves is not None
    assert curves.apply((picture / 255).astype(np.float32)).shape == picture.shape
    assert report.cast_before == report.cast_after == (0, 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 300, 3), (2000, 3)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_extreme_pictures_pass(shape: tuple[int, ...], level: int) -> None:
    tone: Tone = "color" if shape[-1] == 3 and len(shape) == 3 else "monochrome"
    picture = np.full(shape, level, np.uint8)
    curves, report = ToneCorrector()(picture, tone)
    assert 0 <= report.fading <= 1
    if curves is not None:
        assert np.isfinite(curves.apply((picture / 255).astype(np.float32))).all()


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 2), np.uint8), np.zeros((9, 9), np.uint16)])
def test_other_arrays_are_refused(wrong: NDArray[np.generic]) -> None:
    with pytest.raises(BadStageInput):
        ToneCorrector()(wrong, "color")  # type: ignore[arg-type]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strength_out_of_range(strength: float) -> None:
    with pytest.raises(BadStageInput, match="strength"):
        ToneCorrector(strength)
