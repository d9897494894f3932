"""The options that `albumen evaluate color` does not share with the other evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Photos = Annotated[Path, typer.Option(help="Folder of photographs in colour, made grey here.")]
Train = Annotated[
    Path | None,
    typer.Option(help="Folder of training photographs, for their mean chroma (split 'train')."),
]
ChosenOn = Annotated[
    str, typer.Option(help="Split that saturation and the sepia tint's strength are chosen on.")
]
Model = Annotated[str, typer.Option(help="The model of the colour stage.")]
Weights = Annotated[
    list[Path] | None,
    typer.Option(
        help="Weights of a training instead of --model. May be repeated: then they are compared."
    ),
]
Saturation = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=2.0,
        help="What predicted chroma is multiplied with.",
        show_default="chosen on --chosen-on, for each network",
    ),
]
RenderFactor = Annotated[
    int | None,
    typer.Option(
        min=4, max=64, help="16 pixels of side each.", show_default="what the stage chooses"
    ),
]
Labels = Annotated[
    Path | None, typer.Option(help="CSV of labelled tones: folder, file, split, kind.")
]
Labelled = Annotated[
    Path | None, typer.Option(help="Folder that the folders named in --labels lie in.")
]
Kept = Annotated[int, typer.Option("--sheets", min=0, help="How many photographs to look at.")]
Costs = Annotated[
    bool, typer.Option("--costs", help="Time and memory too (bench/color.py of a checkout).")
]
Calibrate = Annotated[
    bool, typer.Option("--calibrate", help="Only try render factors and saturations.")
]
