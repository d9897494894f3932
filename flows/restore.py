"""The nightly restoration, step by step: the table of contents of Albumen."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows import interrupt, logs
from flows.close import close_run
from flows.masters import hash_masters
from flows.morning import told
from flows.night import Night
from flows.planning import notes_on, open_locations, plan_restoration
from flows.settings import RestoreSettings
from flows.stopwatch import Stopwatch
from flows.summary import Summary
from flows.until import end_of, scheduled_start
from tasks.errors import PartitionsFailed
from tasks.lease import Lease
from tasks.ledger import start_run
from tasks.storage import clear_unfinished
from tasks.withdraw import finish_withdrawals


@flow(name="restore", flow_run_name="restore-into-{settings.destination}", persist_result=False)
def restore(settings: RestoreSettings) -> Summary:
    """Restore what is new, changed or asked for differently in a collection.

    Raises AlbumenError: a location that cannot be used, a lease that another run holds, a
    cluster that does not answer, more failed scans than allowed, partitions lost for good.
    """
    watch, logger = Stopwatch(), get_run_logger()
    source, destination = open_locations(settings)
    ends = end_of(settings.until, scheduled_start())
    with (
        told(settings) as tell,
        interrupt.graceful(),
        Lease.acquire(destination, notify=logger.warning) as lease,
    ):
        clear_unfinished(destination)
        finish_withdrawals(destination)
        run = start_run(destination, lease.run_id)
        logs.bind(run.name)
        with watch.phase("masters hashed"):
            masters = hash_masters(settings, source, destination, run, ends)
        with watch.phase("inventory and plan"):
            plan, inventory = plan_restoration(settings, source, destination)
        logger.info(
            "%d of %d scans are to be restored, in %d partitions or more (%s)",
            plan.scans,
            plan.looked_at,
            plan.partition_count,
            dict(plan.reasons),
        )
        night = Night(settings, source, destination, run, plan, lease, watch, ends, masters)
        try:
            night.restore_partitions()
        finally:  # whatever ended the night, what has a row goes into manifest and report
            if not interrupt.abandoned.is_set():
                lease.check()
                summary = night.summary(inventory, notes_on(plan, inventory))
                close_run(destination, run, summary)
                logger.info("run %d %s: %s", run.sequence, summary.ending, summary.by_status)
                tell.summary = summary
        if summary.failed_partitions:
            raise PartitionsFailed(
                f"{len(summary.failed_partitions)} partitions failed for good, {summary.left} "
                f"scans have no row: {next(iter(summary.failed_partitions.values()))} Run the "
                f"same command again to go on."
            )
    if summary.outcome in ("interrupted", "stopped"):
        # Not a failure, and not complete: Prefect's list of runs shall show which.
        name = summary.outcome.capitalize()
        return Completed(name=name, message=f"{summary.left} scans left", data=summary)  # type: ignore[return-value]
    return summary
