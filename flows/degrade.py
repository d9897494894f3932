"""`albumen degrade`: test sets of damaged photographs, with the truth beside them.

For judging a restorer on one's own photographs: what is written holds the damaged picture, the
same without the damage, the clean one, and the masks, all by seeds that give the same set again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.exit_codes import ExitCode
from tasks.errors import UsageError

if TYPE_CHECKING:
    from models.training.degradation.sets import Photograph

LIST = "degraded.csv"

Source = Annotated[Path, typer.Argument(help="Folder of clean photographs. Only ever read.")]
Destination = Annotated[
    Path,
    typer.Argument(
        help="Folder for degraded/, worn/ (aged, not damaged), clean/, masks/, ignored/ "
        f"and {LIST}."
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same set.", min=0)]
Preset = Annotated[
    Literal["training", "evaluation", "structured"],
    typer.Option(
        help="'evaluation' is what the published figures are made with; 'training' the wider "
        "range that networks learn from; 'structured' scratches and losses without ageing."
    ),
]
Count = Annotated[
    int | None, typer.Option(help="At most so many photographs, in path order.", min=1)
]
Variants = Annotated[int, typer.Option(help="Versions of each photograph.", min=1)]
TexturesFolder = Annotated[
    Path | None,
    typer.Option(
        "--textures",
        help="Folder with mask_*.png (white is damage) and paper_*.png; without it all damage "
        "is drawn.",
    ),
]
Sheet = Annotated[
    Path | None,
    typer.Option(
        help="Also write a contact sheet (.jpg or .png): clean, worn, degraded and mask of each."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `degrade` to the command line."""
    app.command("degrade")(degrade)


def degrade(
    source: Source,
    destination: Destination,
    seed: Seed = 20261122,
    severity: Preset = "evaluation",
    count: Count = None,
    variants: Variants = 1,
    textures: TexturesFolder = None,
    sheet: Sheet = None,
) -> int:
    """Age and damage the photographs of SOURCE into DESTINATION, with masks: a test set."""
    from models.training.data import NoPhotographs, photograph_files
    from models.training.degradation import (
        EVALUATION,
        STRUCTURED_ONLY,
        TRAINING,
        NoTextures,
        Textures,
        sets,
    )

    if destination.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"degrade: {destination} lies in {source}: the next run would degrade what this one "
            "wrote. Give a DESTINATION elsewhere."
        )
    if sheet is not None and sheet.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise UsageError(f"degrade: --sheet must end in .jpg or .png, not {sheet.name}.")
    presets = {"training": TRAINING, "evaluation": EVALUATION, "structured": STRUCTURED_ONLY}
    try:
        files = photograph_files(source)[:count]
        from_folder = Textures.load(textures)
    except (NoPhotographs, NoTextures) as error:
        raise UsageError(f"degrade: {error}") from error
    rows, strips = [], []
    for row, made in sets.write_set(
        _readable(files, source), destination, seed, presets[severity], from_folder, variants
    ):
        rows.append(row)
        if sheet is not None:
            strips.append(sets.strip(made))
    if not rows:
        raise UsageError(f"degrade: none of the pictures in {source} can be read.")
    sets.write_list(destination / LIST, rows)
    if sheet is not None:
        sets.save(sheet, sets.contact_sheet(strips, min(variants, 2)))
    mean = sum(row.psnr_degraded for row in rows) / len(rows)
    damaged = sum(row.mask for row in rows) / len(rows)
    print(
        f"{len(rows)} pictures, {damaged:.1%} of the pixels damaged; degraded against clean: "
        f"mean PSNR {mean:.2f} dB. {destination / LIST} says what was drawn."
    )
    return ExitCode.OK


def _readable(files: list[Path], source: Path) -> Iterator[Photograph]:
    """Each file that is a picture, numbered in path order; the others are named and left out."""
    from models.training.data import NoPhotographs, read_photographs
    from models.training.degradation.sets import Photograph

    for number, path in enumerate(files):
        try:
            (pixels,) = read_photographs([path])
        except NoPhotographs as error:
            print(f"albumen: left out: {error}", file=sys.stderr)
            continue
        yield Photograph(pixels, path.relative_to(source).as_posix(), number)
