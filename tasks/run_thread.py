"""Threads beside a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any


def run_thread(name: str, do: Callable[..., object], *arguments: Any) -> threading.Thread:
    """A thread that does not keep the process alive, not yet started. What it logs and tells
    Prefect belongs to the run in whose context it was made."""
    return threading.Thread(
        target=copy_context().run, args=(do, *arguments), name=f"albumen-{name}", daemon=True
    )
