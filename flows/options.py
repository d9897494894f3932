"""The options of the command line, each with the help a new user learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_WHAT = "What to restore"
_HOW = "How to restore"
_WHERE = "Where to run"
_AGAIN = "What to do again"

Source = Annotated[
    str,
    typer.Argument(help="Folder or URL (s3://bucket/prefix, ...) of the scans. Only ever read."),
]
Destination = Annotated[
    str, typer.Argument(help="Folder or URL for derivatives, manifest and report.")
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        help="Only scans whose path below SOURCE matches, such as 'box-1/**' or '*.tif'. "
        "May be repeated.",
        rich_help_panel=_WHAT,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(help="Leave out scans that match. May be repeated.", rich_help_panel=_WHAT),
]
ListFile = Annotated[
    Path | None,
    typer.Option(
        "--list",
        help="CSV with a column 'path' and, if wanted, 'stages', 'colorize', 'faces': only the "
        "scans it names, each treated as it says. For a catalogue's selection, or restricted "
        "and culturally sensitive items.",
        rich_help_panel=_WHAT,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(help="At most this many scans, in path order.", rich_help_panel=_WHAT),
]
Sample = Annotated[
    int | None,
    typer.Option(
        help="A pilot: this many scans spread over the whole collection, always the same ones.",
        rich_help_panel=_WHAT,
    ),
]
Stages = Annotated[
    str | None,
    typer.Option(
        help="Stages to run, comma-separated: damage, faces, color.",
        show_default="damage,faces,color",
        rich_help_panel=_HOW,
    ),
]
Mode = Annotated[
    Literal["repair", "revive"] | None,
    typer.Option(
        help="'repair' changes damaged pixels only; 'revive' also treats fading, noise and blur.",
        show_default="repair",
        rich_help_panel=_HOW,
    ),
]
Format = Annotated[
    Literal["source", "tiff", "jpeg", "png", "webp", "jp2", "avif"] | None,
    typer.Option(
        help="Format of derivatives: source, tiff, jpeg, png, webp, jp2 or avif.",
        show_default="source",
        rich_help_panel=_HOW,
    ),
]
KeepMasks = Annotated[
    bool,
    typer.Option(
        "--keep-masks",
        help="Keep the damage mask of every scan under masks/.",
        rich_help_panel=_HOW,
    ),
]
SkipUnchanged = Annotated[
    bool,
    typer.Option(
        "--skip-unchanged",
        help="Do not copy scans that need no restoration into DESTINATION.",
        rich_help_panel=_HOW,
    ),
]
Refresh = Annotated[
    bool,
    typer.Option(
        "--refresh",
        help="Restore again what an upgrade of Albumen would do differently.",
        rich_help_panel=_AGAIN,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Try corrupt and quarantined scans again although they have not changed.",
        rich_help_panel=_AGAIN,
    ),
]
PartitionBytes = Annotated[
    str | None,
    typer.Option(
        help="Most bytes of scans in a partition, such as 500MB or 4GiB.",
        show_default="4GiB",
        rich_help_panel=_WHERE,
    ),
]
PartitionScans = Annotated[
    int | None,
    typer.Option(
        help="Most scans in a partition; fewer towards the end, where there are several lanes.",
        show_default="200",
        rich_help_panel=_WHERE,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="Join the Ray cluster at this address ('auto', host:6379) instead of starting one.",
        rich_help_panel=_WHERE,
    ),
]
ObjectStore = Annotated[
    str | None,
    typer.Option(
        help="Shared memory for scans in flight on this machine, such as 2GiB.",
        show_default="30 % of the memory",
        rich_help_panel=_WHERE,
    ),
]
StepSeconds = Annotated[
    float | None,
    typer.Option(
        help="Stop a step of a scan that takes longer.", show_default="900", rich_help_panel=_WHERE
    ),
]
MaxFailed = Annotated[
    int | None,
    typer.Option(
        help="Stop the run when more scans than this have failed.",
        show_default="no limit",
        rich_help_panel=_WHERE,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        help="Begin no further scan after this time of day: 06:30, or '06:30 Europe/Vienna'. "
        "What is in flight ends; the next run goes on.",
        rich_help_panel=_WHERE,
    ),
]
VerifySource = Annotated[
    str | None,
    typer.Option(
        help="Hash a part of the masters that look unchanged again, such as 1% or 200, another "
        "part each time: a master that rotted is reported, and nothing is made from it.",
        rich_help_panel=_AGAIN,
    ),
]
RestoreWithdrawn = Annotated[
    bool,
    typer.Option(
        "--restore-withdrawn",
        help="Restore again what `albumen withdraw` took away.",
        rich_help_panel=_AGAIN,
    ),
]
Notify = Annotated[
    str | None,
    typer.Option(
        help="Send the summary through this notification block of Prefect: TYPE/NAME, such as "
        "slack-webhook/archive.",
        rich_help_panel=_WHERE,
    ),
]
StorageOption = Annotated[
    list[str] | None,
    typer.Option(
        help="key=value for remote storage, such as endpoint_url=http://localhost:9000. The "
        "usual AWS variables and profile are used without it. May be repeated.",
        rich_help_panel=_WHERE,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help='TOML file with a collection\'s settings, such as colorize = "never": any option '
        "by its name, with _ for -. What is given on the command line comes before it.",
        rich_help_panel=_WHAT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show Prefect's own log lines as well.")]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Follow the run that is under way, until it ends."),
]
LogFormat = Annotated[
    Literal["text", "json"] | None,
    typer.Option(
        envvar="ALBUMEN_LOG",
        help="Log on standard error instead of showing progress: text, or a JSON object a line.",
        show_default="none; json in --log-file",
        rich_help_panel=_WHERE,
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        envvar="ALBUMEN_LOG_FILE",
        help="Append the log to this file, beside the progress that is shown.",
        rich_help_panel=_WHERE,
    ),
]
