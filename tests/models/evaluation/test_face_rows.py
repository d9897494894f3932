from dataclasses import replace

import numpy as np
import pytest
from evaluation_kit import Told
from face_kit import case, place, portrait

from models.evaluation.damage import INPUT
from models.evaluation.face_rows import STAGE, CleanFaces, DegradedFaces, applied
from models.evaluation.methods import Outcome


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def test_what_is_nearer_to_the_truth_reads_better() -> None:
    one = case()
    true = one.true
    half = ((one.degraded.astype(int) + true) // 2).astype(np.uint8)
    methods = [Told("half", lambda _: half), Told("perfect", lambda _: true)]
    measured = DegradedFaces(methods, _apart)
    pictures = measured.measure(one)
    assert list(pictures) == [INPUT, "half", "perfect", "true"]
    known = {(r.method, r.measure): r.value for r in measured.readings}
    for measure, order in (("PSNR", 1), ("SSIM", 1), ("distance", -1)):
        values = [order * known[name, measure] for name in (INPUT, "half", "perfect")]
        assert values == sorted(values) and len(set(values)) == 3
    assert known["perfect", "PSNR"] == 100 and known["perfect", "distance"] == 0
    assert known[INPUT, "face found"] == float(bool(one.item.hints.faces))
    assert ("half", "enhanced") not in known  # only a stage tells of faces


def test_only_the_face_counts() -> None:
    one = case()
    elsewhere = np.where(one.place.mask[..., None], one.degraded, 0).astype(np.uint8)
    measured = DegradedFaces([Told("elsewhere", lambda _: elsewhere)], lambda *_: 0.0)
    measured.measure(one)
    known = {(r.method, r.measure): r.value for r in measured.readings}
    assert known["elsewhere", "PSNR"] == known[INPUT, "PSNR"]


def test_harm_is_what_the_stage_does_to_a_clean_face() -> None:
    picture = portrait()
    off = CleanFaces(Told("off", lambda item: np.asarray(item.pixels, np.uint8)))
    off.measure("one", picture, place())
    assert off.kept == {"one": 100.0} and off.sharp["one"] > 0
    noisy = CleanFaces(Told("noisy", lambda item: np.asarray(item.pixels ^ 16, np.uint8)))
    noisy.measure("one", picture, place())
    (reading,) = noisy.readings
    assert (reading.method, reading.measure) == (STAGE, "PSNR")
    assert reading.value == pytest.approx(20 * np.log10(255 / 16), abs=1e-6)


def test_the_largest_face_speaks_for_the_portrait() -> None:
    small = {"width": 20, "height": 20, "applied": True, "correlations": (1, 1, 1), "strength": 1.0}
    large = small | {"width": 90, "height": 90, "strength": 0.5}
    nothing = np.zeros((4, 4, 3), np.uint8)
    made = Outcome(nothing, np.zeros((4, 4), bool), 0.1, {"faces": [small, large]})
    assert applied(made) == {"enhanced": 1, "strength": 0.5, "refused": 0}
    refused = large | {"applied": False, "strength": 0.0}
    assert applied(replace(made, metrics={"faces": [refused]}))["refused"] == 1
    too_small = refused | {"correlations": None}
    told = applied(replace(made, metrics={"faces": [too_small]}))
    assert told == {"enhanced": 0, "strength": 0, "refused": 0}
    assert applied(replace(made, metrics={})) == {}
