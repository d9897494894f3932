"""The readings of the face stage: on degraded portraits, and the harm done to clean ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.evaluation.cases import given
from models.evaluation.damage import INPUT, SAME, Reading
from models.evaluation.face_cases import FaceCase, Image, Place, sharpness
from models.evaluation.indices import psnr, ssim
from models.evaluation.methods import Method, Outcome
from models.faces.guard import Distance

STAGE = "face stage"


def face_psnr(case: FaceCase, made: Image) -> float:
    """PSNR in dB inside the face, against the true portrait; 100 where it is the same."""
    return min(SAME, psnr(made, case.true, case.place.mask))


def face_ssim(case: FaceCase, made: Image) -> float:
    """Mean SSIM inside the face, against the true portrait."""
    return ssim(made, case.true, case.place.mask)


@dataclass(slots=True)
class DegradedFaces:
    """Degraded portraits through every method; `readings` holds what came out.

    `distance` compares aligned crops (`models.faces.descriptor`); only distances are kept.
    """

    methods: Sequence[Method]
    distance: Distance
    readings: list[Reading] = field(default_factory=list)

    def measure(self, case: FaceCase) -> dict[str, Image]:
        """All rows of one portrait; the pictures that came out, by name, for a sheet."""
        pictures = {INPUT: case.degraded}
        self._alike(case, INPUT, case.degraded)
        found = float(len(case.item.hints.faces) > 0)
        self.readings.append(Reading(case.name, INPUT, "face found", found))
        for method in self.methods:
            made = method(case.item)
            pictures[method.name] = made.pixels
            self._alike(case, method.name, made.pixels)
            self._note(case, method.name, "seconds", made.seconds)
            for measure, value in applied(made).items():
                self._note(case, method.name, measure, value)
        return pictures | {"true": case.true}

    def _alike(self, case: FaceCase, method: str, made: Image) -> None:
        apart = self.distance(case.place.crop(case.true), case.place.crop(made))
        self._note(case, method, "PSNR", face_psnr(case, made))
        self._note(case, method, "SSIM", face_ssim(case, made))
        self._note(case, method, "distance", apart)

    def _note(self, case: FaceCase, method: str, measure: str, value: float) -> None:
        self.readings.append(Reading(case.name, method, measure, value))


@dataclass(slots=True)
class CleanFaces:
    """Portraits as they are through the stage; `sharp` holds how sharp each is, `kept` the
    PSNR in dB inside its face, by name."""

    stage: Method
    readings: list[Reading] = field(default_factory=list)
    sharp: dict[str, float] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)

    def measure(self, name: str, portrait: Image, place: Place, threads: int = 1) -> Outcome:
        """`portrait` HxWx3 uint8, undamaged, its face at `place`."""
        made = self.stage(given(portrait, threads))
        self.kept[name] = min(SAME, psnr(made.pixels, portrait, place.mask))
        self.sharp[name] = sharpness(place.crop(portrait))
        self.readings.append(Reading(name, STAGE, "PSNR", self.kept[name]))
        for measure, value in applied(made).items():
            self.readings.append(Reading(name, STAGE, measure, value))
        return made


def applied(made: Outcome) -> Mapping[str, float]:
    """Of the largest face that a stage tells of: whether it was enhanced, how strongly, and
    whether the guard left it alone; nothing where it tells of none."""
    rows: Sequence[Mapping[str, Any]] = made.metrics.get("faces") or ()
    if not rows:
        return {}
    largest = max(rows, key=lambda one: one["width"] * one["height"])
    enhanced = bool(largest["applied"])
    refused = not enhanced and largest.get("correlations") is not None
    return {
        "enhanced": float(enhanced),
        "strength": float(largest.get("strength") or 0.0),
        "refused": float(refused),
    }
