"""What of Prefect's logging reaches the terminal."""

from __future__ import annotations

import logging

_ON_TERMINAL = ("PrefectConsoleHandler", "_SafeStreamHandler")
"""Prefect's handlers that write to standard error."""


def silence_prefect() -> None:
    """Leave the terminal to progress and results: Prefect's logs go to its server alone."""
    import prefect.main  # noqa: F401  sets its logging up when it is imported

    for name in ["", *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if type(handler).__name__ in _ON_TERMINAL:
                logger.removeHandler(handler)
    # What finds no handler at all Python itself would print: with a server that is gone for a
    # while, a page for every event.
    for name in ("prefect", "prefect._internal"):
        logging.getLogger(name).addHandler(logging.NullHandler())
