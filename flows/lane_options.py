"""The options that say what a run asks of its machine or cluster, beside `flows.options`."""

from __future__ import annotations

from typing import Annotated

import typer

_WHERE = "Where to run"

Lanes = Annotated[
    int | None,
    typer.Option(
        help="Lanes: each restores a stream of scans with models of its own.",
        show_default="one per GPU, or one",
        rich_help_panel=_WHERE,
    ),
]
GpusPerLane = Annotated[
    float | None,
    typer.Option(
        help="GPUs of a lane; 0.5 lets two lanes share one.",
        show_default="1 where the cluster has GPUs",
        rich_help_panel=_WHERE,
    ),
]
LanesPerGpu = Annotated[
    int | None,
    typer.Option(
        help="Lanes that share a GPU; 2 is --gpus-per-lane 0.5.",
        show_default="1",
        rich_help_panel=_WHERE,
    ),
]
GpusPerStage = Annotated[
    str | None,
    typer.Option(
        help="The part of a GPU that each stage of a lane has, such as "
        "damage=0.4,faces=0.2,color=0.4; 0 keeps a stage on the CPU.",
        show_default="even parts",
        rich_help_panel=_WHERE,
    ),
]
Actors = Annotated[
    str | None,
    typer.Option(
        help="Stages of which a lane has more than one, such as damage=2 where that is slowest.",
        show_default="one of each",
        rich_help_panel=_WHERE,
    ),
]
IoNodes = Annotated[
    str | None,
    typer.Option(
        help="Read, look and write on 'any' node with room, or on those that declare this Ray "
        "resource, instead of on the lane's own.",
        show_default="the lane's node",
        rich_help_panel=_WHERE,
    ),
]
WaitForNodes = Annotated[
    float | None,
    typer.Option(
        help="Begin with the lanes that the cluster has room for, and let others join as nodes "
        "come up, within this many seconds.",
        show_default="all at once, within 60",
        rich_help_panel=_WHERE,
    ),
]
