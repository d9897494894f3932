"""Which scans of the inventory are wanted: a catalogue's list, or a pilot sample.

A list is a CSV file in UTF-8 (a byte order mark is allowed). Its first line names the columns:
`path`, the path below SOURCE, and optionally `stages` (names separated by spaces, `+` or `;`,
or `none`), `colorize` (auto, always, never) and `faces` (off, detect, enhance) for that scan
alone; an empty field keeps what the run uses. Columns whose name begins with `#` are the
catalogue's own and are passed over; any other is refused, lest a misspelt `colorize` be
obeyed by nobody. There are no comment lines: a path may begin with `#`.
Paths match whatever Unicode form (NFC, NFD) either side spells them in.
"""

from __future__ import annotations

import csv
import hashlib
import heapq
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from tasks.errors import UsageError
from tasks.recipe import Colorize, Faces, Recipe, in_order
from tasks.records import STAGE_NAMES, Scan, StageName

_COLUMNS = ("path", "stages", "colorize", "faces")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list asks for one scan; None keeps what the run uses."""

    stages: tuple[StageName, ...] | None = None
    colorize: str | None = None
    faces: str | None = None


@dataclass(slots=True)
class Selection:
    """Scans chosen from the inventory, each with its recipe.

    `wishes` (None: every scan) by path; `sample` keeps that many of them, spread evenly over
    the collection and the same every night. After `pick` has ended, `missing` holds the
    listed paths that the inventory did not have.
    """

    wishes: dict[str, Wish] | None = None
    sample: int | None = None
    missing: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every scan is chosen."""
        return self.wishes is None and self.sample is None

    @property
    def stages(self) -> frozenset[str]:
        """The stages that wishes name: lanes need them even where the run's options do not."""
        return frozenset(s for wish in (self.wishes or {}).values() for s in wish.stages or ())

    @property
    def faces(self) -> frozenset[str]:
        """What wishes ask for faces, where they ask for anything."""
        return frozenset(wish.faces for wish in (self.wishes or {}).values() if wish.faces)

    @property
    def colorize(self) -> frozenset[str]:
        """What wishes ask of the colour stage, where they ask for anything."""
        return frozenset(w.colorize for w in (self.wishes or {}).values() if w.colorize)

    def pick(self, scans: Iterable[Scan], recipe: Recipe) -> Iterator[tuple[Scan, Recipe]]:
        """The chosen scans in the order of the inventory."""
        chosen = self._sampled(self._listed(scans)) if self.sample else self._listed(scans)
        recipes = {Wish(): recipe}
        for scan in chosen:
            wish = Wish() if self.wishes is None else self.wishes[_key(scan.relative_path)]
            if wish not in recipes:
                recipes[wish] = recipe.override(wish.stages, wish.colorize, wish.faces)
            yield scan, recipes[wish]

    def _listed(self, scans: Iterable[Scan]) -> Iterator[Scan]:
        if self.wishes is None:
            yield from scans
            return
        seen: set[str] = set()
        for scan in scans:
            key = _key(scan.relative_path)
            if key in self.wishes:
                seen.add(key)
                yield scan
        self.missing = [path for path in self.wishes if path not in seen]

    def _sampled(self, scans: Iterable[Scan]) -> list[Scan]:
        """The scans whose paths hash lowest: even over folders, and stable as scans arrive."""
        numbered = enumerate(scans)
        lowest = heapq.nsmallest(self.sample or 0, numbered, key=lambda item: _draw(item[1]))
        return [scan for _, scan in sorted(lowest, key=lambda item: item[0])]


def read_list(file: Path, sample: int | None = None) -> Selection:
    """The selection that a CSV list describes.

    Raises UsageError, naming the line, for a list that cannot be obeyed.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return Selection(_read(lines, file.name), sample)
    except OSError as error:
        raise UsageError(f"--list {file}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"--list {file} is not UTF-8 ({error}). Export it as UTF-8.") from None
    except csv.Error as error:
        raise UsageError(f"--list {file} is not a CSV file: {error}.") from None


def _read(lines: Iterable[str], name: str) -> dict[str, Wish]:
    reader = csv.reader(lines, strict=True)
    columns = [column.strip().lower() for column in next(reader, [])]
    _check_columns(columns, name)
    wishes: dict[str, Wish] = {}
    while True:
        begins = reader.line_num + 1  # a quoted field may hold line breaks
        row = next(reader, None)
        if row is None:
            break
        if not any(field.strip() for field in row):
            continue
        where = f"--list {name}, line {begins}"
        if len(row) != len(columns):
            raise UsageError(f"{where}: {len(row)} fields, but {len(columns)} columns.")
        fields = dict(zip(columns, row, strict=True))
        path = fields["path"].removeprefix("./")
        if not path.strip():
            raise UsageError(f"{where}: the path is empty.")
        if path.startswith("/") or "://" in path:
            raise UsageError(f"{where}: {path!r} must be a path below SOURCE.")
        if _key(path) in wishes:
            raise UsageError(f"{where}: {path!r} was listed before.")
        wishes[_key(path)] = _wish(fields, where)
    if not wishes:
        raise UsageError(f"--list {name} names no scan.")
    return wishes


def _check_columns(columns: list[str], name: str) -> None:
    where = f"--list {name}, line 1"
    if "path" not in columns:
        raise UsageError(
            f"{where}: it must name the columns, `path` and optionally {', '.join(_COLUMNS[1:])}."
        )
    for column in columns:
        if column not in _COLUMNS and not column.startswith("#"):
            raise UsageError(
                f"{where}: unknown column {column!r}. Known: {', '.join(_COLUMNS)}; begin the "
                f"name of a column of your own with #."
            )
    known = [column for column in columns if column in _COLUMNS]
    if len(known) != len(set(known)):
        raise UsageError(f"{where}: a column is named twice.")


def _wish(fields: dict[str, str], where: str) -> Wish:
    def choice(column: str, known: tuple[str, ...]) -> str | None:
        value = fields.get(column, "").strip().lower()
        if value and value not in known:
            raise UsageError(
                f"{where}: {column} is one of {', '.join(known)}, or empty, not {value!r}."
            )
        return value or None

    stages = fields.get("stages", "").strip().lower()
    try:
        names = [] if stages == "none" else [s for s in re.split(r"[\s+;,]+", stages) if s]
        wanted = in_order(names)
    except UsageError:
        raise UsageError(
            f"{where}: stages {stages!r}: name some of {', '.join(STAGE_NAMES)}, or none."
        ) from None
    return Wish(
        wanted if stages else None,
        choice("colorize", get_args(Colorize)),
        choice("faces", get_args(Faces)),
    )


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _draw(scan: Scan) -> bytes:
    return hashlib.blake2b(scan.relative_path.encode(), digest_size=8).digest()
