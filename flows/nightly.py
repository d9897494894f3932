"""One night of a scheduled collection: its settings as they are now, and its restoration."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Cancelled

from flows.collection import night_settings
from flows.logs import open_log_of_environment
from flows.morning import send
from flows.night_runs import FLOW
from flows.restore import restore
from flows.summary import Summary
from tasks.errors import LeaseHeld, UsageError


@flow(name=FLOW, persist_result=False)
def nightly(
    given: dict[str, Any], settings_file: str | None = None, timezone: str = "UTC"
) -> Summary:
    """Read the settings file again and restore what is new, changed or asked for differently.

    A destination that another run holds cancels the night. Raises AlbumenError.
    """
    try:
        open_log_of_environment()
        settings = night_settings(given, settings_file, timezone)
    except UsageError as error:
        send(given.get("notify"), f"Albumen: failed, {settings_file}", str(error))
        raise
    try:
        return restore.fn(settings)
    except LeaseHeld as error:
        get_run_logger().warning("%s", error)
        return Cancelled(message=str(error))  # type: ignore[return-value]
