"""Ctrl-C and SIGTERM: the first asks a run to finish what is in flight, the second ends it."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flows import logs

requested = threading.Event()
"""Set by the first signal: start nothing new."""

abandoned = threading.Event()
"""Set by the second signal: wait for nothing."""


@contextmanager
def graceful() -> Iterator[None]:
    """Handle SIGINT and SIGTERM this way inside the block.

    It belongs inside the flow, around whose body Prefect handles SIGTERM in its own way. Does
    nothing outside the main thread, where signals cannot be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if requested.is_set():
            abandoned.set()
            raise KeyboardInterrupt
        requested.set()
        words = "Stopping: finishing the scans in flight. Press Ctrl-C again to abandon them."
        logs.say(logging.WARNING, words)
        if not logs.is_on_terminal():
            print(f"\n{words}", file=sys.stderr, flush=True)

    requested.clear()
    abandoned.clear()
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
