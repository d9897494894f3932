import json
from dataclasses import replace

import numpy as np
import pytest
from painted_scenes import SEPIA, in_color, landscape, rgb, toned
from stage_runs import page

from models.color.restorer import ColorDecision
from models.contract import BadStageInput, Rectangle


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
def test_the_reason_is_honest(colorize: str, pixels: np.ndarray, reason: str) -> None:
    (result,) = ColorDecision(colorize)([page(pixels)])  # type: ignore[arg-type]
    assert result.metrics["colorize_reason"] == reason
    assert result.metrics["colorized"] is False
    assert result.rectangles == ()
    assert result.mask is None
    assert isinstance(json.loads(result.metrics["tone_measures"]), dict)


def test_the_scan_itself_has_the_last_word() -> None:
    item = replace(page(landscape()), options={"colorize": "never"})
    (result,) = ColorDecision("auto")([item])
    assert result.metrics["colorize_reason"] == "switched off"


def test_the_cast_after_is_of_the_changed_picture() -> None:
    pixels = rgb(landscape())
    yellow = np.empty_like(pixels[:240])
    yellow[:] = (220, 200, 90)
    change = Rectangle(0, 0, yellow, np.ones(yellow.shape[:2], bool))
    (result,) = ColorDecision()([page(pixels, (change,))])
    assert result.metrics["cast_before"] == pytest.approx([0, 0], abs=0.05)
    assert result.metrics["cast_after"][1] > 15


def test_unknown_option() -> None:
    with pytest.raises(BadStageInput, match="colorize"):
        ColorDecision("sometimes")  # type: ignore[arg-type]
