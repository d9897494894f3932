"""Progress of a run for the person watching: a live line in a terminal, plain lines in a pipe."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from flows import logs

_SECONDS_BETWEEN_LINES = 15.0


@dataclass(slots=True)
class ProgressDisplay:
    """Shows scans done, failed and remaining, the rate, and the time left.

    Use as a context manager; `show` may be called as often as one likes.
    """

    total: int
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _started: float = field(default_factory=time.monotonic)
    _last_line: float = 0.0
    _bar: Progress | None = None

    def __enter__(self) -> ProgressDisplay:
        if self.stream.isatty() and not logs.is_on_terminal():
            self._bar = Progress(
                BarColumn(),
                TextColumn("{task.description}"),
                console=Console(file=self.stream),
                transient=False,
            )
            self._bar.add_task(self.text(0, 0), total=self.total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, failed: int, *, last: bool = False) -> None:
        """Show that `done` scans have a row, `failed` of them failed or quarantined."""
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0], completed=done, description=self.text(done, failed)
            )
        if last or time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            text = self.text(done, failed)
            logs.say(logging.INFO, text, planned=self.total, done=done, failed=failed)
            if self._bar is None and not logs.is_on_terminal():
                print(text, file=self.stream, flush=True)

    def text(self, done: int, failed: int) -> str:
        """One line: counts, rate and time left."""
        seconds = time.monotonic() - self._started
        remaining = self.total - done
        words = f"{done} of {self.total} scans done, {failed} failed, {remaining} remaining"
        if done and seconds > 1:
            rate = done / seconds
            words += f", {rate * 60:.1f} a minute"
            if remaining:
                words += f", about {duration(remaining / rate)} left"
        return words


def duration(seconds: float) -> str:
    """`45 s`, `12 min` or `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
