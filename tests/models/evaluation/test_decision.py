"""The confusion table of the tone decision: labels, made pictures, counts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from painted_scenes import SEPIA, in_color, landscape, toned

from models.color.decision import decide
from models.evaluation.decision import (
    BadToneLabels,
    Confusion,
    measure_decision,
    read_tone_labels,
)
from models.evaluation.tone_pictures import COLOR, PRINT, WANTED, made_from

LABELS = Path(__file__).parents[1] / "color" / "labelled_tones.csv"
HEAD = "folder,file,split,kind\n"


def test_the_labels_are_many_and_splits_do_not_mix() -> None:
    by_split = {
        split: read_tone_labels(LABELS, {split}) for split in ("report", "calibration", "train")
    }
    assert len(by_split["report"]) >= 150
    assert {one.kind for one in by_split["report"]} == {"colour", "old colour", "print"}
    files = [{(one.folder, one.file) for one in given} for given in by_split.values()]
    assert not (files[0] & files[1] or files[0] & files[2] or files[1] & files[2])


def test_made_pictures_are_what_they_are_called() -> None:
    photograph = in_color(240, 320)
    made = dict(made_from(photograph, 3))
    assert list(made) == list(WANTED)
    again = dict(made_from(photograph, 3))
    assert all(np.array_equal(made[kind], again[kind]) for kind in WANTED)
    assert not np.array_equal(made["sepia"], dict(made_from(photograph, 4))["sepia"])
    assert all(one.shape == photograph.shape and one.dtype == np.uint8 for one in made.values())
    red, _, blue = (made["sepia"][..., channel].mean() for channel in range(3))
    assert red > blue + 10
    red, _, blue = (made["cyanotype"][..., channel].mean() for channel in range(3))
    assert blue > red + 10
    for kind in ("sepia", "grey in RGB", "tinted detail"):
        assert decide(made[kind]).tone in PRINT, kind
    for kind in ("faded colour", "hand-tinted"):
        assert decide(made[kind]).tone in COLOR, kind


def test_counts_and_rates() -> None:
    confusion = Confusion()
    for name, kind, made, tone in (
        ("a", "colour", False, "color"),
        ("b", "colour", False, "toned"),
        ("c", "print", False, "monochrome"),
        ("d", "print", False, "color"),
        ("e", "sepia", True, "toned"),
    ):
        confusion.add(name, kind, made, tone)  # type: ignore[arg-type]
    assert confusion.pictures(False) == 4 and confusion.pictures(True) == 1
    assert confusion.rate(COLOR, False) == (1, 2) and confusion.rate(PRINT, False) == (1, 2)
    assert confusion.rate(PRINT, True) == (0, 1) and confusion.rate(COLOR, True) == (0, 0)
    assert confusion.wrong == ["b (colour): toned", "d (print): color"]
    text = str(confusion)
    assert "| colour | real | 0 | 1 | 1 | 1 |" in text
    assert "| sepia | made | 0 | 1 | 0 | 0 |" in text
    assert "made: 0 of 0 in colour would be colourized (none there)" in text


def test_measured_on_files(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    pictures = {"a.png": in_color(240, 320), "b.png": toned(landscape(240, 320), *SEPIA)}
    for name, picture in pictures.items():
        cv2.imwrite(str(tmp_path / "set" / name), picture[..., ::-1])
    labels = tmp_path / "labels.csv"
    labels.write_text(
        HEAD + "set,a.png,report,colour\nset,b.png,report,print\nset,gone.png,train,print\n"
    )
    lines: list[str] = []
    confusion = measure_decision(tmp_path, labels, {"report"}, lines.append)
    assert confusion.pictures(False) == 2 and confusion.pictures(True) == len(WANTED)
    assert confusion.rate(COLOR, False) == (0, 1) and confusion.rate(PRINT, False) == (0, 1)
    assert lines[0].startswith("| picture | is |")


def test_bad_labels_are_named(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(HEAD + "set,a.png,report,cat\n")
    with pytest.raises(BadToneLabels, match=r"cat.*a\.png"):
        read_tone_labels(labels, {"report"})
