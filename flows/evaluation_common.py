"""What the commands of `albumen evaluate` share: options, sheets, what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tasks.errors import StorageError

TexturesFolder = Annotated[
    Path | None, typer.Option("--textures", help="Folder of damage masks and paper surfaces.")
]
Splits = Annotated[
    Path | None,
    typer.Option(help="CSV with the columns folder, file, split; without it all files count."),
]
Split = Annotated[str, typer.Option(help="Which split is measured on.")]
Out = Annotated[Path, typer.Option(help="Folder for tables, plots and sheets.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="At most this many photographs of each folder.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of torch and OpenCV.", show_default="all cores")
]


class WeightsUnusable(StorageError):
    """A model that was asked for has no usable weights."""


def say(line: str) -> None:
    """Print at once: evaluations are long."""
    print(line, flush=True)


def write_sheets(
    sheets: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]],
    out: Path,
    cell: int,
    detail: int | None = None,
) -> None:
    """`sheet_NAME.jpg` in `out` for each of `sheets`, pictures of at most `cell` pixels; and
    `detail_NAME.jpg` at full size, `detail` pixels square, where that is given."""
    from flows.evaluation_sheets import write_details, write_sheet

    for name, rows in sheets.items():
        write_sheet(rows, out / f"sheet_{file_name(name)}.jpg", cell)
        if detail is not None:
            write_details(rows, out / f"detail_{file_name(name)}.jpg", detail)


def file_name(name: str) -> str:
    """A name without spaces and commas."""
    return name.replace(",", "").replace(" ", "_")
