"""One evaluation of the damage stage: photographs in, rows, curves and pictures out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.contract import StageInput
from models.damage.model import DamageModel
from models.evaluation.cases import Case, degraded_case, given
from models.evaluation.damage import (
    Contestant,
    DamageRows,
    agreement_picture,
    best_denoiser,
    best_telea,
)
from models.evaluation.gating import GateTrade, gate_trades, swing
from models.evaluation.harm import FaceHarm, PhotographHarm, usual_face
from models.evaluation.methods import NonLocalMeans, TeleaFiller
from models.evaluation.picking import Image, Pictures, Sheets, splits_of, spread
from models.training.data import photograph_files, read_photographs
from models.training.degradation import Textures

Say = Callable[[str], None]

CALIBRATION_PHOTOGRAPHS = 6
"""How many the baselines' own settings are chosen on: evenly spread over the split."""


@dataclass(frozen=True, slots=True)
class Session:
    """What every part of an evaluation shares.

    `limit` is how many photographs of each set are measured, evenly spread; each keeps the
    number it has in the whole set, and with it everything drawn for it.
    """

    contestants: Sequence[Contestant]
    textures: Textures
    splits: Path | None
    split: str
    limit: int | None
    threads: int
    sheets: Sheets
    say: Say

    def check(self, folder: Path, split: str) -> None:
        """Raise `NoPhotographs` now, not in an hour, where a folder has nothing of its split."""
        photograph_files(folder, splits_of(self.splits, folder), (split,))

    def baselines(self, folder: Path) -> tuple[TeleaFiller, NonLocalMeans]:
        """Telea's radius and the denoiser's strength, chosen on the calibration split."""
        cases = []
        for _, _, case in self._cases(folder, "calibration", CALIBRATION_PHOTOGRAPHS):
            cases.append(case)
            self.say(f"baselines chosen on {case.name}")
        telea = best_telea(cases)
        return telea, best_denoiser([(case.item, case.clean) for case in cases])

    def degraded(
        self, name: str, folder: Path, telea: TeleaFiller, denoiser: NonLocalMeans | None
    ) -> DamageRows:
        """Rows on the photographs of `folder`, degraded."""
        rows = DamageRows(self.contestants, telea, denoiser)
        for number, count, case in self._cases(folder, self.split, self.limit):
            pictures = rows.measure(case)
            if self.sheets.wanted(number, count):
                self.sheets.keep(name, case.name, pictures)
            self.say(f"{name}: {number + 1} of {count}, {case.name}")
        return rows

    def clean(self, name: str, folder: Path) -> PhotographHarm:
        """Harm to the photographs of `folder` as they are."""
        harm = PhotographHarm(self.contestants)
        for number, count, path, photograph in self._photographs(folder, self.split, self.limit):
            pictures = harm.measure(path, photograph, self.threads)
            if self.sheets.wanted(number, count):
                self.sheets.keep(name, path, pictures)
            self.say(f"{name}: {number + 1} of {count}, {path}")
        return harm

    def faces(self, name: str, folder: Path, split: str | None = None) -> FaceHarm:
        """Harm to the portraits of `folder` (of `split`, where they have one of their own) as
        they are; those changed most are kept for the sheet."""
        portraits = list(self._photographs(folder, split or self.split, self.limit))
        usual = usual_face([given(image, self.threads) for _, _, _, image in portraits[:40]])
        harm = FaceHarm(self.contestants, usual)
        changed: list[tuple[int, str, Pictures]] = []
        for number, count, path, portrait in portraits:
            pictures = harm.measure(path, portrait, self.threads)
            total = sum(int((made != portrait).any(axis=2).sum()) for made in pictures.values())
            changed.append((total, path, pictures))
            changed = sorted(changed, key=lambda one: -one[0])[: self.sheets.kept]
            self.say(f"{name}: {number + 1} of {count}, {path}")
        for _, path, pictures in changed:
            self.sheets.keep(name, path, pictures)
        return harm

    def old(self, name: str, folder: Path) -> None:
        """Real damaged photographs, to be looked at alone: no truth is known."""
        files = photograph_files(folder, splits_of(self.splits, folder), (self.split,))
        for number in spread(len(files), self.limit or 2 * self.sheets.kept):
            (photograph,) = read_photographs([files[number]])
            item = given(photograph, self.threads)
            pictures: Pictures = {"before": photograph}
            for one in self.contestants:
                repaired, revived = one.repair(item), one.revive(item)
                nothing = np.zeros(repaired.changed.shape, bool)
                pictures[f"repair, {one.name}"] = repaired.pixels
                pictures[f"revive, {one.name}"] = revived.pixels
                pictures[f"touched, {one.name}"] = agreement_picture(
                    repaired.changed, repaired.changed, nothing
                )
            self.sheets.keep(name, files[number].name, pictures)
            self.say(f"{name}: {files[number].name}")

    def calibration(self, folder: Path) -> tuple[list[Case], list[StageInput]]:
        """Degraded photographs, and the same clean, to choose thresholds on."""
        cases = [case for _, _, case in self._cases(folder, self.split, self.limit)]
        return cases, [given(case.clean, self.threads) for case in cases]

    def gates(
        self, network: DamageModel, cases: Sequence[Case], clean: Sequence[StageInput]
    ) -> list[GateTrade]:
        """What every gate of `revive` gains and costs; nothing for a model that revives nothing."""
        if network.reviver is None:
            return []
        degraded = [swing(network, case.item, case.clean, self.threads) for case in cases]
        sound = [swing(network, item, threads=self.threads) for item in clean]
        return gate_trades(degraded, sound)

    def portraits(self, folder: Path, split: str) -> list[StageInput]:
        """Clean portraits of a split, looked at."""
        photographs = self._photographs(folder, split, self.limit)
        return [given(portrait, self.threads) for _, _, _, portrait in photographs]

    def _cases(
        self, folder: Path, split: str, limit: int | None
    ) -> Iterator[tuple[int, int, Case]]:
        for number, count, name, photograph in self._photographs(folder, split, limit):
            index = spread(self._count(folder, split), limit)[number]
            case = degraded_case(name, photograph, index, self.textures, threads=self.threads)
            yield number, count, case

    def _photographs(
        self, folder: Path, split: str, limit: int | None
    ) -> Iterator[tuple[int, int, str, Image]]:
        """(number, how many, name, pixels), evenly spread where there is a limit."""
        files = photograph_files(folder, splits_of(self.splits, folder), (split,))
        chosen = spread(len(files), limit)
        for number, index in enumerate(chosen):
            (photograph,) = read_photographs([files[index]])
            yield number, len(chosen), files[index].name, photograph

    def _count(self, folder: Path, split: str) -> int:
        return len(photograph_files(folder, splits_of(self.splits, folder), (split,)))
