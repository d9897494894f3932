"""The colour stage: what is in colour stays as it is, and the rest is decided and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from models.color.decision import cast_of, colorfulness
from models.contract import BadStageInput, Box, Samples, StageInput, StageResult
from models.pixels import check_input, reduced, reduced_current

Colorize = Literal["auto", "always", "never"]

REVISION = "decision/2"
BYTES_PER_PIXEL = 1.0  # a reduced copy and a strip at a time

_LONG_EDGE = 1024


class ColorDecision:
    """A stage that measures colour and says what would be colourized; pixels are untouched.

    `colorize`: `auto` colourizes what is monochrome or toned, `always` everything, `never`
    nothing. Without weights nothing is colourized and `colorize_reason` says so.
    """

    revision = REVISION
    bytes_per_pixel = BYTES_PER_PIXEL

    def __init__(self, colorize: Colorize = "auto") -> None:
        """`BadStageInput` is raised for another `colorize`."""
        if colorize not in get_args(Colorize):
            raise BadStageInput(f"colorize must be auto, always or never, not {colorize!r}")
        self.colorize = colorize
        self.weights: Mapping[str, str] = {}

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """Metrics only; `BadStageInput` where pixels and hints do not fit together."""
        return [self._measure(item) for item in batch]

    def _measure(self, item: StageInput) -> StageResult:
        check_input(item)
        hints = item.hints
        before = _area(reduced(item.pixels, _LONG_EDGE), item)
        after = _area(reduced_current(item, _LONG_EDGE), item) if item.changes else before
        metrics: dict[str, Any] = {
            "colorfulness": colorfulness(before),
            "cast_before": list(cast_of(before)),
            "cast_after": list(cast_of(after)),
            "tone_measures": json.dumps(
                {name: round(float(value), 4) for name, value in hints.tone_measures.items()},
                sort_keys=True,
            ),
            "colorized": False,
            "colorize_reason": self._reason(item),
        }
        return StageResult(metrics=metrics)

    def _reason(self, item: StageInput) -> str:
        colorize = item.options.get("colorize", self.colorize)
        if colorize == "never":
            return "switched off"
        if colorize == "auto" and item.hints.tone == "color":
            return "already in color"
        return "not colourized: no weights"


def _area(copy: Samples, item: StageInput) -> Samples:
    """The photograph area of a reduced copy: mounts and rulers never steer the measurements."""
    box = scaled(item.hints.photograph, item.pixels, copy)
    return copy[box.top : box.bottom, box.left : box.right]


def scaled(box: Box, pixels: Samples, copy: Samples) -> Box:
    """`box` of the whole scan in pixels of its reduced copy, at least one pixel each way."""
    across = copy.shape[1] / pixels.shape[1]
    down = copy.shape[0] / pixels.shape[0]
    left = min(int(box.left * across), copy.shape[1] - 1)
    top = min(int(box.top * down), copy.shape[0] - 1)
    return Box(
        left,
        top,
        max(left + 1, min(copy.shape[1], round(box.right * across))),
        max(top + 1, min(copy.shape[0], round(box.bottom * down))),
    )
