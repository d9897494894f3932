"""What of Prefect's logging reaches the terminal."""

from __future__ import annotations

import logging


def silence_prefect() -> None:
    """Leave the terminal to progress and results: Prefect's logs go to its server alone."""
    import prefect.main  # noqa: F401  sets its logging up when it is imported

    for name in ["", *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if type(handler).__name__ == "PrefectConsoleHandler":
                logger.removeHandler(handler)
