"""The moment at which a night ends: `06:30`, with a time zone or in the machine's own."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tasks.errors import UsageError

_FORM = re.compile(r"([0-2]?\d):([0-5]\d)\s*(.*)\Z")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)\Z")


@dataclass(frozen=True, slots=True)
class Until:
    """A time of day, and the zone it is meant in."""

    at: time
    zone: tzinfo

    @staticmethod
    def parse(text: str) -> Until:
        """`06:30` (the machine's zone), `06:30 Europe/Vienna`, `06:30 +01:00` or `06:30Z`.

        Raises UsageError.
        """
        match = _FORM.match(text.strip())
        if match is None or int(match[1]) > 23:
            raise UsageError(
                f"--until wants a time of day such as 06:30 or '06:30 Europe/Vienna', not {text!r}."
            )
        return Until(time(int(match[1]), int(match[2])), _zone(match[3]))

    def after(self, start: datetime) -> datetime:
        """The first such moment after `start`, which knows its zone."""
        local = start.astimezone(self.zone)
        moment = datetime.combine(local.date(), self.at, self.zone)
        if moment <= local:
            moment = datetime.combine(local.date() + timedelta(days=1), self.at, self.zone)
        return moment

    def __str__(self) -> str:
        return f"{self.at:%H:%M}"


def end_of(until: str | None, start: datetime) -> datetime | None:
    """The moment at which a night that was to start at `start` ends; None where it may go on."""
    return None if until is None else Until.parse(until).after(start)


def is_past(ends: datetime | None) -> bool:
    """Whether the moment has come at which nothing further is begun."""
    return ends is not None and datetime.now(UTC) >= ends


def scheduled_start() -> datetime:
    """When the flow run around was to start: a night that is late does not end later for it."""
    from prefect.runtime import flow_run

    start: datetime | None = flow_run.scheduled_start_time
    return start or datetime.now(UTC)


def machine_zone() -> str:
    """The IANA name of this machine's time zone; UTC where it does not tell."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    names.append(str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2])
    return next((name for name in names if name and _named(name)), "UTC")


def in_zone(text: str, zone: str) -> str:
    """The same moment with the zone it is meant in, where it names none. Raises UsageError."""
    Until.parse(text)
    match = _FORM.match(text.strip())
    return text if match is None or match[3] else f"{text.strip()} {zone}"


def check_zone(name: str) -> str:
    """The name of a zone that there is. Raises UsageError."""
    if _named(name) is None:
        raise UsageError(
            f"--timezone {name!r} is no time zone. Give an IANA name such as Europe/Vienna."
        )
    return name


def _zone(text: str) -> tzinfo:
    if not text:
        return ZoneInfo(machine_zone())
    if text in ("Z", "UTC"):
        return UTC
    if offset := _OFFSET.match(text):
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes < 24 * 60:
            return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    if (zone := _named(text)) is None:
        raise UsageError(
            f"--until {text!r} is no time zone. Give an IANA name such as Europe/Vienna."
        )
    return zone


def _named(name: str) -> ZoneInfo | None:
    """The zone of this IANA name, if there is one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
