"""The step of a night that hashes some of the masters again."""

from __future__ import annotations

from datetime import datetime

from prefect import get_run_logger

from flows import interrupt
from flows.settings import RestoreSettings
from flows.until import is_past
from tasks.fixity import Fixity, check_masters
from tasks.ledger import Run
from tasks.location import Location
from tasks.share import Share


def hash_masters(
    settings: RestoreSettings,
    source: Location,
    destination: Location,
    run: Run,
    ends: datetime | None,
) -> Fixity | None:
    """What hashing tonight's share of the masters found; None where it is not asked for.

    It comes before the plan, so that nothing is made from a master that it finds altered.
    Raises ManifestError, StorageError.
    """
    if settings.verify_source is None:
        return None

    def is_over() -> bool:
        return interrupt.requested.is_set() or is_past(ends)

    share = Share.parse(settings.verify_source)
    found = check_masters(source, destination, run, share, is_over)
    logger = get_run_logger()
    logger.info("%d masters hashed, %d bytes", found.checked, found.bytes)
    for path, reason in found.altered.examples:
        logger.error("MASTER ALTERED: %s: %s", path, reason)
    for path, reason in found.unreadable.examples:
        logger.warning("master cannot be read: %s: %s", path, reason)
    return found
