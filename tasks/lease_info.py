"""What a lease file says: who works on a destination, since when, and how far the run has come.

Anyone who can read the destination may read it; `tasks.lease` takes and keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.holder import Holder
from tasks.storage import Location, writable

LEASE = ".albumen/lease"


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """What a lease file says: who holds it, since when, and how far the run has come."""

    holder: Holder
    nonce: str
    run_id: str
    since: str
    heartbeat: str
    progress: Mapping[str, Any]

    @staticmethod
    def parse(data: bytes) -> LeaseInfo | None:
        """The content of a lease file; None where it is none."""
        try:
            found = json.loads(data)
            return LeaseInfo(
                Holder(**found["holder"]),
                str(found["nonce"]),
                str(found["run_id"]),
                str(found["since"]),
                str(found["heartbeat"]),
                dict(found["progress"]),
            )
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        return f"{self.holder}, since {self.since}, last heartbeat {self.heartbeat}"


def read_lease(destination: Location) -> LeaseInfo | None:
    """Who holds the destination, dead or alive; None where nobody does."""
    found = writable(destination).read(LEASE)
    return LeaseInfo.parse(found[0]) if found else None
