"""What came of a run: the totals that the terminal, Prefect, the ledger and the report show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flows.exit_codes import ExitCode
from flows.progress import duration

Outcome = Literal["completed", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of one run. `by_status` counts the scans that got a row tonight; `left` those that
    were planned and did not, because the run was stopped or partitions failed. `timeline`
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

    @property
    def exit_code(self) -> ExitCode:
        """What the command line ends with when nothing was raised."""
        if self.outcome == "interrupted":
            return ExitCode.INTERRUPTED
        if self.outcome == "failed":
            return ExitCode.RUN_FAILED
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
        return [
            ("outcome", self.outcome),
            ("scans planned", str(self.planned)),
            *counted,
            *([("not reached", str(self.left))] if self.left else []),
            ("done before", str(self.already_done)),
            *([("not images", ignored)] if ignored else []),
            ("time", duration(self.seconds)),
        ]

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
            "failed_partitions": dict(self.failed_partitions),
        }
