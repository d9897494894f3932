"""The plan: what is to be done tonight, in partitions balanced by bytes.

Plans of a million scans fit: what is to be done is kept packed, and unpacked partition by
partition.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tasks.cuts import cut
from tasks.done import WITHDRAWN, DoneIndex
from tasks.estimate import Estimate, estimate
from tasks.inventory import Inventory, extension_of
from tasks.names import NameBook, own_or_new_extension
from tasks.reasons import Asked, Reason, judge
from tasks.recipe import Recipe
from tasks.records import Scan
from tasks.selection import Selection
from tasks.spool import Spool

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """One scan to be restored: how, and under which path of the destination."""

    scan: Scan
    recipe: Recipe
    restored_path: str

    @property
    def colorized_path(self) -> str:
        """The path of the colorized derivative: beside the restored one, of the same name."""
        return "colorized/" + self.restored_path.removeprefix("restored/")


@dataclass(frozen=True, slots=True)
class Partition:
    """Scans that one lane restores; its id follows from what they are."""

    id: str
    jobs: tuple[Job, ...]

    @property
    def bytes(self) -> int:
        """Of the scans together."""
        return sum(job.scan.size for job in self.jobs)


@dataclass(slots=True)
class Plan:
    """What is to be done, and what is left as it is.

    `reasons` counts planned scans; `done` scans need nothing, of them `outdated` would be
    restored again by `refresh`; `withheld` failed before and have not changed; `deferred` lie
    beyond `limit`; `withdrawn` stay so; the masters of `altered` are not what was restored;
    `vanished` are in the manifest, not withdrawn, and no longer in the source (None where only a
    selection was looked at), `vanished_keys` of their paths ascend; `missing` were listed and are
    not in the source. `scans_by_extension` and `bytes_by_extension` count all scans that
    were looked at.
    """

    estimate: Estimate
    scans: int = 0
    bytes: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    done: int = 0
    outdated: int = 0
    withheld: int = 0
    deferred: int = 0
    withdrawn: int = 0
    altered: int = 0
    vanished: int | None = None
    vanished_keys: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    missing: tuple[str, ...] = ()
    scans_by_extension: Counter[str] = field(default_factory=Counter)
    bytes_by_extension: Counter[str] = field(default_factory=Counter)
    _packed: _Packed = field(default_factory=lambda: _Packed(NameBook(np.empty(0, np.int64))))
    _ends: tuple[int, ...] = ()

    @property
    def partition_count(self) -> int:
        """How many partitions there are."""
        return len(self._ends)

    @property
    def looked_at(self) -> int:
        """Scans of the inventory that were chosen."""
        return sum(self.scans_by_extension.values())

    def partitions(self) -> Iterator[Partition]:
        """The partitions in order, unpacked one at a time; may be asked for again."""
        jobs = self._packed.jobs()
        begin = 0
        for end in self._ends:
            members = tuple(islice(jobs, end - begin))
            yield Partition(identity(members), members)
            begin = end


class _Packed:
    """Planned scans until their names can be given."""

    def __init__(self, names: NameBook) -> None:
        self.names = names
        self.recipes: list[Recipe] = []
        self._numbers: dict[Recipe, int] = {}
        self._spool: Spool[tuple[tuple[object, ...], int, int]] = Spool()

    def add(self, scan: Scan, recipe: Recipe, recorded: int) -> None:
        """Plan a scan; `recorded` is the key of the name the manifest has for it, or 0."""
        number = self._numbers.setdefault(recipe, len(self._numbers))
        if number == len(self.recipes):
            self.recipes.append(recipe)
        fields = (
            scan.uri,
            scan.relative_path,
            scan.size,
            scan.modified_us,
            scan.etag,
            scan.problem,
        )
        self._spool.append((fields, number, recorded))

    def jobs(self) -> Iterator[Job]:
        """The jobs in order."""
        for fields, number, recorded in self._spool:
            scan, recipe = Scan(*fields), self.recipes[number]  # type: ignore[arg-type]
            extension = own_or_new_extension(scan.relative_path, recipe.format)
            path = self.names.restored_path(scan.relative_path, extension, recorded)
            yield Job(scan, recipe, path)


def plan(
    inventory: Inventory,
    done: DoneIndex,
    recipe: Recipe,
    *,
    selection: Selection | None = None,
    limit: int | None = None,
    refresh: bool = False,
    retry_failed: bool = False,
    restore_withdrawn: bool = False,
    partition_scans: int = 200,
    partition_bytes: int = 4 << 30,
    at_least: int = 1,
    lanes: int = 1,
) -> Plan:
    """Go through the inventory once and plan what is not done.

    `limit` plans no more than that many scans, `at_least` asks for that many partitions, so
    that no lane stays idle; `lanes` share the estimated time. Raises StorageError.
    """
    chosen = selection or Selection()
    asked = Asked(refresh, retry_failed, restore_withdrawn)
    packed = _Packed(NameBook(np.sort(done.restored[done.restored != 0])))
    result = Plan(Estimate(0.0, 0, ""), _packed=packed)
    seen = np.zeros(len(done), bool)
    sizes = array("q")
    for chunk in _chunks(chosen.pick(inventory.scans(), recipe)):
        at = done.find(np.fromiter((hash(s.relative_path) for s, _ in chunk), np.int64))
        seen[at[at >= 0]] = True
        own = []
        for (scan, how), position in zip(chunk, at.tolist(), strict=True):
            extension = extension_of(scan.relative_path)
            result.scans_by_extension[extension] += 1
            result.bytes_by_extension[extension] += scan.size
            new_extension = own_or_new_extension(scan.relative_path, how.format)
            if new_extension is None:
                own.append(hash(scan.relative_path))
            else:
                packed.names.want(scan.relative_path, new_extension)
            reason = judge(result, done, position, scan, how, asked)
            if reason is None:
                continue
            if limit is not None and len(sizes) >= limit:
                result.deferred += 1
                continue
            result.reasons[reason] += 1
            sizes.append(scan.size)
            packed.add(scan, how, int(done.restored[position]) if position >= 0 else 0)
        packed.names.want_own(np.array(own, np.int64))
    if inventory.is_whole and chosen.is_whole and not inventory.unreadable.count:
        result.vanished_keys = done.keys[~seen & (done.flags & WITHDRAWN == 0)]
        result.vanished = len(result.vanished_keys)
    result.missing = tuple(chosen.missing)
    result.scans, result.bytes = len(sizes), sum(sizes)
    ends = cut(np.array(sizes, np.int64), partition_scans, partition_bytes, at_least)
    result._ends = tuple(ends.tolist())
    result.estimate = estimate(done.experience, result.scans, result.bytes, lanes)
    return result


def _chunks(
    chosen: Iterable[tuple[Scan, Recipe]],
) -> Iterator[list[tuple[Scan, Recipe]]]:
    iterator = iter(chosen)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def identity(jobs: Iterable[Job]) -> str:
    """What a partition of these scans is called."""
    digest = hashlib.sha256()
    for job in jobs:
        scan = job.scan
        parts = (scan.relative_path, scan.size, scan.modified_us, scan.etag, job.recipe.digest)
        digest.update(repr(parts).encode())
    return digest.hexdigest()[:16]
