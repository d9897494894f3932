"""Thresholds of the damage stage, chosen on calibration photographs; never on reported ones.

Three kinds of pictures are looked at: degraded photographs (what is found of their damage), the
same photographs clean (what of them is taken for damage), and clean portraits (what of a face
is). The detector is asked once for each; the thresholds are then tried on its answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import StageInput
from models.damage.features import face_features
from models.damage.model import DamageModel
from models.damage.regions import Thresholds
from models.evaluation.cases import Case
from models.evaluation.detection import Found, found
from models.evaluation.networks import probability, taken_for_damage

Plane = NDArray[np.uint8]
Mask = NDArray[np.bool_]

WEAK = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
STRONG = (0.35, 0.5, 0.65, 0.75, 0.85, 0.92, 0.96, 0.99)
FACE_WEAK = (0.5, 0.65, 0.8, 0.9, 0.96, 0.98)
FACE_STRONG = (0.85, 0.92, 0.96, 0.98, 0.99, 0.995)


class NothingAllowed(ValueError):
    """No thresholds of the grid keep within the limits; the message says how near they came."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What thresholds may cost, as shares: kept below what is promised, since what is measured
    on other photographs will differ. `recall` is what is aimed at."""

    clean: float = 0.003
    face: float = 0.001
    touched: float = 0.007
    recall: float = 0.82


@dataclass(frozen=True, slots=True)
class Answer:
    """The detector's answer on one picture; `truth` and `ignore` None where it is clean."""

    plane: Plane
    item: StageInput
    truth: Mask | None = None
    ignore: Mask | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """What thresholds find and what they cost: pooled recall and precision on degraded
    photographs, mean share of clean photographs and of clean faces taken for damage, share of
    portraits with an eye or a mouth touched; nan where there was nothing to measure on."""

    thresholds: Thresholds
    recall: float
    precision: float
    clean: float
    face: float
    touched: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total > 0 else 0.0

    def measured(self) -> dict[str, float | None]:
        """The figures by name; None for what was not measured."""
        names = ("recall", "precision", "clean", "face", "touched")
        figures = {name: float(getattr(self, name)) for name in names}
        return {name: None if math.isnan(value) else value for name, value in figures.items()}

    def __str__(self) -> str:
        limits = self.thresholds
        return (
            f"weak {limits.weak:.2f} strong {limits.strong:.2f} face {limits.face_weak:.2f} "
            f"{limits.face_strong:.2f}: recall {self.recall:.3f} precision {self.precision:.3f} "
            f"clean {self.clean:.3%} face {self.face:.3%} touched {self.touched:.2%}"
        )


def answers(
    model: DamageModel, cases: Iterable[Case], clean: Iterable[StageInput]
) -> tuple[list[Answer], list[Answer]]:
    """The detector's answers on degraded photographs and on clean pictures."""
    damaged = [
        Answer(probability(model, case.item), case.item, case.mask, case.ignore) for case in cases
    ]
    return damaged, [Answer(probability(model, item), item) for item in clean]


def trade(
    thresholds: Thresholds,
    damaged: Sequence[Answer],
    clean: Sequence[Answer],
    portraits: Sequence[Answer],
) -> Trade:
    """What `thresholds` find and cost on these answers."""
    total = Found(0, 0, 0)
    for one in damaged:
        if one.truth is not None:
            marked = taken_for_damage(one.plane, one.item, thresholds)
            total += found(marked, one.truth, one.ignore)
    changed = [taken_for_damage(one.plane, one.item, thresholds).mean() for one in clean]
    faces, touched = [], []
    for one in portraits:
        marked = taken_for_damage(one.plane, one.item, thresholds)
        for face in one.item.hints.faces:
            box = face.box
            faces.append(marked[box.top : box.bottom, box.left : box.right].mean())
        touched.append(_touches(marked, one.item))
    return Trade(
        thresholds, total.recall, total.precision, _mean(changed), _mean(faces), _mean(touched)
    )


def weighed(
    start: Thresholds, damaged: Sequence[Answer], clean: Sequence[Answer]
) -> Iterator[Trade]:
    """Every pair of weak and strong thresholds, outside faces."""
    for weak, strong in product(WEAK, STRONG):
        if weak <= strong:
            yield trade(replace(start, weak=weak, strong=strong), damaged, clean, ())


def weighed_for_faces(
    start: Thresholds, damaged: Sequence[Answer], portraits: Sequence[Answer]
) -> Iterator[Trade]:
    """Every pair of thresholds within faces that is no laxer than those outside."""
    for weak, strong in product(FACE_WEAK, FACE_STRONG):
        if start.weak <= weak <= strong and start.strong <= strong:
            yield trade(replace(start, face_weak=weak, face_strong=strong), damaged, (), portraits)


def chosen(trades: Iterable[Trade], limits: Limits) -> Trade:
    """The best of `trades` within `limits`: of those that find as much as is aimed at the one
    with the best F1; else the one that finds most. Raises `NothingAllowed`."""
    known = list(trades)
    allowed = [
        one
        for one in known
        if not one.clean > limits.clean  # nan: not measured here
        and not one.face > limits.face
        and not one.touched > limits.touched
    ]
    if not allowed:
        nearest = min(known, key=lambda one: [*map(_known, (one.touched, one.face, one.clean))])
        raise NothingAllowed(
            f"no thresholds keep within {limits}; the mildest: {nearest}. Train the detector on "
            "more negatives"
        )
    enough = [one for one in allowed if one.recall >= limits.recall]
    if enough:
        return max(enough, key=lambda one: one.f1)
    return max(allowed, key=lambda one: one.recall)


def calibrated(
    start: Thresholds,
    damaged: Sequence[Answer],
    clean: Sequence[Answer],
    portraits: Sequence[Answer],
    limits: Limits,
) -> tuple[Trade, list[Trade]]:
    """Thresholds within `limits`, first outside faces, then inside; and all that were tried.

    Raises `NothingAllowed` where none keep within them.
    """
    outside = list(weighed(start, damaged, clean))
    best = chosen(outside, limits)
    inside = list(weighed_for_faces(best.thresholds, damaged, portraits))
    if not inside:
        raise NothingAllowed(f"{best.thresholds} are stricter than any thresholds within faces")
    kept = chosen(inside, replace(limits, recall=0.0))
    return trade(kept.thresholds, damaged, clean, portraits), [*outside, *inside]


def _touches(marked: Mask, item: StageInput) -> float:
    """1.0 where an eye or a mouth would be changed; the fill's rim reaches a pixel further."""
    grown = cv2.dilate(marked.astype(np.uint8), np.ones((3, 3), np.uint8))
    for face in item.hints.faces:
        for band in face_features(face.box):
            rows = slice(max(0, band.top), max(0, band.bottom))
            if grown[rows, max(0, band.left) : max(0, band.right)].any():
                return 1.0
    return 0.0


def _known(value: float) -> float:
    """0 for what was not measured, so that it decides nothing."""
    return 0.0 if math.isnan(value) else value


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
