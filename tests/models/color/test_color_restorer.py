"""The colour stage: what it colourizes, what it leaves alone, and what it says of both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from painted_scenes import SEPIA, in_color, landscape, rgb, sixteen, toned
from stage_runs import laid, page, plain_hints
from tiny_colors import by_level, colorizer, embed_tiny, stage, without_embedded

from models.color.choices import CHOICES, DECISION_REVISION
from models.color.restorer import ColorRestorer
from models.contract import BadStageInput, Box, Face, Hints, Rectangle, Samples, StageInput
from models.registry import build_stage, describe
from models.weights import WeightsMissing

Floats = NDArray[np.float32]
WEIGHTS = np.array((0.299, 0.587, 0.114))


def unwanted(_framed: Floats) -> Floats:
    raise AssertionError("the network ran")


def luma(pixels: Samples) -> NDArray[np.float64]:
    return pixels @ WEIGHTS if pixels.ndim == 3 else pixels.astype(np.float64)


@pytest.mark.parametrize(
    ("colorize", "pixels", "reason"),
    [
        ("auto", in_color(), "already in color"),
        ("auto", landscape(), "not colourized: no weights"),
        ("auto", toned(landscape(), *SEPIA), "not colourized: no weights"),
        ("always", in_color(), "not colourized: no weights"),
        ("never", in_color(), "switched off"),
        ("never", landscape(), "switched off"),
    ],
)
def test_the_reason_is_honest_without_weights(
    monkeypatch: pytest.MonkeyPatch, colorize: Any, pixels: Samples, reason: str
) -> None:
    without_embedded(monkeypatch)
    restorer = ColorRestorer(colorize)
    assert (restorer.revision, restorer.weights) == (DECISION_REVISION, {})
    (result,) = restorer([page(pixels)])
    assert result.metrics["colorize_reason"] == reason
    assert result.metrics["colorized"] is False
    assert result.rectangles == () and result.mask is None and result.flags == ()
    assert isinstance(json.loads(result.metrics["tone_measures"]), dict)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        pytest.param(landscape(), "monochrome", id="grey"),
        pytest.param(sixteen(landscape()), "monochrome", id="grey, 16 bits"),
        pytest.param(sixteen(rgb(landscape())), "monochrome", id="grey in RGB, 16 bits"),
        pytest.param(toned(landscape(), *SEPIA), "toned", id="sepia"),
    ],
)
def test_what_is_grey_or_toned_is_colourized(pixels: Samples, reason: str) -> None:
    item = page(pixels)
    (result,) = stage()([item])
    metrics = result.metrics
    assert (metrics["colorized"], metrics["colorize_reason"]) == (True, reason)
    assert metrics["render_factor"] == 12
    assert metrics["colorfulness_colorized"] > 6 > metrics["color_doubt"] >= 0
    assert metrics["chroma_colorized"] > 3 and 0 <= metrics["color_clipped"] < 0.5
    assert metrics["color_uncertain"] < 0.2 and metrics["color_skin"] is None
    made = laid(replace(item, pixels=rgb(pixels) if pixels.ndim == 2 else pixels), result)
    assert made.shape == (*pixels.shape[:2], 3) and made.dtype == pixels.dtype
    area = item.hints.photograph
    inside = np.s_[area.top : area.bottom, area.left : area.right]
    assert np.abs(luma(made) - luma(pixels))[inside].max() < 0.35
    assert np.ptp(made[inside].astype(int), axis=2).max() > 0.02 * np.iinfo(pixels.dtype).max


def test_what_is_in_colour_is_never_touched_unasked() -> None:
    restorer = ColorRestorer(model=colorizer(unwanted))
    (result,) = restorer([page(in_color())])
    assert result.metrics["colorize_reason"] == "already in color"
    assert result.rectangles == ()
    (asked,) = stage(colorize="always")([page(in_color())])
    assert asked.metrics["colorize_reason"] == "asked for" and asked.rectangles


def test_the_scan_itself_has_the_last_word() -> None:
    grey = page(landscape())
    (result,) = stage()([replace(grey, options={"colorize": "never"})])
    assert result.metrics["colorize_reason"] == "switched off" and not result.rectangles
    switched_off = stage(colorize="never")
    assert (switched_off.revision, switched_off.weights) == (DECISION_REVISION, {})
    for wish in ("auto", "always"):
        (result,) = switched_off([replace(grey, options={"colorize": wish})])
        assert result.metrics["colorized"] is True
    with pytest.raises(BadStageInput, match="colorize"):
        switched_off([replace(grey, options={"colorize": "sometimes"})])


def drawing() -> NDArray[np.uint8]:
    """A bilevel scan of writing."""
    paper = np.full((300, 400), 255, np.uint8)
    cv2.putText(paper, "No. 14", (20, 160), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 4)
    return paper


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        pytest.param(landscape(8, 8), "too small", id="8 x 8"),
        pytest.param(np.zeros((200, 300), np.uint16), "blank", id="all black"),
        pytest.param(np.full((200, 300, 3), 255, np.uint8), "blank", id="all white"),
        pytest.param(drawing(), "line art", id="1-bit line art"),
        pytest.param(landscape(1, 400), "too small", id="a line of pixels"),
    ],
)
@pytest.mark.parametrize("colorize", ["auto", "always"])
def test_what_is_no_photograph_stays_as_it_is(colorize: Any, pixels: Samples, problem: str) -> None:
    (result,) = ColorRestorer(colorize, colorizer(unwanted))([page(pixels)])
    assert result.metrics["colorize_reason"] == f"not colourized: {problem}"
    assert result.rectangles == ()


@pytest.mark.parametrize("shape", [(120, 480), (480, 120), (64, 64), (40, 600)])
def test_panoramas_are_padded_and_not_squeezed(shape: tuple[int, int]) -> None:
    seen: list[tuple[int, ...]] = []

    def watching(framed: Floats) -> Floats:
        seen.append(framed.shape)
        return by_level(framed)

    pixels = landscape(*shape)
    item = StageInput(pixels, plain_hints(pixels))
    (result,) = ColorRestorer(model=colorizer(watching))([item])
    assert len(seen) == 3 and all(side % 32 == 0 for one in seen for side in one)
    assert (seen[0][1] > seen[0][0]) == (shape[1] > shape[0])
    # Light is blue and dark is red wherever it lies: no tint comes from the shape.
    made = laid(replace(item, pixels=rgb(pixels)), result).astype(int)
    light, dark = pixels > 180, pixels < 90
    assert (made[light][:, 2] > made[light][:, 0]).mean() > 0.9
    assert (made[dark][:, 0] > made[dark][:, 2]).mean() > 0.9


def test_a_colour_target_beside_the_photograph_stays_as_it_is() -> None:
    sheet = np.full((400, 700, 3), 245, np.uint8)
    sheet[40:360, 30:450] = rgb(landscape(320, 420))
    for number, color in enumerate([(200, 30, 30), (30, 160, 40), (40, 50, 190), (230, 200, 20)]):
        sheet[40 + 80 * number : 110 + 80 * number, 520:640] = color
    area = Box(30, 40, 450, 360)
    item = StageInput(sheet, Hints(area, "monochrome", {}, ()))
    (result,) = stage(keep_uncertainty=True)([item])
    made = laid(item, result)
    outside = np.ones(sheet.shape[:2], bool)
    outside[area.top : area.bottom, area.left : area.right] = False
    assert np.array_equal(made[outside], sheet[outside])
    assert (made[~outside] != sheet[~outside]).any(axis=1).mean() > 0.5
    assert result.metrics["cast_before"] == pytest.approx([0, 0], abs=0.1)  # of the photograph
    assert result.mask is not None and not result.mask[outside].any()


def test_render_factor_and_saturation() -> None:
    item = page(landscape())
    made = {
        words: stage(render_factor=words[0], saturation=words[1])([item])[0]
        for words in (("auto", None), ("auto", 2.0), ("auto", 0.0), (6, 1.0))
    }
    plain, lively, none, coarse = made.values()
    assert (plain.metrics["render_factor"], coarse.metrics["render_factor"]) == (12, 6)
    assert lively.metrics["chroma_colorized"] > 1.3 * plain.metrics["chroma_colorized"]
    assert none.metrics["chroma_colorized"] < 0.5
    assert none.flags == ("better left grey: hardly any colour",) and none.rectangles
    finer = ColorRestorer(model=colorizer(finest=20))([item])[0]
    assert finer.metrics["render_factor"] == 20
    small = ColorRestorer(model=colorizer(finest=35))([page(landscape(224, 224))])[0]
    assert small.metrics["render_factor"] == 14  # not finer than the scan


def test_where_memory_does_not_suffice_it_is_drawn_more_coarsely_and_said() -> None:
    def short_of_memory(most: int) -> Any:
        def predict(framed: Floats) -> Floats:
            if framed.size > most:
                raise torch.OutOfMemoryError("CUDA out of memory (simulated)")
            return by_level(framed)

        return predict

    item = page(landscape())
    (whole,) = ColorRestorer(model=colorizer(short_of_memory(1 << 20)), render_factor=24)([item])
    assert (whole.metrics["render_factor"], whole.flags) == (24, ())
    small = colorizer(short_of_memory(256 * 256))
    (result,) = ColorRestorer(model=small, render_factor=24)([item])
    assert result.metrics["render_factor"] == 12
    assert result.flags == ("colorized more coarsely: too little memory",)
    with pytest.raises(torch.OutOfMemoryError):
        ColorRestorer(model=colorizer(short_of_memory(100)), render_factor=24)([item])


def test_the_colours_are_the_mean_of_predictions_where_the_model_says_so() -> None:
    def by_side(framed: Floats) -> Floats:
        ramp = np.linspace(-0.1, 0.1, framed.shape[1], dtype=np.float32)
        return np.stack([np.broadcast_to(ramp, framed.shape)] * 2, axis=-1)

    item = page(landscape())
    one, mean = colorizer(by_side), colorizer(by_side)
    mean.choice = replace(mean.choice, averaged=True)
    first, averaged = (ColorRestorer(model=made)([item])[0] for made in (one, mean))
    # The mirrored prediction takes back what the others say.
    vivid, pale = (made.metrics["chroma_colorized"] for made in (first, averaged))
    assert pale == pytest.approx(vivid / 3, rel=0.1)


def test_what_cannot_be_trusted_is_flagged_and_made_all_the_same() -> None:
    def by_place(framed: Floats) -> Floats:
        """Colours by side: the mirrored picture disagrees."""
        ramp = np.linspace(-0.2, 0.2, framed.shape[1], dtype=np.float32)
        return np.stack([np.broadcast_to(ramp, framed.shape)] * 2, axis=-1)

    item = page(landscape())
    (result,) = ColorRestorer(model=colorizer(by_place), keep_uncertainty=True)([item])
    assert "better left grey: colours differ between predictions" in result.flags
    assert result.metrics["colorized"] and result.metrics["color_uncertain"] > 0.3
    mask = result.mask
    assert mask is not None and (mask.shape, mask.dtype) == ((480, 640), np.uint8)
    assert mask[:, :60].mean() > mask[:, 300:340].mean() + 30
    assert stage()([item])[0].mask is None

    def sepia(framed: Floats) -> Floats:
        return np.broadcast_to(np.float32((-0.05, 0.035)), (*framed.shape, 2))

    (result,) = ColorRestorer(model=colorizer(sepia))([item])
    assert result.flags == ("better left grey: one tint instead of colours",)


def test_faces_without_the_colour_of_skin_are_flagged() -> None:
    pixels = landscape()
    faces = (Face(Box(200, 150, 320, 270), 1.0), Face(Box(-40, -90, -5, -50), 0.2))
    item = StageInput(pixels, plain_hints(pixels, faces))

    def tinted(blue: float, red: float) -> Any:
        def predict(framed: Floats) -> Floats:
            tint = np.float32((blue, red)) * np.linspace(0.5, 1.5, framed.shape[1])[None, :, None]
            return np.broadcast_to(tint, (*framed.shape, 2)).astype(np.float32)

        return predict

    (green,) = ColorRestorer(model=colorizer(tinted(-0.1, -0.1)))([item])
    assert "better left grey: a face without the colour of skin" in green.flags
    assert green.metrics["color_skin"] < 0.3
    (skin,) = ColorRestorer(model=colorizer(tinted(-0.06, 0.07)))([item])
    assert skin.metrics["color_skin"] > 0.7


def test_what_is_colourized_is_the_restored_picture() -> None:
    pixels = landscape()
    patch = np.full((60, 80), 222, np.uint8)
    change = Rectangle(100, 200, patch, np.ones(patch.shape, bool))
    item = page(pixels, (change,))
    (result,) = stage()([item])
    made = np.concatenate([one.pixels for one in result.rectangles])
    area = item.hints.photograph
    seen = luma(made)[105 - area.top : 155 - area.top, 205 - area.left : 275 - area.left]
    assert np.abs(seen - 222).max() < 0.35


def test_the_cast_after_is_of_the_changed_picture() -> None:
    pixels = rgb(landscape())
    yellow = np.empty_like(pixels[:240])
    yellow[:] = (220, 200, 90)
    change = Rectangle(0, 0, yellow, np.ones(yellow.shape[:2], bool))
    (result,) = ColorRestorer("never")([page(pixels, (change,))])
    assert result.metrics["cast_before"] == pytest.approx([0, 0], abs=0.05)
    assert result.metrics["cast_after"][1] > 15


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"colorize": "sometimes"}, "colorize"),
        ({"model": "prettiest"}, "no colour model"),
        ({"threads": 0}, "threads"),
        ({"render_factor": 3}, "render_factor"),
        ({"render_factor": 100}, "render_factor"),
        ({"saturation": -0.1}, "saturation"),
        ({"saturation": 2.5}, "saturation"),
    ],
)
def test_options_out_of_range(words: dict[str, Any], said: str) -> None:
    with pytest.raises(BadStageInput, match=said):
        ColorRestorer(**words)


def test_embedded_weights_make_auto_colourize(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_embedded(monkeypatch)
    assert describe("color") == (DECISION_REVISION, {})
    with pytest.raises(WeightsMissing, match="color_generator"):
        describe("color", model="lite")
    sha256 = embed_tiny(monkeypatch, tmp_path)
    told = (CHOICES["lite"].revision, {"color_generator": sha256})
    assert describe("color") == describe("color", model="lite") == told
    assert describe("color", colorize="never") == (DECISION_REVISION, {})
    restorer = build_stage("color", device="cpu", render_factor=4)
    assert (restorer.revision, dict(restorer.weights)) == told
    (result,) = restorer([page(landscape())])
    assert result.metrics["colorized"] is True
    # An untrained network leaves a picture grey, and the flag says so.
    assert result.flags == ("better left grey: hardly any colour",)
