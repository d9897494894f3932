"""An evaluation of the colour stage: photographs made grey, beside what any method must beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.evaluation.color_choice import (
    RENDER_FACTORS,
    Pictures,
    Tried,
    chosen,
    chosen_sepia,
    tried,
)
from models.evaluation.color_methods import ColorMethod, StageColors, Tint, stage_of
from models.evaluation.color_networks import ColorNetwork
from models.evaluation.color_rows import ColorRows, mean_chroma
from models.evaluation.picking import Image, Sheets, splits_of, spread
from models.training.data import photograph_files, read_photographs

GREY, SEPIA, MEAN = "left grey", "sepia tint", "mean training chroma"
BASELINES = (GREY, SEPIA, MEAN)

_A_SHEET = 6  # photographs


@dataclass(frozen=True, slots=True)
class ColorSession:
    """What every part of an evaluation shares.

    `folder` holds photographs in colour; `limit` is how many of a split are measured, evenly
    spread; settings are chosen on all of theirs. `sheets.kept` photographs are kept to be looked
    at, a few on each sheet.
    """

    folder: Path
    splits: Path | None
    limit: int | None
    threads: int
    sheets: Sheets
    say: Callable[[str], None]

    def check(self, split: str) -> None:
        """Raise `NoPhotographs` now where the folder has nothing of `split`."""
        self._files(split)

    def pictures(self, split: str) -> Pictures:
        """All photographs of a split, for settings to be chosen on."""
        return Pictures(read_photographs(self._files(split)))

    def saturation(
        self, network: ColorNetwork, pictures: Pictures, render_factor: int = 0
    ) -> float:
        """The saturation chosen for `network` on `pictures`, said with what it gives there."""
        best = chosen(tried(network, pictures, render_factor))
        self.say(f"chosen: {best}")
        return best.saturation

    def stage(
        self, network: ColorNetwork, saturation: float | None, render_factor: int = 0
    ) -> StageColors:
        """The colour stage around `network` (see `stage_of`)."""
        return stage_of(network, saturation, render_factor, self.threads)

    def calibrated(self, network: ColorNetwork, pictures: Pictures) -> list[Tried]:
        """`network` at every render factor, each at the saturation chosen for it; said as found."""
        best = []
        for factor in RENDER_FACTORS:
            best.append(chosen(tried(network, pictures, factor)))
            self.say(str(best[-1]))
        return best

    def baselines(self, pictures: Pictures, train: Path) -> tuple[Tint, ...]:
        """Leaving grey; sepia as strong as does best on `pictures`; the mean chroma of the
        photographs of the split `train` in the folder `train`."""
        files = photograph_files(train, splits_of(self.splits, train), ("train",))
        mean = mean_chroma(read_photographs([file])[0] for file in files)
        self.say(f"{MEAN}: Cb {mean[0]:+.4f}, Cr {mean[1]:+.4f}, of {len(files)} photographs")
        sepia = chosen_sepia(SEPIA, pictures)
        self.say(f"{SEPIA}: Cb {sepia.chroma[0]:+.4f}, Cr {sepia.chroma[1]:+.4f}")
        return Tint(GREY, (0.0, 0.0)), sepia, Tint(MEAN, mean)

    def measured(
        self, name: str, split: str, baselines: Sequence[Tint], stages: Sequence[StageColors]
    ) -> ColorRows:
        """Photographs of `split` made grey, through every method. Sheets show them grey, as each
        stage draws them, and in their true colours."""
        methods: list[ColorMethod] = [*baselines, *stages]
        rows = ColorRows(methods, stages)
        kept = 0
        for number, count, path, photograph in self._photographs(split):
            pictures = rows.measure(path, photograph)
            for tint in (SEPIA, MEAN):
                pictures.pop(tint, None)
            if self.sheets.wanted(number, count):
                self.sheets.keep(f"{name} {kept // _A_SHEET + 1:02}", path, pictures)
                kept += 1
            self.say(f"{name}: {number + 1} of {count}, {path}")
        return rows

    def _photographs(self, split: str) -> Iterator[tuple[int, int, str, Image]]:
        """(number, how many, name, pixels)."""
        files = self._files(split)
        taken = spread(len(files), self.limit)
        for number, index in enumerate(taken):
            (photograph,) = read_photographs([files[index]])
            yield number, len(taken), files[index].name, photograph

    def _files(self, split: str) -> list[Path]:
        return photograph_files(self.folder, splits_of(self.splits, self.folder), (split,))
