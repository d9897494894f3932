"""What a lane hands to Ray, and what comes of it: pages that wait, calls under way, steps done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.outcome import Outcome

IO = "io"
"""The place of steps that run as tasks, not in the actor of a stage."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page for a stage: `objects` are its pixels, its hints and the results so far, `size` its
    decoded bytes. One that is `apart` gets a call of its own."""

    owner: Any
    options: Mapping[str, str]
    objects: Sequence[Any]
    size: int
    apart: bool = False


@dataclass(slots=True)
class Call:
    """One submitted step of an owner, or a stage for the owners of several pages.

    `refs` are as many for each owner: the first answers with its Outcome, the others are its
    objects.
    """

    owners: Sequence[Any]
    step: str
    place: str  # IO, or the actor of the lane that runs it
    refs: Sequence[Any]
    since: float
    pages: Sequence[Page] = ()

    def shares(self) -> list[tuple[Any, Sequence[Any]]]:
        """Each owner with its own references."""
        each = len(self.refs) // len(self.owners)
        return [(o, self.refs[n * each : (n + 1) * each]) for n, o in enumerate(self.owners)]


@dataclass(frozen=True, slots=True)
class Done:
    """A step that ended: with an outcome, or with the death of its process."""

    owner: Any
    step: str
    outcome: Outcome | None
    refs: Sequence[Any] = ()
    death: str | None = None
    hung: bool = False
