"""How often the tone of a photograph is decided rightly: a confusion table on labelled pictures.

Labels are a CSV with the columns folder, file, split and kind; kinds of `REAL`. Pictures whose
tone was made (`tone_pictures`) are counted apart. The error that does harm is a photograph in
colour that is colourized; the other leaves a print as it is.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from models.contract import Tone
from models.evaluation.tone_pictures import COLOR, PRINT, WANTED, Image, made_from
from models.look import look
from models.training.data import read_photographs

REAL = {"colour": COLOR, "old colour": COLOR, "sparse colour": COLOR, "print": PRINT}
"""Kind of a real photograph to what it may be taken for. `old colour`: transparencies and
prints of decades ago, faded or dark. `sparse colour`: chosen because they show little of it, grey
things in colour or one hue; the hardest of thousands, so no share of collections. `print`: grey
or toned, whichever."""

_MADE_FROM = "colour"
_TONES: tuple[Tone, ...] = get_args(Tone)


class BadToneLabels(ValueError):
    """A row of the labels that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photograph and what somebody who looked at it says it is."""

    folder: str
    file: str
    kind: str


@dataclass(slots=True)
class Confusion:
    """Counts of (kind, whether made, decided tone), and the pictures decided wrongly."""

    counts: Counter[tuple[str, bool, Tone]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, kind: str, made: bool, tone: Tone) -> None:
        """Count a picture."""
        self.counts[kind, made, tone] += 1
        if tone not in _wanted(kind, made):
            self.wrong.append(f"{name} ({kind}{', made' if made else ''}): {tone}")

    def pictures(self, made: bool) -> int:
        """How many pictures were counted, made or real."""
        return sum(count for (_, how, _), count in self.counts.items() if how == made)

    def rate(self, wanted: frozenset[Tone], made: bool) -> tuple[int, int]:
        """(decided wrongly, all) of the pictures that should be `wanted` (COLOR or PRINT)."""
        wrong = total = 0
        for (kind, how, tone), count in self.counts.items():
            if how == made and _wanted(kind, how) == wanted:
                total += count
                wrong += count if tone not in wanted else 0
        return wrong, total

    def __str__(self) -> str:
        lines = [
            "| picture | is | decided monochrome | toned | colour | wrong |",
            "|---|---|---|---|---|---|",
        ]
        for made, kinds in ((False, REAL), (True, WANTED)):
            for kind, wanted in kinds.items():
                counts = [self.counts[kind, made, tone] for tone in _TONES]
                if not sum(counts):
                    continue
                wrong = sum(n for tone, n in zip(_TONES, counts, strict=True) if tone not in wanted)
                cells = (kind, "made" if made else "real", *map(str, counts), str(wrong))
                lines.append("| " + " | ".join(cells) + " |")
        for made in (False, True):
            spoilt, colors = self.rate(COLOR, made)
            missed, prints = self.rate(PRINT, made)
            lines.append(
                f"\n{'made' if made else 'real'}: {spoilt} of {colors} in colour would be "
                f"colourized ({_share(spoilt, colors)}), {missed} of {prints} prints left "
                f"without ({_share(missed, prints)})"
            )
        return "\n".join(lines)


def read_tone_labels(file: Path, splits: Collection[str]) -> list[Labelled]:
    """The labelled pictures of `splits`. Raises `BadToneLabels` for a kind that is none."""
    found = []
    with file.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["kind"] not in REAL:
                raise BadToneLabels(
                    f"{file}: kind {row['kind']!r} of {row['file']} is none of {', '.join(REAL)}"
                )
            if row["split"] in splits:
                found.append(Labelled(row["folder"], row["file"], row["kind"]))
    return found


def measure_decision(
    photographs: Path,
    labels: Path,
    splits: Collection[str],
    say: Callable[[str], None] = print,
) -> Confusion:
    """The confusion on the labelled pictures of `splits` below `photographs`, and on those made
    from the ones in colour; decided as a run decides, by `models.look`.

    Says the table, and each picture decided wrongly. Raises `BadToneLabels`, and `NoPhotographs`
    where a file is missing.
    """
    confusion = Confusion()
    for name, kind, made, picture in _pictures(photographs, read_tone_labels(labels, splits)):
        confusion.add(name, kind, made, look(picture, detect_faces=False).tone)
    say(str(confusion))
    for line in confusion.wrong:
        say(f"wrong: {line}")
    return confusion


def _pictures(
    photographs: Path, labelled: Collection[Labelled]
) -> Iterator[tuple[str, str, bool, Image]]:
    for number, one in enumerate(labelled):
        (picture,) = read_photographs([photographs / one.folder / one.file])
        name = f"{one.folder}/{one.file}"
        yield name, one.kind, False, picture
        if one.kind == _MADE_FROM:
            for kind, made in made_from(picture, number):
                yield name, kind, True, made


def _wanted(kind: str, made: bool) -> frozenset[Tone]:
    return (WANTED if made else REAL)[kind]


def _share(part: int, total: int) -> str:
    return f"{part / total:.1%}" if total else "none there"
