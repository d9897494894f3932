"""The process that starts the nights of served deployments, and how it is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import Any

from prefect.runner import Runner


class Serving(Runner):
    """Prefect's runner, which SIGTERM stops as Ctrl-C does: its own handler ends the process from
    within, and leaves a traceback behind."""

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        """Stop as with Ctrl-C."""
        signal.raise_signal(signal.SIGINT)


def serve(deployments: Iterable[Any], limit: int) -> None:
    """Serve deployments until SIGINT or SIGTERM; at most `limit` runs at once. Their schedules
    stay active when this ends."""
    runner = Serving(name="albumen", pause_on_shutdown=False, limit=limit)
    for deployment in deployments:
        runner.add_deployment(deployment)
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        return
