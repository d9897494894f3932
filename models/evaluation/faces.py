"""One evaluation of the face stage: portraits in, readings, tallies and pictures out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.contract import Stage
from models.evaluation.face_cases import FaceCase, Place, face_case, place_of
from models.evaluation.face_methods import (
    BareNetwork,
    Enhancer,
    Unsharp,
    best_unsharp,
    seen_crops,
)
from models.evaluation.face_rows import STAGE, CleanFaces, DegradedFaces, face_psnr, face_ssim
from models.evaluation.guard_trial import GuardTally, Trial, pairs, trials
from models.evaluation.honesty import HONEST, Crop
from models.evaluation.methods import Method, StageMethod
from models.evaluation.picking import Image, Sheets, splits_of, spread
from models.faces.guard import Distance, Limits
from models.training.data import photograph_files, read_photographs, to_bytes
from models.training.degradation import Textures
from models.training.face_samples import aligned

Say = Callable[[str], None]

CALIBRATION_PORTRAITS = 12
"""How many the baseline's settings are chosen on: evenly spread over their split."""

GUARD_PORTRAITS = 60
"""How many the pairs of the guard are made from: evenly spread over their split."""

PSNR_BASELINE, SSIM_BASELINE = "bicubic, unsharp, best PSNR", "bicubic, unsharp, best SSIM"


@dataclass(frozen=True, slots=True)
class FaceSession:
    """What every part of an evaluation shares.

    `folder` holds portraits; `stage` is the face stage as users run it, `enhancer` its network
    alone, `limits` those its guard judges by. `limit` is how many portraits are measured, evenly
    spread; each keeps the number it has in the whole split, and with it all that is drawn for it.
    `distance` is that of dlib's descriptors.
    """

    folder: Path
    splits: Path | None
    limit: int | None
    textures: Textures
    threads: int
    stage: Stage
    enhancer: Enhancer
    limits: Limits
    distance: Distance
    sheets: Sheets
    say: Say

    def check(self, split: str) -> None:
        """Raise `NoPhotographs` now where the folder has nothing of `split`."""
        self._files(split)

    def baselines(self, split: str) -> tuple[Unsharp, Unsharp]:
        """Unsharp masking at the settings with the best PSNR, and with the best SSIM."""
        cases = [case for _, _, case in self._cases(split, CALIBRATION_PORTRAITS)]
        if not cases:
            raise NoFaces(f"no face is found in the portraits of {self.folder}, split {split}")
        return (
            best_unsharp(cases, face_psnr, PSNR_BASELINE),
            best_unsharp(cases, face_ssim, SSIM_BASELINE),
        )

    def degraded(self, name: str, split: str, baselines: Sequence[Method]) -> DegradedFaces:
        """Degraded portraits through the baselines, the stage, and the network unguarded."""
        methods = (*baselines, StageMethod(STAGE, self.stage), *self._unguarded())
        measured = DegradedFaces(methods, self.distance)
        for number, count, case in self._cases(split, self.limit):
            pictures = measured.measure(case)
            if self.sheets.wanted(number, count):
                self.sheets.keep(name, case.name, _faces(pictures, case.place))
            self.say(f"{name}: {number + 1} of {count}, {case.name}")
        if not measured.readings:
            raise NoFaces(f"no face is found in the portraits of {self.folder}, split {split}")
        return measured

    def clean(self, name: str, split: str) -> CleanFaces:
        """Portraits as they are through the stage; those changed most are kept for the sheet."""
        measured = CleanFaces(StageMethod(STAGE, self.stage))
        changed: list[tuple[float, str, dict[str, Image]]] = []
        for number, count, _, path, portrait in self._portraits(split, self.limit):
            place = place_of(portrait)
            if place is None:
                continue
            made = measured.measure(path, portrait, place, self.threads)
            pictures = _faces({"clean": portrait, STAGE: made.pixels}, place)
            changed.append((measured.kept[path], path, pictures))
            changed = sorted(changed, key=lambda one: one[0])[: self.sheets.kept]
            self.say(f"{name}: {number + 1} of {count}, {path}")
        for _, path, pictures in changed:
            self.sheets.keep(name, path, pictures)
        return measured

    def trials(self, split: str, count: int, seed: int = 0) -> list[Trial]:
        """The guard's verdicts on `count` tampered and `count` honest pairs of portraits."""
        portraits: list[Crop] = []
        for _, _, _, _, portrait in self._portraits(split, GUARD_PORTRAITS):
            for face, _ in aligned([portrait])[:1]:
                portraits.append((face / np.float32(255)).astype(np.float32))
        if len(portraits) < 2:
            raise NoFaces(
                f"fewer than two faces are found in the portraits of {self.folder}, split {split}"
            )
        made = pairs(portraits, count, seed, seen_crops(self.enhancer))
        return list(trials(made, self.limits, self.distance))

    def guard(self, name: str, split: str, count: int) -> GuardTally:
        """The same, counted; what was judged wrongly is kept for the sheet."""
        tally = GuardTally()
        wrong: dict[str, list[Trial]] = {}
        for trial in self.trials(split, count):
            kind, passed = trial.pair.kind, trial.verdict.passed
            tally.add(kind, passed)
            if passed != (kind in HONEST):
                wrong.setdefault(kind, []).append(trial)
        for kind, some in wrong.items():
            for number in spread(len(some), max(1, self.sheets.kept // 3)):
                pair, verdict = some[number].pair, some[number].verdict
                pictures = {"scan": to_bytes(pair.before), "enhanced": to_bytes(pair.after)}
                self.sheets.keep(name, f"{kind} {verdict.reason or 'passed'}", pictures)
        self.say(f"{name}: {tally}")
        return tally

    def _unguarded(self) -> tuple[Method, ...]:
        return (
            BareNetwork("stage without guard", self.enhancer),
            BareNetwork("stage without guard or grain", self.enhancer, grain=0.0),
            BareNetwork("network alone", self.enhancer, blend=False),
        )

    def _cases(self, split: str, limit: int | None) -> Iterator[tuple[int, int, FaceCase]]:
        for number, count, index, name, portrait in self._portraits(split, limit):
            case = face_case(name, portrait, index, self.textures, threads=self.threads)
            if case is None:
                self.say(f"{name}: no face is found in the undamaged portrait: not measured")
            else:
                yield number, count, case

    def _portraits(
        self, split: str, limit: int | None
    ) -> Iterator[tuple[int, int, int, str, Image]]:
        """(number, how many, number in the whole split, name, pixels)."""
        files = self._files(split)
        chosen = spread(len(files), limit)
        for number, index in enumerate(chosen):
            (portrait,) = read_photographs([files[index]])
            yield number, len(chosen), index, files[index].name, portrait

    def _files(self, split: str) -> list[Path]:
        return photograph_files(self.folder, splits_of(self.splits, self.folder), (split,))


def _faces(pictures: Mapping[str, Image], place: Place) -> dict[str, Image]:
    """The aligned face of each picture, 256x256x3, for a sheet."""
    return {name: to_bytes(place.crop(picture)) for name, picture in pictures.items()}


class NoFaces(ValueError):
    """There is no face to measure on; the message says where."""
