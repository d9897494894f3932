"""The rows of the damage stage on degraded photographs: restored, filled, repaired, found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.contract import StageInput
from models.damage.model import DamageModel
from models.evaluation.cases import Case
from models.evaluation.detection import Found, Tally, found
from models.evaluation.indices import haarpsi, psnr, ssim
from models.evaluation.methods import Filler, Method, NonLocalMeans, TeleaFiller
from models.evaluation.networks import NetworkFiller, probability, taken_for_damage
from models.evaluation.seams import seam_ratio

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

INPUT = "degraded input"
SAME = 100.0
"""PSNR in dB of what is as it should be to the last bit: no mean can be taken over infinity."""
LEAST_DAMAGE = 50
"""Damaged pixels below which a photograph says nothing about filling."""

SMALL = 4_000_000
"""Pixels up to which filling is also measured without grain: beyond, that takes minutes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure: of a method on a photograph."""

    photograph: str
    method: str
    measure: str
    value: float


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model of the damage stage in both modes; `network` where its parts can be asked alone;
    `stride` is the distance of its tiles in `revive`, 0 where it has none."""

    name: str
    repair: Method
    revive: Method
    network: DamageModel | None = None
    stride: int = 0


@dataclass(slots=True)
class DamageRows:
    """Measures case after case; `readings`, `tallies` and `found` hold what came out.

    `tallies` counts each detector's probabilities, `found` the masks at the thresholds in use.
    """

    contestants: Sequence[Contestant]
    telea: TeleaFiller
    denoiser: NonLocalMeans | None
    readings: list[Reading] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)

    def measure(self, case: Case) -> dict[str, Image]:
        """All rows of one photograph; the pictures that came out, by name, for a sheet."""
        pictures: dict[str, Image] = {"clean": case.clean, INPUT: case.degraded}
        self._alike(case, INPUT, case.degraded)
        counted = int(case.mask.sum()) >= LEAST_DAMAGE
        self._note(case, INPUT, "damaged share", float(case.mask.mean()))
        if counted:
            self._damaged(case, INPUT, case.degraded, "before")
            self._damaged(case, "Telea", self.telea(case.item, case.mask), "filled")
        if self.denoiser is not None:
            made = self.denoiser(case.item)
            pictures[self.denoiser.name] = made.pixels
            self._alike(case, self.denoiser.name, made.pixels)
            self._seconds(case, self.denoiser.name, "revive", made.seconds)
        for one in self.contestants:
            pictures |= self._contestant(case, one, counted)
        return pictures

    def _contestant(self, case: Case, one: Contestant, counted: bool) -> dict[str, Image]:
        revived = one.revive(case.item)
        self._alike(case, one.name, revived.pixels)
        self._seconds(case, one.name, "revive", revived.seconds)
        if one.stride:
            ratio = seam_ratio(case.degraded, revived.pixels, one.stride)
            if not math.isnan(ratio):
                self._note(case, one.name, "seams", ratio)
        repaired = one.repair(case.item)
        self._seconds(case, one.name, "repair", repaired.seconds)
        self._note(
            case,
            one.name,
            "changed where sound",
            float((repaired.changed & ~case.mask & ~case.ignore).mean()),
        )
        marked = repaired.changed
        if one.network is not None:
            plane = probability(one.network, case.item)
            self.tallies.setdefault(one.name, Tally()).add(plane, case.mask, case.ignore)
            marked = taken_for_damage(plane, case.item, one.network.thresholds)
        agreement = found(marked, case.mask, case.ignore)
        self.found[one.name] = self.found.get(one.name, Found(0, 0, 0)) + agreement
        if counted:
            self._note(case, one.name, "recall", agreement.recall)
            self._damaged(case, one.name, repaired.pixels, "repaired")
            if one.network is not None and one.network.filler is not None:
                fillers: dict[str, Filler] = {one.name: NetworkFiller(one.network)}
                if case.mask.size <= SMALL:
                    fillers[f"{one.name}, no grain"] = NetworkFiller(one.network, grain=0.0)
                for name, filler in fillers.items():
                    self._damaged(case, name, filler(case.item, case.mask), "filled")
        return {
            f"revive, {one.name}": revived.pixels,
            f"repair, {one.name}": repaired.pixels,
            f"found, {one.name}": agreement_picture(marked, case.mask, case.ignore),
        }

    def _alike(self, case: Case, method: str, made: Image) -> None:
        """The three indices against the clean photograph."""
        self._note(case, method, "PSNR", min(psnr(made, case.clean), SAME))
        self._note(case, method, "SSIM", ssim(made, case.clean))
        self._note(case, method, "HaarPSI", haarpsi(made, case.clean))

    def _damaged(self, case: Case, method: str, made: Image, how: str) -> None:
        """PSNR on damaged pixels, against the clean photograph and against the worn one."""
        for aim, picture in (("clean", case.clean), ("worn", case.worn)):
            value = min(psnr(made, picture, case.mask), SAME)
            self._note(case, method, f"PSNR {how}, {aim}", value)

    def _seconds(self, case: Case, method: str, mode: str, seconds: float) -> None:
        megapixels = case.mask.size / 1e6
        self._note(case, method, f"seconds a megapixel, {mode}", seconds / megapixels)

    def _note(self, case: Case, method: str, measure: str, value: float) -> None:
        self.readings.append(Reading(case.name, method, measure, value))


def agreement_picture(marked: Mask, truth: Mask, ignore: Mask) -> Image:
    """HxWx3: white what was found, red what was missed, blue what was taken for damage
    wrongly, grey what is not counted."""
    picture = np.zeros((*truth.shape, 3), np.uint8)
    picture[ignore] = 60
    picture[marked & truth] = 255
    picture[~marked & truth] = (255, 40, 40)
    picture[marked & ~truth & ~ignore] = (60, 110, 255)
    return picture


def best_telea(
    cases: Sequence[Case], radii: Sequence[int] = (3, 4, 5), grown: Sequence[int] = (0, 1, 2)
) -> TeleaFiller:
    """The radius and growth with the best mean PSNR against the worn photographs; meant for
    calibration photographs, so that the baseline is as good as it gets."""
    usable = [case for case in cases if int(case.mask.sum()) >= LEAST_DAMAGE]
    fillers = [TeleaFiller(radius, more) for radius in radii for more in grown]

    def score(filler: TeleaFiller) -> float:
        values = [psnr(filler(case.item, case.mask), case.worn, case.mask) for case in usable]
        return float(np.mean(values)) if values else 0.0

    return max(fillers, key=score)


def best_denoiser(
    items: Sequence[tuple[StageInput, Image]], strengths: Sequence[float] = (1, 2, 4, 7, 12)
) -> NonLocalMeans:
    """The strength with the best mean SSIM against the clean photograph of each pair: SSIM sees
    noise and blur, where PSNR sees little but fading, which no denoiser takes off."""

    def score(denoiser: NonLocalMeans) -> float:
        return float(np.mean([ssim(denoiser(item).pixels, clean) for item, clean in items]))

    return max((NonLocalMeans(h) for h in strengths), key=score)
