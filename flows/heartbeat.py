"""What a run tells of itself with every heartbeat of its lease, for `albumen status --watch`."""

from __future__ import annotations

from typing import Any

from cluster.progress import Progress

_LONGEST = 3


def told_by_lease(
    run: str, planned: int, lanes: int, seconds: float, progress: Progress
) -> dict[str, Any]:
    """Where a run stands, as JSON values; `seconds` since its first partition was begun."""
    flights = progress.flights
    longest = sorted((one for f in flights for one in f.longest), key=lambda one: -one[1])
    return {
        "run": run,
        "planned": planned,
        "done": progress.done,
        "failed": progress.failed,
        "errors": dict(progress.by_error),
        "seconds": round(seconds, 1),
        "lanes": lanes,
        "lanes_at_work": len(flights),
        "in_flight": sum(flight.scans for flight in flights),
        "in_flight_bytes": sum(flight.held_bytes for flight in flights),
        "longest": [list(one) for one in longest[:_LONGEST]],
    }
