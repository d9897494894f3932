"""The one table of weights, and where their files lie. Imports no torch, hashes no file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.weights.errors import WeightsMissing, WeightsTruncated
from models.weights.published import KEPT, PUBLISHED
from models.weights.row import WeightFile

EMBEDDED_FOLDER = Path(__file__).parent.parent / "embedded"


def embedded_rows(folder: Path) -> tuple[WeightFile, ...]:
    """The rows of `folder`/table.json: every file that ships inside the package."""
    path = folder / "table.json"
    if not path.exists():
        return ()
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return tuple(WeightFile(name=name, embedded=True, **row) for name, row in rows.items())


WEIGHTS: tuple[WeightFile, ...] = (*embedded_rows(EMBEDDED_FOLDER), *PUBLISHED, *KEPT)


def row_of(name: str) -> WeightFile:
    """The row called `name`. Raises `WeightsMissing` where there is none."""
    for row in WEIGHTS:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in WEIGHTS)
    raise WeightsMissing(f"no weights are called {name!r}; there are {known}")


def weights_folder() -> Path:
    """Where imported weights lie: $ALBUMEN_WEIGHTS, else ~/.local/share/albumen/weights."""
    chosen = os.environ.get("ALBUMEN_WEIGHTS")
    return Path(chosen) if chosen else Path.home() / ".local" / "share" / "albumen" / "weights"


def location(name: str) -> Path:
    """Where the file of `name` lies, or would lie once it is imported."""
    row = row_of(name)
    return (EMBEDDED_FOLDER if row.embedded else weights_folder()) / row.file


@dataclass(frozen=True, slots=True)
class Record:
    """What `import` writes beside a converted file, last of all: its completion marker.

    `sha256` and `size` (bytes) are those of the converted file; `source_file` is the base name
    of the file it was made from. `published` is whether that was the very file of the table
    (None where the table knows no hash).
    """

    name: str
    sha256: str
    size: int
    source_file: str
    source_sha256: str
    published: bool | None

    def to_json(self) -> str:
        """The same bytes for the same record."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def record_of(row: WeightFile) -> Record:
    """The record of imported weights. `WeightsMissing` where they are not imported,
    `WeightsTruncated` where the record cannot be read."""
    path = location(row.name).with_suffix(".json")
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise missing(row) from None
    except (ValueError, TypeError) as error:
        raise WeightsTruncated(
            f"{path}: not a record of imported weights ({error}). Delete it and import "
            f"{row.name} again: albumen weights import PATH."
        ) from error


def missing(row: WeightFile) -> WeightsMissing:
    """The error that says how to get the weights of `row`."""
    path = location(row.name)
    if row.embedded:
        return WeightsMissing(f"{path} is missing: it is part of Albumen; install Albumen again.")
    return WeightsMissing(
        f"weights {row.name} are not in {path.parent}. Download {row.url} and run "
        "'albumen weights import PATH' with it, or run 'albumen weights fetch'; "
        "$ALBUMEN_WEIGHTS names another folder."
    )


def sha256_of(name: str) -> str:
    """sha256 of the file of `name` as recorded (nothing is hashed), for the recipe.

    Raises `WeightsMissing` for an unknown name and for weights that are not imported.
    """
    row = row_of(name)
    if not row.embedded:
        return record_of(row).sha256
    if row.sha256 is None:
        raise WeightsMissing(f"the table of embedded weights gives no sha256 for {name}")
    return row.sha256
