"""Settings of Prefect that must stand before it is imported, and errors of its server."""

from __future__ import annotations

import logging
import os


def prepare() -> None:
    """Telemetry off; time for the embedded server to start on a slow machine.

    What the user has set stays.
    """
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")


def silence_console() -> None:
    """Leave the terminal to progress and results: Prefect's logs go to its server alone."""
    import prefect.main  # noqa: F401  sets its logging up when it is imported

    for name in ["", *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if type(handler).__name__ == "PrefectConsoleHandler":
                logger.removeHandler(handler)
