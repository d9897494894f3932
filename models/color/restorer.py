"""The colour stage: what is in colour stays as it is, what is grey or toned is colourized.

Whatever is done, colour is measured, and the row says what was done, or why not. A colourized
picture is a derivative beside the restored one; where its colours cannot be trusted it carries a
flag, so that a curator can leave it out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import cv2

from models.color.choices import (
    DECISION_REVISION,
    RENDER_FACTORS,
    SATURATIONS,
    Colorize,
    resolved,
    wish,
)
from models.color.decision import cast_of, colorfulness
from models.color.fitness import unfit
from models.contract import BadStageInput, Box, Samples, StageInput, StageResult
from models.pixels import check_input, reduced, reduced_current

if TYPE_CHECKING:
    from models.color.colorizer import Colorizer, Painting

BYTES_PER_PIXEL: Mapping[bool, float] = {False: 1.0, True: 9.0}
"""Private bytes per pixel of a large scan, without and with a network: a reduced copy and a strip
at a time, and 16-bit RGB rectangles with their masks. Strips and working copies take 0.4 GB more,
whatever the scan's size; the network its own."""

SWITCHED_OFF = "switched off"
IN_COLOR = "already in color"
NO_WEIGHTS = "not colourized: no weights"
ASKED_FOR = "asked for"
BETTER_GREY = "better left grey"
COARSER = "colorized more coarsely: too little memory"

_LONG_EDGE = 1024


class ColorRestorer:
    """Measures colour and colourizes.

    `colorize` is what is done where a scan's own option does not say otherwise: `auto`
    colourizes what is monochrome or toned, `always` everything, `never` nothing. `model` is a
    name of `models.color.choices` or a colorizer that is loaded already; as long as no weights
    are embedded, `auto` measures alone, and `colorize_reason` says so. `render_factor` (16
    pixels of a square's side each, 4 to 64) is how finely the network draws, `auto` by the
    scan's size; `saturation` (0 to 2) multiplies its chroma, None is the model's own.
    `keep_uncertainty` gives the spread of predictions as the result's `mask`: HxW uint8, eight
    levels to a unit of CIELAB. `device` as `models.device.pick_device` understands it; `threads`
    is what torch and OpenCV may use on the CPU.

    The network is loaded at once where something may be colourized, else when the first scan
    asks for it. Raises `BadStageInput` for options out of range, `WeightsError` for weights that
    are missing or altered, `BadDevice`.
    """

    def __init__(
        self,
        colorize: Colorize = "auto",
        model: str | Colorizer = "auto",
        device: str = "auto",
        threads: int = 1,
        render_factor: int | Literal["auto"] = "auto",
        saturation: float | None = None,
        keep_uncertainty: bool = False,
    ) -> None:
        self.colorize = wish(colorize)
        if threads < 1:
            raise BadStageInput(f"threads={threads} is too small")
        self.threads, self.keep_uncertainty = threads, keep_uncertainty
        self.render_factor = None if render_factor == "auto" else render_factor
        self.saturation = saturation
        for name, value, (least, most) in (
            ("render_factor", self.render_factor, RENDER_FACTORS),
            ("saturation", saturation, SATURATIONS),
        ):
            if value is not None and not least <= value <= most:
                raise BadStageInput(f"{name} must lie between {least} and {most}, not {value}")
        self._device = device
        self._name = resolved(model) if isinstance(model, str) else None
        self._loaded: Colorizer | None = None if isinstance(model, str) else model
        self.revision = DECISION_REVISION
        self.weights: Mapping[str, str] = {}
        loaded = None if colorize == "never" else self._colorizer
        if loaded is not None:
            self.revision, self.weights = loaded.choice.revision, loaded.weights
        self.bytes_per_pixel = BYTES_PER_PIXEL[loaded is not None]

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """One result for each input, in order: RGB rectangles over the photograph area where it
        was colourized, also of a grey scan. `BadStageInput` where pixels and hints do not fit,
        `BadNetworkOutput` where the network answers with NaN."""
        cv2.setNumThreads(self.threads)
        return [self._one(item) for item in batch]

    @property
    def _colorizer(self) -> Colorizer | None:
        if self._loaded is None and self._name is not None:
            from models.color.colorizer import load_colorizer

            self._loaded = load_colorizer(self._name, self._device)
        return self._loaded

    def _one(self, item: StageInput) -> StageResult:
        check_input(item)
        metrics = _measured(item)
        reason = self._why_not(item)
        if reason is not None:
            return StageResult(metrics=metrics | {"colorized": False, "colorize_reason": reason})
        made = self._painted(item)
        area, judgement = item.hints.photograph, made.judgement
        metrics |= {
            "colorized": True,
            "colorize_reason": ASKED_FOR if item.hints.tone == "color" else item.hints.tone,
            "colorfulness_colorized": judgement.colorfulness,
            "chroma_colorized": judgement.saturation,
            "color_doubt": judgement.doubt,
            "color_uncertain": judgement.uncertain,
            "color_clipped": made.clipping.share,
            "color_skin": min((s for s in judgement.skin if not math.isnan(s)), default=None),
            "render_factor": made.render_factor,
        }
        mask = None
        if self.keep_uncertainty:
            from models.color.colorizer import over_scan

            mask = over_scan(made.spread, area, *item.pixels.shape[:2])
        flags = tuple(f"{BETTER_GREY}: {flag}" for flag in judgement.flags)
        flags += (COARSER,) if made.coarser else ()
        return StageResult(made.rectangles, metrics, flags, mask)

    def _why_not(self, item: StageInput) -> str | None:
        """Why a scan is not colourized; None where it is."""
        asked = wish(item.options.get("colorize", self.colorize))
        if asked == "never":
            return SWITCHED_OFF
        if asked == "auto" and item.hints.tone == "color":
            return IN_COLOR
        if self._colorizer is None:
            return NO_WEIGHTS
        problem = unfit(item.crop, item.hints.photograph)
        return f"not colourized: {problem}" if problem else None

    def _painted(self, item: StageInput) -> Painting:
        import torch  # where nothing is colourized, nothing needs it

        torch.set_num_threads(self.threads)
        colorizer = self._colorizer
        assert colorizer is not None  # or there was a reason not to
        faces = [face.box for face in item.hints.faces]
        return colorizer(
            item.crop, item.hints.photograph, faces, self.render_factor, self.saturation
        )


def _measured(item: StageInput) -> dict[str, Any]:
    """What the manifest says of the colour of the scan, and of the restored picture."""
    before = _area(reduced(item.pixels, _LONG_EDGE), item)
    after = _area(reduced_current(item, _LONG_EDGE), item) if item.changes else before
    measures = item.hints.tone_measures
    return {
        "colorfulness": colorfulness(before),
        "cast_before": list(cast_of(before)),
        "cast_after": list(cast_of(after)),
        "tone_measures": json.dumps(
            {name: round(float(value), 4) for name, value in measures.items()}, sort_keys=True
        ),
    }


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
