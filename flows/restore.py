"""The nightly restoration, step by step: the table of contents of Albumen."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows import interrupt
from flows.close import close_run
from flows.night import Night
from flows.planning import notes_on, open_locations, plan_restoration
from flows.settings import RestoreSettings
from flows.stopwatch import Stopwatch
from flows.summary import Summary
from tasks.errors import PartitionsFailed
from tasks.lease import Lease
from tasks.ledger import start_run
from tasks.storage import clear_unfinished


@flow(name="restore", flow_run_name="restore-into-{settings.destination}", persist_result=False)
def restore(settings: RestoreSettings) -> Summary:
    """Restore what is new, changed or asked for differently in a collection.

    Raises AlbumenError: a location that cannot be used, a lease that another run holds, a
    cluster that does not answer, more failed scans than allowed, partitions lost for good.
    """
    watch, logger = Stopwatch(), get_run_logger()
    source, destination = open_locations(settings)
    with interrupt.graceful(), Lease.acquire(destination, notify=logger.warning) as lease:
        clear_unfinished(destination)
        run = start_run(destination)
        with watch.phase("inventory and plan"):
            plan, inventory = plan_restoration(settings, source, destination)
        logger.info(
            "%d of %d scans are to be restored, in %d partitions (%s)",
            plan.scans,
            plan.looked_at,
            plan.partition_count,
            dict(plan.reasons),
        )
        night = Night(settings, source, destination, run, plan, lease, watch)
        try:
            night.restore_partitions()
        finally:  # whatever ended the night, what has a row goes into manifest and report
            if not interrupt.abandoned.is_set():
                lease.check()
                summary = night.summary(inventory, notes_on(plan, inventory))
                close_run(destination, run, summary)
                logger.info("run %d %s: %s", run.sequence, summary.outcome, summary.by_status)
    if summary.failed_partitions:
        raise PartitionsFailed(
            f"{len(summary.failed_partitions)} partitions failed for good, {summary.left} scans "
            f"have no row: {next(iter(summary.failed_partitions.values()))} Run the same command "
            f"again to go on."
        )
    if summary.outcome == "interrupted":
        # Not a failure, and not complete: Prefect's list of runs shall show which.
        return Completed(name="Interrupted", message=f"{summary.left} scans left", data=summary)  # type: ignore[return-value]
    return summary
