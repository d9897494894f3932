"""Whether Prefect's server has planned the next night: a schedule nobody follows is the worst."""

from __future__ import annotations

from collections.abc import Iterable

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType

from flows.night_runs import runs_of


def without_next_night(names: Iterable[str]) -> list[str]:
    """The collections for which the server holds no planned run: its scheduler does not work, or
    somebody paused the deployment."""
    with get_client(sync_client=True) as client:
        return [name for name in names if not runs_of(client, name, [StateType.SCHEDULED], 1)]
