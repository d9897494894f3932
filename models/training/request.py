"""What a training is asked for, in one flat record; what it reads before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.training.color_samples import in_color, reduced
from models.training.data import Image, NoPhotographs, photograph_files, read_photographs
from models.training.face_samples import read_faces

Recipe = Literal["scratch", "damage", "tone", "faces", "color"]

PARTS: Mapping[str, Mapping[str, float]] = {
    "scratch": {"scratch": 1.0},
    "damage": {
        "autoencoder-old": 0.2,
        "autoencoder-clean": 0.2,
        "mapping": 0.35,
        "direct": 0.25,
    },
    "tone": {"tone": 1.0},
    "faces": {"faces": 1.0},
    "color": {"generator": 0.65, "critic": 0.1, "adversarial": 0.25},
}
"""The parts of each recipe in the order they need one another, and their shares of the minutes."""

REPEATED = ("critic", "adversarial")
"""The parts that `repeats` repeats, one after the other; the second time as `critic-2` etc."""

MOST_REPEATS = 10

_HELD_OUT = 30  # photographs, where no folder of them is given
_HELD_OUT_SHARE = 10  # but at most one photograph in so many
_HELD_OUT_EDGE = 384  # pixels: the middle of each is what scores are measured on


class BadRequest(ValueError):
    """A training cannot be done as it was asked for; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Request:
    """One training.

    `photographs` are folders of clean pictures, `old` one of real old ones, `textures` one of
    damage masks and papers, `held_out` one of pictures for the score (without it, some of
    `photographs` are set aside). `splits` is a CSV (folder, file, split): then only `train` is
    trained on, and only `calibration` is held out. Everything is written below `out`. `minutes`
    are shared by the parts; `part` trains one of them alone, for all of them. `steps` bounds
    each part by steps instead. `start` is a file of weights that a part begins from, as another
    training wrote it. `settings` are further keywords of the parts' recipes.
    """

    recipe: Recipe
    photographs: Sequence[Path]
    out: Path
    old: Path | None = None
    textures: Path | None = None
    held_out: Path | None = None
    splits: Path | None = None
    minutes: float = 60.0
    steps: int | None = None
    part: str | None = None
    start: Path | None = None
    width: int | None = None
    batch: int | None = None
    crop: int | None = None
    device: str = "auto"
    seed: int = 1
    workers: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def shares(self) -> dict[str, float]:
        """The parts to train, in order, with their share of the minutes.

        Raises `BadRequest` for an unknown recipe or part, and for numbers out of range.
        """
        if self.recipe not in PARTS:
            raise BadRequest(f"no recipe {self.recipe!r}; there are {', '.join(PARTS)}")
        parts = _repeated(PARTS[self.recipe], self.settings)
        if self.part is not None and self.part not in parts:
            raise BadRequest(
                f"no part {self.part!r} in the recipe {self.recipe}; there are {', '.join(parts)}"
            )
        if not self.minutes > 0:
            raise BadRequest(f"minutes must be more than 0, not {self.minutes}")
        for name in ("steps", "width", "batch", "crop"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadRequest(f"{name} must be at least 1, not {value}")
        if self.crop is not None and self.crop % 16:
            raise BadRequest(f"crop must be a multiple of 16 pixels, not {self.crop}")
        shares = {self.part: 1.0} if self.part else dict(parts)
        if self.width is not None and len(shares) > 1:
            raise BadRequest(f"one width does not fit {', '.join(shares)}: name one part")
        if self.start is not None and len(shares) > 1:
            raise BadRequest(f"one start does not fit {', '.join(shares)}: name one part")
        return shares


def base(part: str) -> str:
    """The part that `part` repeats: `critic` of `critic-2`; any other as it is."""
    name, _, number = part.rpartition("-")
    return name if name in REPEATED and number.isdecimal() else part


def _repeated(parts: Mapping[str, float], settings: Mapping[str, str]) -> dict[str, float]:
    """`parts` with the second and further rounds, which share the minutes of the first."""
    if "critic" not in parts:
        return dict(parts)
    try:
        repeats = int(settings.get("repeats", "1"))
    except ValueError as error:
        raise BadRequest(f"repeats={settings['repeats']}: a number like 3 is wanted") from error
    if not 1 <= repeats <= MOST_REPEATS:
        raise BadRequest(f"repeats must be from 1 to {MOST_REPEATS}, not {repeats}")
    made = {name: share for name, share in parts.items() if name not in REPEATED}
    for number in range(1, repeats + 1):
        suffix = f"-{number}" if number > 1 else ""
        made |= {f"{name}{suffix}": parts[name] / repeats for name in REPEATED}
    return made


def settings_from(pairs: Sequence[str]) -> dict[str, str]:
    """`name=value` words as a mapping. Raises `BadRequest` for a word without `=`."""
    for pair in pairs:
        if "=" not in pair:
            raise BadRequest(f"--set takes NAME=VALUE, not {pair!r}")
    return {name.strip(): value for name, _, value in (pair.partition("=") for pair in pairs)}


@dataclass(frozen=True, slots=True)
class Photographs:
    """Pictures in memory, HxWx3 uint8: one set for each folder, in the proportions `shares`."""

    sets: tuple[tuple[Image, ...], ...]
    shares: tuple[float, ...]
    held_out: tuple[Image, ...]
    old: tuple[Image, ...]
    left_out: int = 0
    """Photographs, of both, that teach this recipe nothing."""


def read(request: Request) -> Photographs:
    """Read every picture that `request` names, each folder drawn from as often as it is large.

    Raises `models.training.data.NoPhotographs` for a folder without any, `BadRequest` for
    splits that are no file.
    """
    if request.splits is not None and not request.splits.is_file():
        raise BadRequest(f"{request.splits} is no file of splits")
    listed = [photograph_files(folder, request.splits) for folder in request.photographs]
    if not listed:
        raise BadRequest("no folder of photographs was named")
    if request.held_out is not None:
        kept = photograph_files(request.held_out, request.splits, ("calibration",))
    else:
        listed, kept = _set_aside(listed)
    reader = _READERS.get(request.recipe, read_photographs)
    sets = tuple(tuple(reader(files)) for files in listed)
    shown = reduced if request.recipe == "color" else _middle
    held_out = tuple(shown(image) for image in reader(kept))
    counts = [len(files) for files in listed]
    left_out = 0
    if request.recipe == "color":
        left_out = sum(counts) + len(kept) - sum(map(len, sets)) - len(held_out)
        counts = [len(images) for images in sets]
    old = photograph_files(request.old, request.splits) if request.old else []
    return Photographs(
        sets=sets,
        shares=tuple(count / sum(counts) for count in counts),
        held_out=held_out,
        old=tuple(read_photographs(old)),
        left_out=left_out,
    )


def _read_in_color(files: Sequence[Path]) -> list[Image]:
    found = in_color(read_photographs(files))
    if not found:
        raise NoPhotographs(f"none of {len(files)} photographs in {files[0].parent} is in colour")
    return found


_READERS = {"faces": read_faces, "color": _read_in_color}


def _set_aside(listed: Sequence[Sequence[Path]]) -> tuple[list[list[Path]], list[Path]]:
    """Some photographs of the first folder, evenly spread, for the score alone."""
    first = listed[0]
    every = max(_HELD_OUT_SHARE, len(first) // _HELD_OUT)
    kept = list(first[every - 1 :: every])
    if not kept:
        raise BadRequest(
            f"{len(first)} photographs are too few to set some aside for the score: "
            f"give {_HELD_OUT_SHARE} or more, or a folder of held-out ones"
        )
    rest = [path for path in first if path not in set(kept)]
    return [rest, *map(list, listed[1:])], kept


def _middle(image: Image) -> Image:
    height, width = image.shape[:2]
    top, left = (max(0, (side - _HELD_OUT_EDGE) // 2) for side in (height, width))
    return image[top : top + _HELD_OUT_EDGE, left : left + _HELD_OUT_EDGE]
