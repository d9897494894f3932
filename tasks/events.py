"""What is told of a run while it goes on: small records, and their form as lines of a log.

A record names run, partition and scan, and nothing that does not belong into a log: the fields
are a closed list, so that neither descriptors of faces nor settings with credentials come in by
the way, and what looks like a credential in a message is masked.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Value = str | int | float

FIELDS = (
    "run",
    "partition",
    "attempt",
    "scan",
    "status",
    "step",
    "error_class",
    "seconds",
    "pages",
    "pixels",
    "lane",
    "host",
    "planned",
    "done",
    "failed",
    "left",
    "outcome",
)
"""Everything a record may say beside its message, in the order in which a line says it."""

_EXTRA = "albumen"
_SECRETS = re.compile(
    r"(?i)(?<=://)[^/@\s]+(?=@)"
    r"|(?<=\bbearer )\S+"
    r"|(?<![a-z])((?:[\w-]*(?:secret|token|password|passwd|signature|credential|api[-_]?key)"
    r"[\w-]*)|awsaccesskeyid)(['\"]?\s*[=:]\s*['\"]?)[^&\s'\",;)]+"
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `at` (seconds since the epoch); `level` is one of `logging`'s,
    `trace` the traceback of an error nobody foresaw."""

    level: int
    message: str
    at: float
    fields: Mapping[str, Value] = field(default_factory=dict)
    trace: str = ""


def event(level: int, message: str, trace: str = "", /, **fields: Value) -> Event:
    """An event of this moment. Raises ValueError for a field that is not in FIELDS."""
    if unknown := fields.keys() - set(FIELDS):
        raise ValueError(f"a log has no field {', '.join(sorted(unknown))}")
    return Event(level, message, time.time(), fields, trace)


def emit(logger: logging.Logger, events: Iterable[Event]) -> None:
    """Hand events to the handlers of `logger`, with the times at which they happened."""
    for one in events:
        if logger.isEnabledFor(one.level):
            record = logger.makeRecord(
                logger.name, one.level, "", 0, one.message, (), None, extra={_EXTRA: one}
            )
            record.created = one.at
            logger.handle(record)


@dataclass(frozen=True, slots=True)
class _Said:
    """The parts of a line, credentials masked; `at` is ISO 8601 in UTC."""

    at: str
    level: str
    logger: str
    message: str
    fields: Mapping[str, Value]
    trace: str


class LineFormatter(logging.Formatter):
    """One line for each record, with the fields of `context` that the record does not have."""

    def __init__(self, context: Mapping[str, Value]) -> None:
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, without a line end in it."""
        told = getattr(record, _EXTRA, None)
        fields = dict(self._context) | dict(told.fields if isinstance(told, Event) else {})
        trace = told.trace if isinstance(told, Event) else ""
        if record.exc_info and not trace:
            trace = self.formatException(record.exc_info)
        return self.line(
            _Said(
                at=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                level=record.levelname,
                logger=record.name,
                message=masked(record.getMessage()),
                fields={name: fields[name] for name in FIELDS if name in fields},
                trace=masked(trace),
            )
        )

    def line(self, said: _Said) -> str:
        """The parts as a line."""
        raise NotImplementedError


class JsonFormatter(LineFormatter):
    """A JSON object: time (ISO 8601, UTC), level, logger, message, the fields, traceback."""

    def line(self, said: _Said) -> str:
        """The parts as a line."""
        told: dict[str, Any] = {
            "time": said.at,
            "level": said.level.lower(),
            "logger": said.logger,
            "message": said.message,
            **said.fields,
        }
        return json.dumps(told | ({"traceback": said.trace} if said.trace else {}), default=str)


class TextFormatter(LineFormatter):
    """Words for a person, the fields as name=value behind them; a traceback is cut to its end."""

    def line(self, said: _Said) -> str:
        """The parts as a line."""
        words = " ".join(f"{name}={_plain(value)}" for name, value in said.fields.items())
        end = said.trace.strip().rpartition("\n")[2]
        parts = [said.at, f"{said.level:8}", _one_line(said.message), words, _one_line(end)]
        return " ".join(part for part in parts if part)


def masked(text: str) -> str:
    """The text without what looks like a credential: of a URL, or behind `token=` and the like."""

    def mask(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}***" if found[1] else "***"

    return _SECRETS.sub(mask, text)


def _plain(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) else text


def _one_line(text: str) -> str:
    """The text on one line, whatever a file is called: control characters are escaped."""
    whole = text.encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)
