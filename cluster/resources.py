"""What a lane asks of a Ray node: declared, never detected where the work is planned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.errors import UsageError

STAGE_ACTOR_CPUS = 0.1
"""CPUs of a stage actor. Three actors of one CPU each are never placed on a two-core node."""

IO_TASK_CPUS = 0.8
"""CPUs of a read, look or write task: two of them and three actors fit on two cores."""

ANY_NODE = "any"
"""As `io_nodes`: read, look and write wherever the cluster has room."""

_USUAL_ACTORS = 3
_IO_SHARE = 0.001
"""What an io slot takes of a resource that only says which nodes may have it."""

_UNITS = 10_000
"""Ray counts resources in ten-thousandths, and rounds: three times a sixth is more than a half."""

_LEAST_UNITS = 100

_COMMON = "common"
"""What an actor is called that has all stages."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an actor of a lane sits: its bundle, and its part of that bundle's GPU.

    `name` is its stage, or `common` where it has all of them; with `#2` and so on for the further
    actors of the same stages.
    """

    name: str
    stages: tuple[str, ...]
    bundle: int
    gpus: float


@dataclass(frozen=True, slots=True)
class Layout:
    """What a lane asks for on its node, and, where they are apart, for its io slots."""

    bundles: list[dict[str, float]]
    io_bundles: list[dict[str, float]]
    seats: list[Seat]

    def needs(self, kind: str) -> float:
        """How much of a resource the lane takes of its node."""
        return sum(bundle.get(kind, 0.0) for bundle in self.bundles)


@dataclass(frozen=True, slots=True)
class LaneResources:
    """The node share of one lane: its stage actors and the tasks that feed them.

    `io_slots` read, look and write tasks run at once; a stage may use `threads` threads.
    `gpus` is bookkeeping for placement, not a memory limit: up to 1, or whole GPUs. `shares`
    are GPUs for each actor of a stage, 0 for one on the CPU; stages it does not name get even
    parts of the rest. `actors` says how many actors a stage has, where more than one.
    `io_nodes` takes the io slots off the lane's node: `any`, or the name of a Ray resource that
    the nodes for it declare.
    """

    gpus: float = 0.0
    io_slots: int = 2
    threads: int = 2
    shares: Mapping[str, float] = field(default_factory=dict)
    actors: Mapping[str, int] = field(default_factory=dict)
    io_nodes: str | None = None

    @classmethod
    def sharing(cls, cpus: float, gpus: float) -> LaneResources:
        """A lane that has `cpus` CPUs of its node to itself, and `gpus` GPUs.

        Two io slots keep the stages of a small machine fed; on a larger one the stages use
        more threads and need more of them.
        """
        return cls(gpus, min(8, max(2, int(cpus) // 4)), max(1, int(cpus)))

    @property
    def abreast(self) -> int | None:
        """How many steps compute at once where each has a CPU to itself: on a lane without a GPU
        that has as many actors of a stage as CPUs. None where stages have several threads each.

        Each of its actors has all stages then, and looks as well. More processes than CPUs take
        turns every few milliseconds, and each finds the others' data in the caches; and those that
        wait wake up a hundred times a second all the same.
        """
        most = max(self.actors.values(), default=1)
        return None if self.gpus or self.io_nodes or most != self.threads else most

    def threads_of(self, stage: str) -> int:
        """What each actor of a stage may use."""
        return 1 if self.abreast else max(1, self.threads // self.actors.get(stage, 1))

    def layout(self, stages: Iterable[str]) -> Layout:
        """A bundle for each GPU with the actors on it, then one for every io slot.

        Raises UsageError where the actors cannot share the lane's GPUs as asked.
        """
        seats = self._seats(list(stages))
        sitting = [0] * max(1, math.ceil(self.gpus))
        for seat in seats:
            sitting[seat.bundle] += 1
        sitting[0] += max(0, _USUAL_ACTORS - len(seats))
        gpu = {"GPU": min(1.0, self.gpus)} if self.gpus else {}
        bundles = [{"CPU": actors * STAGE_ACTOR_CPUS, **gpu} for actors in sitting]
        slot = {"CPU": IO_TASK_CPUS}
        if self.io_nodes not in (None, ANY_NODE):
            slot[str(self.io_nodes)] = _IO_SHARE
        slots = [dict(slot) for _ in range(self.io_slots)]
        if self.io_nodes:
            return Layout(bundles, slots, seats)
        return Layout([*bundles, *slots], [], seats)

    def _seats(self, stages: Sequence[str]) -> list[Seat]:
        if stages and self.abreast:
            names = names_of(_COMMON, {_COMMON: self.abreast})
            return [Seat(name, tuple(stages), 0, 0.0) for name in names]
        owners = {name: stage for stage in stages for name in names_of(stage, self.actors)}
        parts = divided(self.gpus, [(n, self.shares.get(stage)) for n, stage in owners.items()])
        return [Seat(name, (stage,), *parts[name]) for name, stage in owners.items()]


def names_of(stage: str, actors: Mapping[str, int]) -> list[str]:
    """What the actors of a stage are called in a lane: `damage`, `damage#2` and so on."""
    return [stage, *(f"{stage}#{number}" for number in range(2, actors.get(stage, 1) + 1))]


def fraction(gpus: float) -> float:
    """The largest amount that Ray can count and that is no more than `gpus`."""
    return math.floor(round(gpus * _UNITS, 6)) / _UNITS


def divided(
    gpus: float, wanted: Sequence[tuple[str, float | None]]
) -> dict[str, tuple[int, float]]:
    """For each actor (name, GPUs it wants or None) the GPU of the lane it is on, and its part.

    An actor uses one GPU, whole or in part. Those that want nothing in particular get equal
    parts, as large as possible. Raises UsageError where that cannot be.
    """
    if gpus > 1 and gpus != int(gpus):
        raise UsageError(f"a lane has up to one GPU, or whole ones: {gpus:g} cannot be.")
    free = [math.floor(round(min(1.0, gpus) * _UNITS, 6))] * math.ceil(gpus)
    given: dict[str, tuple[int, float]] = {}
    asked = [(name, math.floor(round(share * _UNITS, 6))) for name, share in wanted if share]
    for name, units in sorted(asked, key=lambda one: -one[1]):
        place = next((n for n, left in enumerate(free) if left >= units), None)
        if place is None:
            raise UsageError(
                f"the stages ask for more than the {gpus:g} GPUs of their lane: give less to "
                f"--gpus-per-stage, or more to --gpus-per-lane."
            )
        free[place] -= units
        given[name] = (place, units / _UNITS)
    others = [name for name, share in wanted if share is None]
    if others and gpus:
        units = _even(free, len(others))
        if units < _LEAST_UNITS:
            raise UsageError(
                f"--gpus-per-stage leaves nothing of the {gpus:g} GPUs of a lane for "
                f"{', '.join(others)}: name them too, with 0 for a stage that stays on the CPU."
            )
        for name in others:
            place = max(range(len(free)), key=lambda n: free[n])
            free[place] -= units
            given[name] = (place, units / _UNITS)
    used = {place for place, _ in given.values()}
    if len(free) > max(1, len(used)):
        raise UsageError(
            f"a lane with {len(wanted)} actors leaves some of its {gpus:g} GPUs idle: ask for "
            f"fewer --gpus-per-lane, or for more --actors."
        )
    return {name: given.get(name, (0, 0.0)) for name, _ in wanted}


def _even(free: Sequence[int], count: int) -> int:
    """The largest part of which `count` can be taken from what is free, none across two GPUs."""
    parts = {left // n for left in free for n in range(1, count + 1)} - {0}
    return max((p for p in parts if sum(left // p for left in free) >= count), default=0)
