"""One scan's way through a lane: what is known of it, what it holds, and its rows at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cluster.outcome import Failure, Outcome
from tasks.partition import Job
from tasks.records import Derivative, Header, Row, Scan, Status
from tasks.version import SOFTWARE

_COPIES = 3.0
"""Decoded pages a scan may hold in shared memory: samples, working pixels, changed rectangles."""

_PLANES = 3
"""Of the colorized picture, whatever the scan has; a mask, a byte a pixel, comes with it."""


@dataclass(slots=True)
class Sheet:
    """What the steps learned of one page, and references to what they made of it."""

    columns: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    pixels: Any = None
    photograph: Any = None
    hints: Any = None
    results: list[Any] = field(default_factory=list)

    def learn(self, step: str, outcome: Outcome) -> None:
        """Take over a step's columns, flags and seconds."""
        columns = dict(outcome.columns)
        self.flags.extend(columns.pop("flags", ()))
        self.flags.extend(outcome.flags)
        self.columns |= columns
        self.columns[f"seconds_{step}"] = outcome.seconds


@dataclass(slots=True)
class Journey:
    """The state of one scan in a lane."""

    job: Job
    alone: bool = False
    header: Header | None = None
    sheets: list[Sheet] = field(default_factory=list)
    in_memory: bool = False
    begun: float = field(default_factory=time.monotonic)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages this scan goes through, in order."""
        return self.job.recipe.active_stages

    @property
    def scan(self) -> Scan:
        """The scan itself."""
        return self.job.scan

    @property
    def bytes_needed(self) -> int:
        """Bytes this scan may hold in the object store at once; 0 until its header is known."""
        return round(self.copies * self.header.decoded_bytes) if self.header else 0

    @property
    def copies(self) -> float:
        """The same in decoded pages; more where the scan may be colorized."""
        if self.header is None or not self.job.recipe.may_colorize:
            return _COPIES
        colored = _PLANES + 8 / max(8, self.header.bit_depth)
        return _COPIES + colored / self.header.channels

    @property
    def sheet(self) -> Sheet:
        """The page under way."""
        return self.sheets[-1]

    def rows(self, pages: Sequence[dict[str, Any]], outputs: Sequence[Derivative]) -> list[Row]:
        """The rows of a scan whose derivatives are written: one for every page."""
        return [
            self._identity(number)
            | sheet.columns
            | written
            | {
                "flags": sorted({*sheet.flags, *written.get("flags", ())}),
                "outputs": [_output(o) for o in outputs],
            }
            for number, (sheet, written) in enumerate(zip(self.sheets, pages, strict=True))
        ]

    def row_without_derivative(self, status: Status, failure: Failure) -> Row:
        """The one row of a scan that failed, was quarantined, or was left out."""
        known = self.sheets[0].columns if self.sheets else {}
        flags = self.sheets[0].flags if self.sheets else []
        return (
            self._identity(0)
            | known
            | {
                "status": status,
                "error_class": failure.error_class or None,
                "error_message": failure.message,
                "transient": failure.transient,
                "flags": sorted(set(flags)),
                "outputs": [],
            }
        )

    def _identity(self, page: int) -> Row:
        scan, recipe = self.job.scan, self.job.recipe
        return {
            "recipe": recipe.digest,
            "requested": recipe.requested_json,
            "settings": recipe.settings_json,
            "source_uri": scan.uri,
            "relative_path": scan.relative_path,
            "page": page,
            "source_bytes": scan.size,
            "source_modified": _time(scan.modified_us),
            "source_etag": scan.etag,
            "software": SOFTWARE,
            "device": "cpu",
        }


def _output(derivative: Derivative) -> dict[str, Any]:
    return {
        "kind": derivative.kind,
        "path": derivative.path,
        "sha256": derivative.sha256,
        "bytes": derivative.bytes,
        "etag": derivative.etag,
        "modified": _time(derivative.modified_us),
    }


def _time(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
