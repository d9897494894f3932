"""A collection that is restored every night: where it lies, when, and its settings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.given import chosen
from flows.given import settings as settings_from
from flows.settings import RestoreSettings
from flows.settings_file import read_schedule
from flows.until import check_zone, in_zone, machine_zone
from tasks.errors import UsageError

STORAGE_VARIABLE = "ALBUMEN_STORAGE_OPTIONS"
"""Storage options may be secrets: they reach the nights through the environment of the process
that starts them, never through Prefect's database."""

DEFAULT_CRON = "0 2 * * *"


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as it was given: `given` are options of the command line, JSON values."""

    name: str
    cron: str
    timezone: str
    settings_file: str | None
    given: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> RestoreSettings:
        """The settings as the file says at this moment. Raises UsageError."""
        return night_settings(self.given, self.settings_file, self.timezone)

    def parameters(self) -> dict[str, Any]:
        """What a night is given, as JSON values."""
        return {
            "given": dict(self.given),
            "settings_file": self.settings_file,
            "timezone": self.timezone,
        }


def night_settings(
    given: Mapping[str, Any], settings_file: str | None, timezone: str
) -> RestoreSettings:
    """What was given, completed by the file as it is now; `until` is meant in the schedule's
    time zone, where it names none. Raises UsageError.
    """
    asked = dict(given)
    if settings_file is not None:
        schedule = read_schedule(Path(settings_file))
        asked = {k: schedule[k] for k in ("source", "destination") if k in schedule} | asked
        asked["settings_file"] = Path(settings_file)
    if options := os.environ.get(STORAGE_VARIABLE):
        asked["storage_option"] = json.loads(options)
    for name in ("source", "destination"):
        if name not in asked:
            where = f"{settings_file}: [schedule]" if settings_file else "the command"
            raise UsageError(f"{where} names no {name}: a night needs both source and destination.")
    settings = settings_from(asked)
    if settings.until is None:
        return settings
    return settings.model_copy(update={"until": in_zone(settings.until, timezone)})


def collection(
    given: Mapping[str, Any],
    settings_file: Path | None,
    cron: str | None,
    timezone: str | None,
    name: str | None = None,
) -> Collection:
    """A collection whose schedule is complete and whose settings make sense now.

    What was given comes before the file; the machine's time zone is meant where none is named.
    Raises UsageError.
    """
    schedule = read_schedule(settings_file) if settings_file else {}
    zone = check_zone(timezone or schedule.get("timezone") or machine_zone())
    when = check_cron(cron or schedule.get("cron") or DEFAULT_CRON)
    file = None if settings_file is None else str(settings_file.absolute())
    plain = {key: _plain(key, value) for key, value in chosen(given).items()}
    settings = night_settings(plain, file, zone)
    called = name or schedule.get("name") or _name(settings, settings_file)
    if re.search(r"[/%&<>]", called):
        raise UsageError(f"the name {called!r} of a collection may hold none of / % & < >.")
    return Collection(called, when, zone, file, plain)


def collections_in(
    places: Sequence[Path], cron: str | None, timezone: str | None
) -> list[Collection]:
    """The collections of TOML files, and of all TOML files in folders, in order of their names.

    Raises UsageError for a file that makes no sense, none at all, or two of one name.
    """
    files: list[Path] = []
    for place in places:
        files += sorted(place.glob("*.toml")) if place.is_dir() else [place]
    if not files:
        raise UsageError(f"--collections: there is no .toml file in {', '.join(map(str, places))}.")
    found = [collection({}, file, cron, timezone) for file in files]
    check_different(found)
    return found


def check_different(found: Sequence[Collection]) -> None:
    """Raise UsageError where two collections share a name or a destination."""
    for what in ("name", "destination"):
        seen: dict[str, Collection] = {}
        for one in found:
            value = one.name if what == "name" else one.settings().destination.rstrip("/")
            if value in seen:
                raise UsageError(
                    f"{one.settings_file} and {seen[value].settings_file} have the same {what}, "
                    f"{value}: every collection needs its own."
                )
            seen[value] = one


def check_cron(text: str) -> str:
    """A cron expression of five fields. Raises UsageError."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        if len(text.split()) != 5 and not text.startswith("@"):
            raise ValueError
        CronSchedule(cron=text)
    except (ValidationError, ValueError):
        raise UsageError(
            f"--cron {text!r} is no schedule. Give minute, hour, day, month and weekday, such as "
            f"'0 2 * * *' for two o'clock every night."
        ) from None
    return text


def _name(settings: RestoreSettings, settings_file: Path | None) -> str:
    if settings_file is not None:
        return settings_file.stem
    return settings.destination.rstrip("/").rpartition("/")[2] or "collection"


def _plain(key: str, value: Any) -> Any:
    """A JSON value; local paths are made absolute, since nights start elsewhere."""
    if isinstance(value, Path) or (key in ("source", "destination") and "://" not in value):
        return str(Path(value).absolute())
    return list(value) if isinstance(value, tuple) else value
