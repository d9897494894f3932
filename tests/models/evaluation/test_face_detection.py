from pathlib import Path

import cv2
import numpy as np
import pytest
from painted_scenes import face, landscape

from models.contract import BadStageInput, Box, Face
from models.evaluation.face_detection import (
    BadLabels,
    DetectionTally,
    Label,
    measure_detection,
    read_labels,
)

LABELS = Path(__file__).parents[1] / "faces" / "labelled_faces.csv"
HEAD = "folder,file,split,left,top,right,bottom,kind\n"


def test_the_labels_can_be_read_and_splits_do_not_mix() -> None:
    by_split = {split: read_labels(LABELS, {split}) for split in ("calibration", "train", "report")}
    assert sum(len(labels) for labels in by_split.values()) == 195
    assert not set(by_split["report"]) & (set(by_split["calibration"]) | set(by_split["train"]))
    assert sum(not boxes for boxes in by_split["calibration"].values()) == 14


def test_each_label_is_found_once_and_ignored_regions_count_for_nothing() -> None:
    labels = [
        Label(Box(0, 0, 100, 100), "face"),
        Label(Box(200, 0, 260, 60), "profile"),
        Label(Box(300, 0, 500, 200), "ignore"),
    ]
    faces = [
        Face(Box(5, 5, 105, 105), 2.0),
        Face(Box(10, 0, 110, 100), 1.0),  # a second time
        Face(Box(350, 50, 400, 100), 0.5),  # ignored
        Face(Box(600, 50, 650, 100), 0.5),  # clutter
    ]
    tally = DetectionTally()
    tally.add(faces, labels)
    assert tally.recall("face") == 1.0 and tally.recall("profile") == 0.0
    assert tally.recall() == 0.5 and tally.alarms_a_picture == 2.0


def test_measured_on_files(tmp_path: Path) -> None:
    scene = landscape(200, 300)
    scene[20:180, 20:180] = face(160)
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set" / "a.png"), scene)
    cv2.imwrite(str(tmp_path / "set" / "b.png"), np.full((60, 60), 128, np.uint8))
    labels = tmp_path / "labels.csv"
    labels.write_text(
        HEAD + "set,a.png,report,53,63,146,156,face\nset,b.png,report,,,,,none\n"
        "set,gone.png,train,,,,,none\n"
    )
    lines: list[str] = []
    tally = measure_detection(tmp_path, labels, {"report"}, say=lines.append)
    assert tally.pictures == 2 and tally.recall("face") == 1.0 and tally.alarms == 0
    assert lines[0] == "set/a.png: 1 of 1, 0 false alarms"
    for part in ("hog", "mmod"):
        tally = measure_detection(tmp_path, labels, {"report"}, say=lines.append, detector=part)
        assert tally.recall("face") == 1.0 and tally.alarms == 0
    with pytest.raises(BadStageInput, match="keenest"):
        measure_detection(tmp_path, labels, {"report"}, say=lines.append, detector="keenest")


@pytest.mark.parametrize("row", ["9,9,9,20,face", "a,0,9,9,face", "0,0,9,9,dog"])
def test_bad_labels_are_named(tmp_path: Path, row: str) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(HEAD + f"set,a.png,report,{row}\n")
    with pytest.raises(BadLabels, match=r"a\.png"):
        read_labels(labels, {"report"})
