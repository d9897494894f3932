"""`albumen train`: the recipes of `models.training` from the command line, with their curves.

No Prefect flow: a training is one process that owns its device for hours and resumes from its
own checkpoint, so there is nothing to plan, to spread over a cluster or to try again by task; a
server to report to would only be one more thing that can fail on a bare GPU machine. There,
`python -m models.training` takes the same options and needs no Prefect at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.exit_codes import ExitCode
from tasks.errors import UsageError

_PHOTOGRAPHS = "What to learn from"
_RECIPE = "How to learn"

Recipe = Annotated[
    Literal["scratch", "damage", "tone", "faces", "color"],
    typer.Argument(
        help="'scratch' the detector of damage; 'damage' both autoencoders, the mapping between "
        "them, and the direct network, in turn; 'tone' the network that undoes fading; 'faces' "
        "the enhancer of aligned faces; 'color' the colour generator, its critic, and the two "
        "against each other, in turn."
    ),
]
Photographs = Annotated[
    list[Path], typer.Argument(help="One or more folders of clean photographs.")
]
Out = Annotated[
    Path,
    typer.Option(
        help="Folder for checkpoints, scores, curves and weights. The same command again goes "
        "on from what it holds."
    ),
]
Old = Annotated[
    Path | None,
    typer.Option(
        help="Folder of real old photographs, for the autoencoder of old photographs.",
        rich_help_panel=_PHOTOGRAPHS,
    ),
]
TexturesFolder = Annotated[
    Path | None,
    typer.Option(
        "--textures",
        help="Folder of damage masks and paper surfaces; without it all damage is drawn.",
        rich_help_panel=_PHOTOGRAPHS,
    ),
]
HeldOut = Annotated[
    Path | None,
    typer.Option(
        help="Folder of photographs the score is measured on; without it some of PHOTOGRAPHS "
        "are set aside.",
        rich_help_panel=_PHOTOGRAPHS,
    ),
]
Splits = Annotated[
    Path | None,
    typer.Option(
        help="CSV with the columns folder, file, split: trained on is 'train' alone, held out "
        "'calibration' alone.",
        rich_help_panel=_PHOTOGRAPHS,
    ),
]
Minutes = Annotated[
    float,
    typer.Option(
        help="Minutes of training, all runs and all parts together.", rich_help_panel=_RECIPE
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(help="Steps of each part, instead of minutes.", rich_help_panel=_RECIPE),
]
Part = Annotated[
    str | None,
    typer.Option(
        help="Train one part alone: autoencoder-old, autoencoder-clean, mapping or direct; "
        "generator, critic or adversarial.",
        rich_help_panel=_RECIPE,
    ),
]
Start = Annotated[
    Path | None,
    typer.Option(
        help="Weights (.safetensors) of another training to begin from, of the same layout: to "
        "go on with a larger --crop, or on photographs of your own.",
        rich_help_panel=_RECIPE,
    ),
]
Width = Annotated[
    int | None,
    typer.Option(
        help="Channels of the network; of recipes with several parts, only with --part.",
        rich_help_panel=_RECIPE,
    ),
]
Batch = Annotated[int | None, typer.Option(help="Samples in a step.", rich_help_panel=_RECIPE)]
Crop = Annotated[
    int | None,
    typer.Option(help="Pixels of a sample's side, a multiple of 16.", rich_help_panel=_RECIPE),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=_RECIPE)]
Seed = Annotated[int, typer.Option(help="Of weights, samples and noise.", rich_help_panel=_RECIPE)]
Workers = Annotated[
    int | None,
    typer.Option(help="Processes that make samples.", rich_help_panel=_RECIPE),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another keyword of the recipe, such as adversarial=0. May be repeated.",
        rich_help_panel=_RECIPE,
    ),
]


def register(app: typer.Typer) -> None:
    """Add `train` to the command line."""
    app.command("train")(train)


def train(
    recipe: Recipe,
    photographs: Photographs,
    out: Out,
    old: Old = None,
    textures: TexturesFolder = None,
    held_out: HeldOut = None,
    splits: Splits = None,
    minutes: Minutes = 60.0,
    steps: Steps = None,
    part: Part = None,
    start: Start = None,
    width: Width = None,
    batch: Batch = None,
    crop: Crop = None,
    device: Device = "auto",
    seed: Seed = 1,
    workers: Workers = None,
    settings: Set = None,
) -> int:
    """Train networks on your own photographs; stop at any moment, and go on later.

    Prints the held-out score every few minutes; writes weights (.safetensors), scores (.csv)
    and curves (.png) to OUT.
    """
    from models.training.command import FORESEEABLE, train_all
    from models.training.request import Request, settings_from

    try:
        request = Request(
            recipe=recipe,
            photographs=photographs,
            out=out,
            old=old,
            textures=textures,
            held_out=held_out,
            splits=splits,
            minutes=minutes,
            steps=steps,
            part=part,
            start=start,
            width=width,
            batch=batch,
            crop=crop,
            device=device,
            seed=seed,
            workers=workers,
            settings=settings_from(settings or []),
        )
        train_all(request, report=_Reporter(out))
    except FORESEEABLE as error:
        raise UsageError(f"train: {error}") from error
    return ExitCode.OK


class _Reporter:
    """Prints each line of a training and draws the curves anew where there are new scores."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drawn: dict[Path, int] = {}

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        for history in sorted([*self.folder.glob("*.csv"), *self.folder.glob("*.inflection.json")]):
            size = history.stat().st_size
            if self.drawn.get(history) != size:
                _draw(history)
                self.drawn[history] = size


def _draw(history: Path) -> None:
    from flows.curves import draw_curves  # matplotlib: loaded once there is something to draw
    from flows.inflection_curve import draw_inflection

    (draw_curves if history.suffix == ".csv" else draw_inflection)(history)
