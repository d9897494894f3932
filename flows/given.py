"""What was given on the command line and in a settings file, as settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from flows.lane_settings import BY_STAGE, by_stage
from flows.settings import RestoreSettings, parse_bytes, parse_stages
from flows.settings_file import read_settings
from tasks.errors import UsageError
from tasks.location import Location, parse_options


def location(text: str, storage_option: list[str] | None) -> Location:
    """A location with the storage options that were given. Raises UsageError."""
    return Location.parse(text, parse_options(storage_option or []))


def chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given; 0 is an answer: --max-failed 0."""
    return {name: value for name, value in given.items() if not (value is None or value is False)}


def settings(given: dict[str, Any]) -> RestoreSettings:
    """Settings from the options that were given; what was not is left to the defaults.

    Raises UsageError.
    """
    asked = chosen(given)
    for name in ("verbose", "as_json", "log_format", "log_file"):
        asked.pop(name, None)
    if "settings_file" in asked:
        asked = read_settings(asked.pop("settings_file")) | asked
    if "storage_option" in asked:
        asked["storage_options"] = parse_options(asked.pop("storage_option"))
    if "stages" in asked:
        asked["stages"] = parse_stages(asked["stages"])
    if "partition_bytes" in asked:
        asked["partition_bytes"] = parse_bytes("--partition-bytes", asked["partition_bytes"])
    if "object_store" in asked:
        asked["object_store_bytes"] = parse_bytes("--object-store", asked.pop("object_store"))
    for name in BY_STAGE:
        if name in asked:
            asked[name] = by_stage(f"--{name.replace('_', '-')}", asked[name])
    if "list_file" in asked:
        asked["list_file"] = str(asked["list_file"])
    try:
        return RestoreSettings(**asked)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "the options"
        raise UsageError(f"{option}: {first['msg']}.") from error
