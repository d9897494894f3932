"""The table of what the colour stage must reach, from readings, the confusion and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.evaluation.color import BASELINES, GREY
from models.evaluation.color_rows import TRUE, ColorRows
from models.evaluation.decision import Confusion
from models.evaluation.tables import Figure, Row, Target, figures, row
from models.evaluation.tone_pictures import COLOR, PRINT

COLORFUL = (45.0, 110.0)
"""Colourfulness as a share of the true pictures', %."""

STEP = 1.0  # 16-bit steps of luminance error
MISSED = 3.0  # % of prints
PEAK = 4.0  # GB of private memory
OURS, PLAIN, STAGE = "ours", "plain", "colour stage"
"""How `bench/color.py` calls what it measures."""

_COLORFUL = {
    "colourfulness of the true": Target("at least", COLORFUL[0]),
    "the same, not too much": Target("at most", COLORFUL[1]),
}
_UNITS = {"CIEDE2000": "", "chroma PSNR": "dB", "seconds": "s"}


def color_rows(on: str, measured: ColorRows) -> list[Row]:
    """Of every network: nearer to the true colours than all baselines, colourful enough and not
    too much; of the baselines the same figures without targets."""
    known = figures(measured.readings)
    networks = [method.name for method in measured.exact]
    targets = {
        "CIEDE2000": Target("at most", min(known[one, "CIEDE2000"].mean for one in BASELINES)),
        "chroma PSNR": Target("at least", max(known[one, "chroma PSNR"].mean for one in BASELINES)),
    }
    rows = [
        row(on, method, measure, figure, unit, targets.get(measure) if told else None)
        for measure, unit in _UNITS.items()
        for (method, name), figure in known.items()
        for told in [method in networks]
        if name == measure and (told or measure in targets)
    ]
    for network in networks:
        told = known[network, "flagged"]
        rows.append(row(on, network, "flagged, better left grey", told, "%", None, 100.0))
        rows += [_honest(on, network, measured, flagged) for flagged in (True, False)]
        figure = _spread(measured.share(network), measured.shares(network))
        for measure, target in _COLORFUL.items():
            rows.append(row(on, network, measure, figure, "%", target, 100.0))
    rows.append(row(on, TRUE, "colourfulness (M3)", known[TRUE, "colourfulness"]))
    return rows


def luminance_rows(on: str, measured: ColorRows) -> list[Row]:
    """The largest error of luminance on 16-bit scans, and what share of the pixels was reduced
    because its colour lay outside sRGB (these are counted in the error too)."""
    known = figures(measured.readings)
    rows = []
    for method in measured.exact:
        worst = max(
            one.value
            for one in measured.readings
            if one.method == method.name and one.measure == "luminance error"
        )
        figure = known[method.name, "luminance error"]
        rows.append(
            Row(
                on,
                method.name,
                "largest luminance error, BT.601 luma",
                worst,
                "steps",
                Target("at most", STEP),
                figure.low,
                figure.high,
                figure.count,
            )
        )
        reduced = known[method.name, "reduced"]
        rows.append(row(on, method.name, "reduced into sRGB", reduced, "%", None, 100.0))
    return rows


def decision_rows(on: str, confusion: Confusion) -> list[Row]:
    """Photographs in colour that would be colourized, prints that would not; made ones apart."""
    rows = []
    for made, title, spoilt, missed in (
        (False, on, Target("at most", 0.0), Target("at most", MISSED)),
        (True, f"{on}, made ones", None, None),
    ):
        for measure, wanted, target in (
            ("in colour, would be colourized", COLOR, spoilt),
            ("prints taken for colour", PRINT, missed),
        ):
            wrong, count = confusion.rate(wanted, made)
            if count:
                share = 100 * wrong / count
                rows.append(Row(title, "decision", measure, share, "%", target, count=count))
    return rows


def cost_rows(costs: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Rows of `bench/color.py`: each case's seconds and peak of memory. A published layout is not
    to be slower, nor larger, than the plain build of the same run; the stage has its limit."""
    plain = {one["on"]: one for one in costs if one["how"] == PLAIN}
    rows = []
    for one in costs:
        seconds = peak = None
        if one["how"] == OURS and (beside := plain.get(one["on"])):
            seconds, peak = (Target("at most", beside[key]) for key in ("wall", "peak"))
        elif one["how"] == STAGE:
            peak = Target("at most", PEAK)
        rows.append(Row(one["on"], one["how"], "time", one["wall"], "s", seconds))
        if "cpu" in one:  # what other processes do not lengthen
            rows.append(Row(one["on"], one["how"], "processor time", one["cpu"], "s"))
        rows.append(Row(one["on"], one["how"], one["memory"], one["peak"], one["unit"], peak))
    return rows


def _honest(on: str, network: str, measured: ColorRows, flagged: bool) -> Row:
    """Whether a flag is right: of the pictures that have one, or have none, the share that is
    nearer to its true colours left grey."""
    nearer, count = measured.greyer(network, GREY, flagged)
    name = f"{'flagged' if flagged else 'not flagged'}: grey is nearer to the true colours"
    share = 100 * nearer / count if count else float("nan")
    return Row(on, network, name, share, "%", count=count)


def _spread(value: float, values: Sequence[float]) -> Figure:
    low, high = np.percentile(values, (5, 95))
    return Figure(value, float(low), float(high), len(values))
