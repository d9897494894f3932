"""A collection's own settings, kept in a TOML file beside it or in version control."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from flows.settings import RestoreSettings
from tasks.errors import UsageError

_ELSEWHERE = {"source", "destination", "storage_options"}
"""Settings that are not a collection's: where it lies, and secrets."""

_OPTIONS = {"list_file": "list", "object_store_bytes": "object_store"}
"""Options that are not called as their settings are."""

NAMES = frozenset(
    _OPTIONS.get(name, name) for name in RestoreSettings.model_fields if name not in _ELSEWHERE
)
"""What a file may set, by the option's name with `_` for `-`."""

_OF_SCHEDULE = ("name", "source", "destination", "cron", "timezone")

_TABLES = ("gpus_per_stage", "actors")
"""Settings with a number for each stage: a table, or a text as on the command line."""

_VARIABLES = {"list": "list_file"}
"""Options whose variable on the command line is called otherwise."""


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in the file, as the command line would give them; its table `[schedule]`,
    which `read_schedule` reads, is left out.

    Raises UsageError for a file that cannot be read or is no TOML, for tables, and for a name
    that is no option: a misspelt `colorize` must not be obeyed by nobody.
    """
    found = _load(path)
    found.pop("schedule", None)  # where and when it is restored at night
    chosen = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in NAMES:
            raise UsageError(
                f"--settings {path}: {key!r} is no setting. There are {', '.join(sorted(NAMES))}."
            )
        if isinstance(value, dict) and name not in _TABLES:
            raise UsageError(f"--settings {path}: {key} is a table, and wants a value.")
        if name == "stages" and isinstance(value, list):
            value = ",".join(map(str, value))
        if name in ("include", "exclude") and isinstance(value, str):
            value = [value]
        if name in ("stages", "list", "partition_bytes", "object_store", "verify_source"):
            value = str(value)  # read as on the command line, where all is text
        chosen[_VARIABLES.get(name, name)] = value
    return chosen


def read_schedule(path: Path) -> dict[str, str]:
    """The table `[schedule]` of the file: any of name, source, destination, cron, timezone.

    Raises UsageError for a file that cannot be read, another name, and what is no text.
    """
    table = _load(path).get("schedule", {})
    if not isinstance(table, dict):
        raise UsageError(f"--settings {path}: schedule wants to be a table, [schedule].")
    for key, value in table.items():
        if key not in _OF_SCHEDULE:
            raise UsageError(
                f"--settings {path}: [schedule] {key!r} is none of {', '.join(_OF_SCHEDULE)}."
            )
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"--settings {path}: [schedule] {key} wants a text.")
    return dict(table)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--settings {path}: cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--settings {path}: is no TOML: {error}.") from error
