"""How well a detector finds damage: ROC, precision and recall from counts of 256 levels.

Probabilities are bytes, so that a histogram of 256 bins for damaged and one for sound pixels
hold everything exactly, for any number of pictures of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

LEVELS = 256


class NothingToDetect(ValueError):
    """No damaged pixel, or no sound one, was ever counted: there is no curve to draw."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One point for each threshold t from 255 down to 0: damage is what is at least t.

    `recall` is the true positive rate, `fallout` the false positive rate; `precision` is 1
    where nothing is taken for damage. All of shape (256,), from 0 to 1.
    """

    threshold: Counts
    recall: Floats
    fallout: Floats
    precision: Floats

    @property
    def auc(self) -> float:
        """Area under the ROC curve (trapezoids: equal probabilities count half)."""
        fallout = np.concatenate([[0.0], self.fallout])
        recall = np.concatenate([[0.0], self.recall])
        return float(np.sum(np.diff(fallout) * (recall[1:] + recall[:-1]) / 2))

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall at each threshold, (256,)."""
        total = self.precision + self.recall
        return np.divide(
            2 * self.precision * self.recall, total, out=np.zeros_like(total), where=total > 0
        )

    def best_f1(self) -> tuple[float, int]:
        """The greatest F1, and the threshold (0 to 255) it is reached at."""
        best = int(np.argmax(self.f1))
        return float(self.f1[best]), int(self.threshold[best])


@dataclass(slots=True)
class Tally:
    """Counts of damaged and sound pixels by probability; `add` pictures, then ask `curve`."""

    damaged: Counts = field(default_factory=lambda: np.zeros(LEVELS, np.int64))
    sound: Counts = field(default_factory=lambda: np.zeros(LEVELS, np.int64))

    def add(self, probability: Plane, truth: Mask, ignore: Mask | None = None) -> None:
        """Count a picture: `probability` HxW uint8, `truth` HxW; `ignore` is left out."""
        counted = np.ones(truth.shape, bool) if ignore is None else ~ignore
        self.damaged += np.bincount(probability[truth & counted], minlength=LEVELS)
        self.sound += np.bincount(probability[~truth & counted], minlength=LEVELS)

    def curve(self) -> Curve:
        """The curve of everything added. Raises `NothingToDetect`."""
        positives, negatives = int(self.damaged.sum()), int(self.sound.sum())
        if positives == 0 or negatives == 0:
            raise NothingToDetect(
                f"{positives} damaged and {negatives} sound pixels: both are needed for a curve"
            )
        hits = np.cumsum(self.damaged[::-1])
        alarms = np.cumsum(self.sound[::-1])
        marked = hits + alarms
        precision = np.divide(hits, marked, out=np.ones(LEVELS), where=marked > 0)
        return Curve(np.arange(LEVELS - 1, -1, -1), hits / positives, alarms / negatives, precision)


@dataclass(frozen=True, slots=True)
class Found:
    """How a mask agrees with the truth: counts of pixels."""

    hits: int
    misses: int
    alarms: int

    @property
    def recall(self) -> float:
        """Share of the damage that was found; nan where there is none."""
        total = self.hits + self.misses
        return self.hits / total if total else float("nan")

    @property
    def precision(self) -> float:
        """Share of what was found that is damage; nan where nothing was found."""
        total = self.hits + self.alarms
        return self.hits / total if total else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both; nan where there is neither damage nor an alarm."""
        total = 2 * self.hits + self.misses + self.alarms
        return 2 * self.hits / total if total else float("nan")

    def __add__(self, other: Found) -> Found:
        return Found(self.hits + other.hits, self.misses + other.misses, self.alarms + other.alarms)


def found(mask: Mask, truth: Mask, ignore: Mask | None = None) -> Found:
    """Counts for a HxW mask against the truth, `ignore` left out."""
    counted = np.ones(truth.shape, bool) if ignore is None else ~ignore
    return Found(
        hits=int(np.count_nonzero(mask & truth & counted)),
        misses=int(np.count_nonzero(~mask & truth & counted)),
        alarms=int(np.count_nonzero(mask & ~truth & counted)),
    )
