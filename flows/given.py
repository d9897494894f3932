"""What was given on the command line and in a settings file, as settings."""

from __future__ import annotations

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


def settings(given: dict[str, Any]) -> RestoreSettings:
    """Settings from the options that were given; what was not is left to the defaults.

    Raises UsageError.
    """
    chosen = {  # 0 is an answer: --max-failed 0
        name: value for name, value in given.items() if not (value is None or value is False)
    }
    for name in ("verbose", "as_json", "log_format", "log_file"):
        chosen.pop(name, None)
    if "settings_file" in chosen:
        chosen = read_settings(chosen.pop("settings_file")) | chosen
    if "storage_option" in chosen:
        chosen["storage_options"] = parse_options(chosen.pop("storage_option"))
    if "stages" in chosen:
        chosen["stages"] = parse_stages(chosen["stages"])
    if "partition_bytes" in chosen:
        chosen["partition_bytes"] = parse_bytes("--partition-bytes", chosen["partition_bytes"])
    if "object_store" in chosen:
        chosen["object_store_bytes"] = parse_bytes("--object-store", chosen.pop("object_store"))
    for name in BY_STAGE:
        if name in chosen:
            chosen[name] = by_stage(f"--{name.replace('_', '-')}", chosen[name])
    if "list_file" in chosen:
        chosen["list_file"] = str(chosen["list_file"])
    try:
        return RestoreSettings(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "the options"
        raise UsageError(f"{option}: {first['msg']}.") from error
