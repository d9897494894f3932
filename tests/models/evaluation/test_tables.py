"""Figures, targets, and the same rows as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest

from models.evaluation.damage import Reading
from models.evaluation.tables import (
    Row,
    Target,
    as_csv,
    as_json,
    figures,
    markdown,
    readings_csv,
    row,
)

READINGS = [Reading(f"p{n}", "direct", "PSNR", float(n)) for n in range(21)]


def test_a_figure_is_a_mean_with_its_worst_cases() -> None:
    (figure,) = figures([*READINGS, Reading("p", "direct", "PSNR", math.nan)]).values()
    assert (figure.mean, figure.low, figure.high, figure.count) == (10, 1, 19, 21)


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("at least", 3), 3.0, True),
        (Target("at least", 3), 2.99, False),
        (Target("at most", 0.5), 0.5, True),
        (Target("at most", 0.5), 0.6, False),
        (Target("at least", 3), math.nan, False),
        (Target("at most", 3), math.nan, False),
    ],
)
def test_targets(target: Target, value: float, met: bool) -> None:
    assert Row("on", "m", "x", value, target=target).met is met


def test_the_same_rows_in_three_forms() -> None:
    figure = figures(READINGS)["direct", "PSNR"]
    rows = [
        row("photographs", "direct", "PSNR", figure, "dB", Target("at least", 11)),
        row("faces", "direct", "touched", figure, "%", Target("at most", 2000), factor=100),
        Row("faces", "direct", "missing", math.nan),
    ]
    text = markdown(rows).splitlines()
    assert text[2] == (
        "| photographs | direct | PSNR | 10.00 dB | 1.000 to 19.00 | at least 11.00 | **no** |"
    )
    assert "1000.00 %" in text[3] and text[3].endswith("| yes |")
    assert "| - |" in text[4]
    records = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [record["met"] for record in records] == ["False", "True", ""]
    assert float(records[1]["value"]) == 1000
    data = json.loads(as_json(rows, {"split": "report"}))
    assert data["about"] == {"split": "report"}
    assert data["rows"][0]["target"] == 11 and data["rows"][2]["value"] is None
    assert "NaN" not in as_json(rows, {})


def test_readings_are_kept_one_by_one() -> None:
    records = list(csv.DictReader(io.StringIO(readings_csv(READINGS))))
    assert len(records) == 21
    assert records[3] == {
        "photograph": "p3",
        "method": "direct",
        "measure": "PSNR",
        "value": "3.0",
    }
