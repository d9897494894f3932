"""Why a scan is restored tonight, or left as it is.

A scan is done where its fingerprint (size, modification time, etag), its recipe, and every
derivative as its storage lists it, agree with the manifest. Two recipes agree when their
digests are equal; without `refresh` also when the options chosen explicitly are the same, so
that an upgrade's new defaults restore nothing by themselves: such scans are counted as
`outdated`. Failed and quarantined scans count as done, withheld, under the same conditions;
but transient failures are tried again by every run, and all of them with `retry_failed`.

A withdrawn scan stays so, whatever changes, until `restore_withdrawn`; one that was withdrawn
because the source no longer had it returns with it. A scan whose master was found altered is left
as it is until its listing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from tasks.done import (
    ALTERED,
    DAMAGED,
    FAILED,
    TRANSIENT,
    WITHDRAWN,
    DoneIndex,
    fingerprint_key,
)
from tasks.recipe import Recipe
from tasks.records import Scan

Reason = Literal["new", "changed", "requested", "refreshed", "derivatives", "retried", "returned"]
REASONS: dict[Reason, str] = {
    "new": "new",
    "changed": "changed at the source",
    "requested": "asked for differently",
    "refreshed": "done differently since an upgrade",
    "derivatives": "with a derivative missing or altered",
    "retried": "failed before",
    "returned": "withdrawn before",
}
"""Why a scan is planned, in words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asked to be done again."""

    refresh: bool
    retry_failed: bool
    restore_withdrawn: bool


class Counts(Protocol):
    """Counts of the scans that are left as they are; see `tasks.partition.Plan`."""

    done: int
    outdated: int
    withheld: int
    withdrawn: int
    altered: int


def judge(
    counts: Counts,
    done: DoneIndex,
    position: int,
    scan: Scan,
    recipe: Recipe,
    asked: Asked,
) -> Reason | None:
    """Why a scan is to be restored; None, and counted, where it is not."""
    if position < 0:
        return "new"
    flags = int(done.flags[position])
    if flags & WITHDRAWN:
        if flags & TRANSIENT or asked.restore_withdrawn:
            return "returned"
        counts.withdrawn += 1
        return None
    if done.fingerprint[position] != fingerprint_key(scan):
        return "changed"
    if flags & ALTERED:
        counts.altered += 1
        return None
    same_recipe = done.recipe[position] == done.recipes.get(recipe.digest, -1)
    same_request = done.request[position] == done.requests.get(recipe.requested_json, -1)
    if not same_recipe and not same_request:
        return "requested"
    if not same_recipe and asked.refresh:
        return "refreshed"
    if flags & FAILED:
        if flags & TRANSIENT or asked.retry_failed:
            return "retried"
        counts.withheld += 1
    elif flags & DAMAGED:
        return "derivatives"
    else:
        counts.done += 1
    counts.outdated += not same_recipe
    return None
