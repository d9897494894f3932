"""Lanes: placement groups with actors for each stage, created once per run by the driver.

The driver owns the actors, because an actor dies with its creator: partitions come and go,
lanes and their loaded models stay (DESIGN 3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.claims import Claim, await_all, budgets, claim
from cluster.resources import STAGE_ACTOR_CPUS, LaneResources, Layout
from cluster.stage_actor import StageActor
from models.contract import Stage
from tasks.errors import ClusterError

Builder = Callable[[], Stage]


@dataclass(frozen=True, slots=True)
class Lane:
    """One node's share: a placement group, its stage actors, and its budget of bytes.

    `actors` are called as their seats, and `places` names those that have a stage, or that look.
    `batches` says how many pages one call of a stage may hold; a page where it does not.
    """

    number: int
    group: PlacementGroup
    actors: Mapping[str, ActorHandle[Any]]
    places: Mapping[str, Sequence[str]]
    resources: LaneResources
    budget_bytes: int
    batches: Mapping[str, int] = field(default_factory=dict)
    io_group: PlacementGroup | None = None
    nodes: frozenset[str] = frozenset()
    """Without any of these it cannot work."""

    def placement(self) -> PlacementGroupSchedulingStrategy:
        """Places a task on the lane's node: shared memory is only shared there."""
        return PlacementGroupSchedulingStrategy(self.group)

    def io_placement(self) -> PlacementGroupSchedulingStrategy:
        """Places a step that reads, looks or writes: on the lane's node, unless asked otherwise."""
        return PlacementGroupSchedulingStrategy(self.io_group or self.group)

    def close(self) -> None:
        """End its actors; its room is the cluster's again.

        The actors first: one that Ray means to restart counts as demand for a node, and keeps it
        from being given back.
        """
        for actor in self.actors.values():
            ray.kill(actor, no_restart=True)
        for group in filter(None, (self.group, self.io_group)):
            remove_placement_group(group)


Furnish = Callable[[Claim], Lane]
"""Makes a lane where its room is; its models load meanwhile."""


@contextmanager
def open_lanes(
    count: int,
    resources: LaneResources,
    stages: Mapping[str, Builder],
    *,
    place_within_seconds: float = 60,
    load_within_seconds: float = 600,
    budget_bytes: int | None = None,
) -> Iterator[list[Lane]]:
    """Create `count` lanes with actors for each of `stages` (name: what builds it there).

    `budget_bytes` limits what is in flight in a lane; by default the lanes of a node share
    80 % of its object store. Raises ClusterError when a lane does not fit on any node, or a
    stage cannot load: never waits in silence.
    """
    layout = resources.layout(stages)
    claims = claim(count, layout)
    try:
        await_all(claims, layout, place_within_seconds)
        share = budget_bytes or min(budgets(claims))
        lanes = [furnished(one, resources, layout, stages, share) for one in claims]
        yield await_models(lanes, load_within_seconds)
    finally:
        for one in claims:
            one.give_back()


def furnished(
    one: Claim,
    resources: LaneResources,
    layout: Layout,
    stages: Mapping[str, Builder],
    budget_bytes: int,
) -> Lane:
    """A lane where its room is, with actors that have begun to load."""
    actors = {
        seat.name: StageActor.options(  # type: ignore[attr-defined]
            num_cpus=STAGE_ACTOR_CPUS,
            num_gpus=seat.gpus,
            scheduling_strategy=PlacementGroupSchedulingStrategy(
                one.group, placement_group_bundle_index=seat.bundle
            ),
        ).remote({stage: stages[stage] for stage in seat.stages})
        for seat in layout.seats
    }
    places = {stage: [s.name for s in layout.seats if stage in s.stages] for stage in stages}
    if resources.abreast:
        places["look"] = list(actors)
    return Lane(
        one.number,
        one.group,
        actors,
        places,
        resources,
        budget_bytes,
        io_group=one.io_group,
        nodes=one.nodes(),
    )


def await_models(lanes: Sequence[Lane], seconds: float) -> list[Lane]:
    """The lanes, knowing what their stages say of themselves once their models are loaded.

    Raises ClusterError for a stage that cannot load, or takes longer.
    """
    loading: dict[Any, tuple[Lane, str]] = {
        actor.ready.remote(): (lane, name) for lane in lanes for name, actor in lane.actors.items()
    }
    _, late = ray.wait(list(loading), num_returns=len(loading), timeout=seconds)
    if late:
        lane, name = loading[late[0]]
        raise ClusterError(
            f"the {name} actor of lane {lane.number} did not load within {seconds:g} s."
        )
    batches: dict[int, dict[str, int]] = {lane.number: {} for lane in lanes}
    for ref, (lane, name) in loading.items():
        try:
            batches[lane.number] |= ray.get(ref)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ClusterError(
                f"the {name} actor of lane {lane.number} cannot start: {reason}"
            ) from error
    return [replace(lane, batches=batches[lane.number]) for lane in lanes]
