"""The options of `albumen schedule`: its own, and all of `restore`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

_WHEN = "When to restore"

Source = Annotated[
    str | None,
    typer.Argument(help="Folder or URL of the scans, unless the settings file names it."),
]
Destination = Annotated[
    str | None,
    typer.Argument(help="Folder or URL for derivatives, unless the settings file names it."),
]
Collections = Annotated[
    list[Path] | None,
    typer.Option(
        help="A TOML file for each collection, or a folder of them, with a table schedule: "
        "source, destination, cron, timezone, name. May be repeated.",
        rich_help_panel=_WHEN,
    ),
]
Cron = Annotated[
    str | None,
    typer.Option(
        help="When a night begins: minute, hour, day, month, weekday.",
        show_default="0 2 * * *",
        rich_help_panel=_WHEN,
    ),
]
Timezone = Annotated[
    str | None,
    typer.Option(
        help="The time zone of --cron and --until, such as Europe/Vienna.",
        show_default="this machine's",
        rich_help_panel=_WHEN,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        help="What the collection is called in Prefect.",
        show_default="the settings file's name, or DESTINATION's",
        rich_help_panel=_WHEN,
    ),
]
WorkPool = Annotated[
    str | None,
    typer.Option(
        help="Register the nights on this work pool of Prefect, whose workers then run them, and "
        "end; without it, this command serves them itself until it is stopped.",
        rich_help_panel=_WHEN,
    ),
]

OWN: dict[str, Any] = {
    "source": Source,
    "destination": Destination,
    "collections": Collections,
    "cron": Cron,
    "timezone": Timezone,
    "name": Name,
    "work_pool": WorkPool,
}


def with_options_of(
    restore: Callable[..., int],
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command that takes keywords the options of `restore`, and those of a schedule."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        theirs = inspect.signature(restore, eval_str=True).parameters
        ours = {name: inspect.Parameter(name, _KIND, default=None, annotation=kind)
                for name, kind in OWN.items()}  # fmt: skip
        parameters = ours | {n: p.replace(kind=_KIND) for n, p in theirs.items() if n not in ours}
        command.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
        command.__annotations__ = {n: p.annotation for n, p in parameters.items()}
        return command

    return decorate


_KIND = inspect.Parameter.KEYWORD_ONLY
