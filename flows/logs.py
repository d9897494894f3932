"""The log of a run: where its lines go, and in which form.

Without `--log-format` and `--log-file` nothing is logged; the terminal has progress and results
alone. Modules log as usual, `tasks.events` gives the lines their form.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from logging.handlers import WatchedFileHandler
from pathlib import Path

from tasks.errors import UsageError
from tasks.events import Event, JsonFormatter, LineFormatter, TextFormatter, Value, emit, event

FORMAT_VARIABLE = "ALBUMEN_LOG"
FILE_VARIABLE = "ALBUMEN_LOG_FILE"
FORMATS: dict[str, type[LineFormatter]] = {"text": TextFormatter, "json": JsonFormatter}

_OURS = ("flows", "cluster", "tasks", "models")
_OF_THE_RUN = ("prefect.flow_runs", "prefect.task_runs")
"""Prefect's own loggers of what a flow says, retries of partitions among it."""

_LOG = logging.getLogger(__name__)
_context: dict[str, Value] = {}
_handler: logging.Handler | None = None


def open_log(form: str | None, file: Path | None) -> None:
    """Log to `file`, or to standard error without one; `form` is one of FORMATS, by default
    `json` in a file. Neither given: no log. Raises UsageError.

    To be called when Prefect is imported: that sets up its own handlers, and drops others.
    """
    global _handler
    close_log()
    if form is None and file is None:
        return
    form = form or "json"
    if form not in FORMATS:
        raise UsageError(f"{form!r} is no form of a log: choose text or json.")
    _handler = logging.StreamHandler(sys.stderr) if file is None else _file_handler(file)
    _handler.setFormatter(FORMATS[form](_context))
    for name in (*_OURS, *_OF_THE_RUN):
        logging.getLogger(name).addHandler(_handler)
    _set_apart(True)


def open_log_of_environment() -> None:
    """The log that ALBUMEN_LOG and ALBUMEN_LOG_FILE ask for. Raises UsageError."""
    file = os.environ.get(FILE_VARIABLE)
    open_log(os.environ.get(FORMAT_VARIABLE) or None, Path(file) if file else None)


def hand_on(form: str | None, file: Path | None) -> None:
    """Ask for this log in the processes that this one starts, such as those of the nights."""
    if form is not None:
        os.environ[FORMAT_VARIABLE] = form
    if file is not None:
        os.environ[FILE_VARIABLE] = str(file.absolute())


def close_log() -> None:
    """End the log; what modules say goes where it went before."""
    global _handler
    _context.clear()
    if _handler is None:
        return
    for name in (*_OURS, *_OF_THE_RUN):
        logging.getLogger(name).removeHandler(_handler)
    _set_apart(False)
    _handler.close()
    _handler = None


def is_on_terminal() -> bool:
    """Whether standard error belongs to the log: then nothing else is to be printed there."""
    return _handler is not None and not isinstance(_handler, logging.FileHandler)


def bind(run: str) -> None:
    """Name the run in every line from now on."""
    _context["run"] = run


def relay(events: Iterable[Event]) -> None:
    """Log what happened on the nodes, with the times at which it did."""
    if _handler is not None:
        emit(_LOG, events)


def say(level: int, message: str, **fields: Value) -> None:
    """Log something of this process, with fields; nothing where there is no log."""
    if _handler is not None:
        emit(_LOG, [event(level, message, **fields)])


def complain(message: str) -> None:
    """The last words of a command that failed: a line of the log, and of the terminal where the
    log does not have it."""
    say(logging.ERROR, message)
    if not is_on_terminal():
        print(f"albumen: {message}", file=sys.stderr)


def _set_apart(apart: bool) -> None:
    """Let our modules say more than warnings, to the log alone; or as before."""
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO if apart else logging.NOTSET)
        logger.propagate = not apart


def _file_handler(file: Path) -> logging.Handler:
    try:
        with file.open("rb") as found:
            first = found.read(1)
    except FileNotFoundError:
        first = b""
    except OSError as error:
        raise UsageError(f"--log-file {file}: {error.strerror}.") from error
    if first not in (b"", b"{", b"2"):  # a line begins with a brace, or with the year
        raise UsageError(f"--log-file {file} holds something else than a log: it is left alone.")
    try:
        # Reopened when it was renamed: logrotate needs no signal.
        return WatchedFileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--log-file {file}: {error.strerror}.") from error
