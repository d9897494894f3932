"""What a person is told in the morning: the summary, or the error that ended the night."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flows.logs import is_on_terminal
from flows.settings import RestoreSettings
from flows.summary import Summary

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Told:
    """What there is to tell; `summary` is set once there is one."""

    summary: Summary | None = None


@contextmanager
def told(settings: RestoreSettings) -> Iterator[Told]:
    """Send what came of the block through the notification block of the settings, if they name
    one; whatever is raised is sent as well, and raised.

    A message that cannot be sent does not fail a night: that is logged and printed.
    """
    what = Told()
    try:
        yield what
    except Exception as error:
        send(settings.notify, f"Albumen: failed, {settings.destination}", str(error), what.summary)
        raise
    send(settings.notify, "", "", what.summary)


def send(name: str | None, subject: str, text: str, summary: Summary | None = None) -> None:
    """Send a message, or a summary with a message before it, through a notification block."""
    if name is None:
        return
    from flows.notify import tell

    lines = [text] if text else []
    if summary is not None:
        subject = subject or f"{summary.headline}: {summary.destination}"
        lines += summary.lines()
    if failure := tell(name, subject, "\n".join(lines)):
        _LOG.warning(failure)
        if not is_on_terminal():
            print(f"albumen: {failure}", file=sys.stderr, flush=True)
