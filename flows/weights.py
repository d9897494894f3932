"""`albumen weights`: what weights there are, and getting those that do not ship with Albumen."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import typer

from flows.exit_codes import ExitCode
from flows.options import Json
from tasks.errors import StorageError

if TYPE_CHECKING:
    from models.weights import WeightFile
    from models.weights.imports import Outcome

_DOWNLOADS = "downloads"
_SECONDS_BETWEEN_LINES = 5.0

weights = typer.Typer(
    help="The weights of the networks: list, fetch, import and verify them.",
    no_args_is_help=True,
)

Checkpoints = Annotated[
    Path,
    typer.Argument(
        help="The published zip (global_checkpoints.zip), the folder it was unpacked to, or one "
        "checkpoint."
    ),
]
Name = Annotated[
    str | None,
    typer.Option(help="Which weights PATH is, where its own name does not say so."),
]


class WeightsUnusable(StorageError):
    """Weights are missing, altered or unsafe; the message says which, and what to do."""


def register(app: typer.Typer) -> None:
    """Add `weights` to the command line."""
    app.add_typer(weights, name="weights")


@weights.command("list")
def list_weights(as_json: Json = False) -> int:
    """Show every file of weights: whether it is there, what network, whose licence."""
    from models.weights import table, weights_folder

    rows = [(row, *_state(row)) for row in table.WEIGHTS]
    if as_json:
        data = [_described(row) | {"status": s, "problem": problem} for row, s, problem in rows]
        print(json.dumps({"folder": str(weights_folder()), "weights": data}, indent=1))
        return ExitCode.OK
    lines = [("name", "stage", "status", "size", "licence", "network")]
    lines += [
        (row.name, row.stage, status, _size(row), row.licence, _network(row))
        for row, status, _ in rows
    ]
    print("\n".join(_aligned(lines)))
    print("".join(f"\n{row.name}: {problem}." for row, _, problem in rows if problem), end="")
    print(f"\nImported weights lie in {weights_folder()} ($ALBUMEN_WEIGHTS names another folder).")
    return ExitCode.OK


@weights.command("import")
def import_weights(path: Checkpoints, name: Name = None, as_json: Json = False) -> int:
    """Check published checkpoints and convert them for Albumen. Runs no code that is in them.

    Exit code 0 when what was found is in place, 4 when nothing was, or when any was refused.
    """
    from models.weights.imports import import_path

    with _explained():
        outcomes = import_path(path, name)
    return _report(outcomes, as_json)


@weights.command()
def fetch(as_json: Json = False) -> int:
    """Download the published weights that are not there yet, and import them.

    The only command that downloads anything. Interrupted, it goes on where it stopped.
    """
    from flows.download import Download
    from models.weights import WeightsError, table, weights_folder
    from models.weights.imports import import_path

    wanted = [row for row in table.WEIGHTS if row.url and _state(row)[0] != "imported"]
    outcomes: list[Outcome] = []
    for url in dict.fromkeys(row.url for row in wanted if row.url):
        file_name = Path(urlsplit(url).path).name
        target = weights_folder() / _DOWNLOADS / file_name
        # Where the download is the file of the table itself, its size and hash are known.
        itself = next((row for row in wanted if (row.url, row.member) == (url, file_name)), None)
        with _explained():
            if not target.exists():
                known = (itself.sha256, itself.size) if itself else (None, None)
                Download(url, target, *known, progress=_Lines(file_name)).run()
            try:
                found = import_path(target)
            except WeightsError as error:
                target.unlink()
                raise WeightsUnusable(f"{error} The download was deleted.") from error
        outcomes += found
        if any(outcome.status == "refused" for outcome in found):
            print(f"{target} is kept; delete it to download it again.", file=sys.stderr)
        else:
            target.unlink()
    if not outcomes and not as_json:
        print("All published weights are there.")
        return ExitCode.OK
    return _report(outcomes, as_json)


@weights.command()
def verify(as_json: Json = False) -> int:
    """Hash all weights that are here again and compare them with what is on record."""
    from models.weights import WeightsError, table
    from models.weights.store import checked_file

    found: dict[str, str] = {}
    for row in table.WEIGHTS:
        if _state(row)[0] == "missing" and not row.embedded:
            continue
        try:
            checked_file(row.name)
            found[row.name] = ""
        except WeightsError as error:
            found[row.name] = str(error)
    problems = {name: problem for name, problem in found.items() if problem}
    if as_json:
        print(json.dumps({"checked": list(found), "problems": problems}, indent=1))
    else:
        print(f"checked: {len(found)} files of weights")
        print("\n".join(f"  {problem}" for problem in problems.values()) or "All are as recorded.")
    return ExitCode.DIFFERENCES if problems else ExitCode.OK


Status = Literal["embedded", "imported", "missing", "incomplete"]


def _state(row: WeightFile) -> tuple[Status, str]:
    """Whether weights are there, by names and sizes alone, and what is wrong with them."""
    from models.weights import WeightsError, location
    from models.weights.table import record_of

    path = location(row.name)
    record = path.with_suffix(".json")
    if not path.exists() and (row.embedded or not record.exists()):
        return "missing", ""
    try:
        found = None if row.embedded else record_of(row)
    except WeightsError as error:
        return "incomplete", str(error)
    size = found.size if found else row.size
    if not path.exists() or path.stat().st_size != size:
        return "incomplete", f"{path} is not the {size} bytes on record"
    if found is None:
        return "embedded", ""
    other = found.published is False
    return "imported", "made from another file than the published one" if other else ""


def _described(row: WeightFile) -> dict[str, Any]:
    from models.weights import location

    return asdict(row) | {"path": str(location(row.name))}


def _network(row: WeightFile) -> str:
    settings = ", ".join(f"{key}={value}" for key, value in row.settings.items())
    return f"{row.network}({settings}), {row.parameters / 1e6:.1f} M"


def _size(row: WeightFile) -> str:
    """Megabytes of the file as it is here or, once imported, would be."""
    return f"{(row.size or 4 * row.parameters) / 1e6:.1f} MB"


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _report(outcomes: Sequence[Outcome], as_json: bool) -> int:
    """Print what became of every row; the exit code that says whether all is well."""
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        lines = [(outcome.name, outcome.status, outcome.reason) for outcome in outcomes]
        print("\n".join(_aligned(lines)))
    states = {outcome.status for outcome in outcomes}
    placed = states & {"imported", "present"}
    return ExitCode.OK if placed and "refused" not in states else ExitCode.ENVIRONMENT


@contextmanager
def _explained() -> Iterator[None]:
    """Errors about weights and about the disk, as errors of the command line."""
    from models.weights import WeightsError

    try:
        yield
    except WeightsError as error:
        raise WeightsUnusable(str(error)) from error
    except OSError as error:
        raise StorageError(f"{error.filename or 'the disk'}: {error.strerror}.") from error


@dataclass(slots=True)
class _Lines:
    """Progress of a download on standard error, a line every few seconds."""

    name: str
    _told: float = 0.0

    def __call__(self, have: int, total: int | None) -> None:
        if time.monotonic() - self._told < _SECONDS_BETWEEN_LINES and have != total:
            return
        self._told = time.monotonic()
        whole = f" of {total / 1e6:.1f}" if total else ""
        print(f"{self.name}: {have / 1e6:.1f}{whole} MB", file=sys.stderr, flush=True)
