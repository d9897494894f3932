import pytest

from models.evaluation.damage import INPUT, Reading
from models.evaluation.face_detection import DetectionTally
from models.evaluation.face_rows import STAGE, CleanFaces, DegradedFaces
from models.evaluation.face_tables import clean_rows, degraded_rows, detection_rows, guard_rows
from models.evaluation.guard_trial import GuardTally
from models.evaluation.methods import NonLocalMeans


def _degraded(psnr: float, ssim: float, distance: float) -> DegradedFaces:
    measured = DegradedFaces([], lambda *_: 0.0)
    for method, values in {
        INPUT: (24.0, 0.70, 0.30),
        "sharp": (25.0, 0.66, 0.31),
        "soft": (24.5, 0.75, 0.33),
        STAGE: (psnr, ssim, distance),
    }.items():
        for measure, value in zip(("PSNR", "SSIM", "distance"), values, strict=True):
            measured.readings.append(Reading("one", method, measure, value))
    measured.readings.append(Reading("one", INPUT, "face found", 1.0))
    measured.readings.append(Reading("one", STAGE, "enhanced", 1.0))
    return measured


def test_the_stage_must_beat_the_input_and_each_baseline_at_its_best() -> None:
    for values, met in (
        ((25.6, 0.76, 0.29), (True, True, True)),
        ((25.4, 0.74, 0.30), (False, False, True)),  # less than 1.5 dB, less than "soft"
        ((26.0, 0.76, 0.31), (True, True, False)),
    ):
        rows = degraded_rows("portraits", _degraded(*values), "sharp", "soft")
        known = {(row.method, row.measure): row for row in rows}
        names = ("PSNR in the face", "SSIM in the face", "descriptor distance")
        assert tuple(known[STAGE, name].met for name in names) == met
        assert all(row.target is None for row in rows if row.method != STAGE)
    assert known["look", "faces found"].value == 100
    assert known[STAGE, "faces enhanced"].value == 100


def test_harm_is_told_of_the_sharper_half_and_of_all() -> None:
    clean = CleanFaces(NonLocalMeans(1.0))
    for number, value in enumerate((30.0, 34.0, 37.0, 41.0)):
        clean.sharp[str(number)] = float(number)
        clean.readings.append(Reading(str(number), STAGE, "PSNR", value))
    half, everything = clean_rows("clean", clean)
    assert half.value == pytest.approx(39) and half.met and half.count == 2
    assert everything.value == pytest.approx(35.5) and everything.met is False


def test_the_guard_is_held_to_both_shares() -> None:
    tally = GuardTally()
    for number in range(20):
        tally.add("swapped", passed=number == 0)
        tally.add("enhanced", passed=number > 1)
    rows = {row.measure: row for row in guard_rows("guard", tally)}
    assert rows["catches"].value == pytest.approx(95) and rows["catches"].met
    assert rows["false alarms"].value == pytest.approx(10) and rows["false alarms"].met is False
    assert rows["stopped: enhanced"].count == 20 and "stopped: restored" not in rows


def test_the_detector_is_held_to_faces_and_alarms() -> None:
    tally = DetectionTally(pictures=10, alarms=3)
    tally.labelled.update({"face": 10, "profile": 5})
    tally.found.update({"face": 9, "profile": 0})
    recall, both, alarms = detection_rows("labelled", tally)
    assert recall.value == pytest.approx(90) and recall.met and recall.count == 10
    assert both.value == pytest.approx(60) and both.met is None
    assert alarms.value == pytest.approx(0.3) and alarms.met is False
