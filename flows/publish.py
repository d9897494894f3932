"""What a run shows in Prefect's own interface: progress, a summary table, a link."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.summary import Summary
from tasks.run_thread import run_thread

_SECONDS_BETWEEN_UPDATES = 5.0
_LAST_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class ProgressArtifact:
    """The share of planned scans that have a row, in percent, updated every few seconds.

    A thread tells the server: one that is gone is tried for minutes, and partitions are handed out
    meanwhile.
    """

    total: int
    _id: UUID | None = None
    _told_at: float = 0.0
    _telling: threading.Thread | None = None

    def show(self, done: int, *, last: bool = False) -> None:
        """Show that `done` scans have a row; what cannot be shown at the moment is left out."""
        now = time.monotonic()
        if not self.total or (now - self._told_at < _SECONDS_BETWEEN_UPDATES and not last):
            return
        self._told_at = now
        if self._is_telling(_LAST_SECONDS if last else 0):
            return
        self._telling = run_thread("progress", self._tell, 100.0 * done / self.total)
        self._telling.start()
        if last:
            self._telling.join(_LAST_SECONDS)

    def _is_telling(self, seconds: float) -> bool:
        if self._telling is not None:
            self._telling.join(seconds)
        return self._telling is not None and self._telling.is_alive()

    def _tell(self, percent: float) -> None:
        with _best_effort("progress"):
            if self._id is None:
                created = create_progress_artifact(
                    progress=percent, key="restore-progress", description="Scans with a row"
                )
                assert isinstance(created, UUID)  # a coroutine only inside an event loop
                self._id = created
            else:
                update_progress_artifact(self._id, progress=percent)


def publish_summary(summary: Summary) -> None:
    """The summary table and the link to the report, under fixed keys with a history."""
    with _best_effort("summary"):
        create_table_artifact(
            key="restore-summary",
            table=[{"what": name, "value": value} for name, value in summary.table()],
            description=f"Run {summary.run_sequence} of {summary.destination}",
        )
        create_link_artifact(key="restore-report", link=report_link(summary.destination))


@contextmanager
def _best_effort(what: str) -> Iterator[None]:
    """A server that went away must not end a night: the ledger and the report say it all."""
    try:
        yield
    except Exception as error:  # httpx's and Prefect's own, without a common base
        _LOG.warning("the %s could not be shown in Prefect: %r", what, error)


def report_link(destination: str) -> str:
    """The report's URL: a file URL where DESTINATION is a local folder."""
    if "://" in destination:
        return f"{destination.rstrip('/')}/report/index.html"
    return (Path(destination).resolve() / "report" / "index.html").as_uri()
