"""The end of a run: manifest and report brought up to date, totals noted and published."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tasks.current import current_batches, rewrite_manifest
from tasks.ledger import Run, end_run, read_runs
from tasks.location import Location
from tasks.paths import MANIFEST
from tasks.report import write_report
from tasks.storage import clear_unfinished, modified_us, write_bytes

if TYPE_CHECKING:
    from flows.summary import Summary


def close_run(destination: Location, run: Run, summary: Summary) -> None:
    """Rewrite what changed, note how the run ended, tell Prefect.

    The manifest comes before the note and the report after it, so that the report shows this
    run as it ended. Raises StorageError, ManifestError.
    """
    clear_unfinished(destination)  # by processes that died and whose scans were done again
    rewrite_manifest(destination)
    end_run(destination, run, summary.outcome, summary.record())
    # An earlier run may have been killed between the two.
    if modified_us(destination, "report/index.html") < modified_us(destination, MANIFEST):
        refresh_report(destination)
    from flows.publish import publish_summary  # with Prefect, which a report alone does not need

    publish_summary(summary)


def refresh_report(destination: Location) -> str:
    """Write the report from the manifest; the path of its page below the destination."""
    runs = read_runs(destination)
    shown = [_shown(run) for run in reversed(runs)]
    written = write_report(
        current_batches(destination),
        partial(write_bytes, destination),
        title=destination.uri.rstrip("/").rpartition("/")[2],
        run_summaries=shown,
        ignored=next((run["ignored"] for run in runs if run.get("ignored")), {}),
    )
    return written.index


def _shown(run: dict[str, object]) -> dict[str, object]:
    """A run's record under the names that the report explains."""
    names = ("run_sequence", "run_id", "started", "finished", "seconds", "counts", "left", "notes")
    shown = {name: run[name] for name in names if run.get(name)}
    return shown | {"outcome": run.get("ended") or "did not end"}
