"""What came of a run: the totals that the terminal, Prefect, the ledger and the report show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from flows.exit_codes import ExitCode
from flows.progress import duration
from tasks.fixity import Fixity
from tasks.reasons import REASONS, Reason

_NAMED = 5

Outcome = Literal["completed", "stopped", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of one run. `by_status` counts the scans that got a row tonight; `left` those that
    were planned and did not, because the run was stopped or partitions failed. `reasons` count
    what was planned, `gone` the scans of the manifest that the source no longer has, `masters`
    says what hashing some again found, `until` when the run was stopped by the clock. `timeline`
    holds (seconds since the command began, scans with a row) at the first and last row."""

    run_sequence: int
    run_id: str
    outcome: Outcome
    destination: str
    planned: int
    already_done: int
    by_status: Mapping[str, int]
    left: int
    ignored: Mapping[str, int]
    seconds: float
    phases: Mapping[str, float] = field(default_factory=dict)
    timeline: Sequence[tuple[float, int]] = ()
    bytes_in_flight_peak: int = 0
    notes: tuple[str, ...] = ()
    failed_partitions: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    colorized: int = 0
    gone: int = 0
    gone_examples: tuple[str, ...] = ()
    masters: Fixity | None = None
    until: str | None = None
    source: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """What the command line ends with when nothing was raised."""
        if self.outcome == "interrupted":
            return ExitCode.INTERRUPTED
        if self.outcome == "failed":
            return ExitCode.RUN_FAILED
        if self.masters is not None and self.masters.altered.count:
            return ExitCode.DIFFERENCES
        if self.outcome == "stopped":
            return ExitCode.STOPPED
        if self.failed:
            return ExitCode.SCANS_FAILED
        return ExitCode.OK

    @property
    def failed(self) -> int:
        """Scans whose row of tonight says failed or quarantined."""
        return self.by_status.get("failed", 0) + self.by_status.get("quarantined", 0)

    def table(self) -> list[tuple[str, str]]:
        """Name and value of every line of the summary."""
        counted = [(status, str(count)) for status, count in sorted(self.by_status.items())]
        ignored = ", ".join(f"{n} {ext or 'without extension'}" for ext, n in self.ignored.items())
        why = ", ".join(f"{n} {REASONS[r]}" for r, n in self.reasons.items() if n)
        return [
            ("outcome", self.ending),
            ("scans planned", f"{self.planned} ({why})" if why else str(self.planned)),
            *counted,
            *([("colorized", str(self.colorized))] if self.colorized else []),
            *([("not reached", str(self.left))] if self.left else []),
            ("done before", str(self.already_done)),
            *([("source gone", self._gone())] if self.gone else []),
            *self._masters_lines(),
            *([("not images", ignored)] if ignored else []),
            ("time", duration(self.seconds)),
        ]

    def _gone(self) -> str:
        first = ", ".join(self.gone_examples[:_NAMED])
        more = ", ..." if self.gone > min(_NAMED, len(self.gone_examples)) else ""
        return f"{self.gone} ({first}{more})" if first else str(self.gone)

    @property
    def ending(self) -> str:
        """How the run ended, in words."""
        if self.outcome == "stopped":
            return f"stopped at {self.until}, {self.left} left"
        return self.outcome

    @property
    def headline(self) -> str:
        """The run in one line, for the subject of a message."""
        altered = self.masters.altered.count if self.masters else 0
        alarm = f"{altered} MASTERS ALTERED, " if altered else ""
        made = sum(self.by_status.values()) - self.failed
        return f"Albumen: {alarm}{self.ending}, {made} done, {self.failed} failed"

    def _masters_lines(self) -> list[tuple[str, str]]:
        found = self.masters
        if found is None:
            return []
        figures = {
            "MASTERS ALTERED": found.altered.count,
            "unreadable": found.unreadable.count,
            "as they were again": found.recovered.count,
            "not reached": found.left,
        }
        told = "".join(f", {count} {what}" for what, count in figures.items() if count)
        return [("masters hashed", f"{found.checked}{told}")]

    def lines(self) -> list[str]:
        """The summary for a terminal: totals, notes, where everything lies, how to go on."""
        base = self.destination.rstrip("/")
        lines = [f"{name + ':':16}{value}" for name, value in self.table()]
        lines += [*self.notes, ""]
        lines += [
            f"restored pictures: {base}/restored",
            f"manifest:          {base}/manifest.parquet",
            f"report:            {base}/report/index.html",
        ]
        if self.outcome == "interrupted":
            lines.append(
                "Stopped. What has a row is done; run the same command again to go on from there."
            )
        if self.outcome == "stopped":
            lines.append("The next run of the same command goes on from there.")
        return lines

    def record(self) -> dict[str, Any]:
        """The summary as the ledger keeps it and the report shows it."""
        return {
            "run_sequence": self.run_sequence,
            "run_id": self.run_id,
            "outcome": self.outcome,
            "planned": self.planned,
            "already_done": self.already_done,
            "counts": dict(self.by_status),
            "left": self.left,
            "ignored": dict(self.ignored),
            "seconds": round(self.seconds, 3),
            "phases": dict(self.phases),
            "timeline": [{"at": at, "done": done} for at, done in self.timeline],
            "bytes_in_flight_peak": self.bytes_in_flight_peak,
            "notes": list(self.notes),
            "reasons": dict(self.reasons),
            "colorized": self.colorized,
            "gone": {"count": self.gone, "examples": list(self.gone_examples)},
            "masters": None if self.masters is None else asdict(self.masters),
            "until": self.until,
            "source": self.source,
            "failed_partitions": dict(self.failed_partitions),
        }
