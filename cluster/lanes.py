"""Lanes: placement groups with one actor for each stage, created once per run by the driver.

The driver owns the actors, because an actor dies with its creator: partitions come and go,
lanes and their loaded models stay (DESIGN 3.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.resources import STAGE_ACTOR_CPUS, LaneResources
from cluster.stage_actor import StageActor
from models.contract import Stage
from tasks.errors import ClusterError

Builder = Callable[[], Stage]

_STORE_SHARE = 0.8
"""Part of a node's object store that its lanes may fill: the rest absorbs fragmentation."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One node's share: a placement group, its stage actors, and its budget of bytes.

    `batches` says how many pages one call of a stage may hold; a page where it does not.
    """

    number: int
    group: PlacementGroup
    actors: Mapping[str, ActorHandle[Any]]
    resources: LaneResources
    budget_bytes: int
    batches: Mapping[str, int] = field(default_factory=dict)

    def placement(self) -> PlacementGroupSchedulingStrategy:
        """Places a task on the lane's node: shared memory is only shared there."""
        return PlacementGroupSchedulingStrategy(self.group)


def lane_count(wanted: int | None, gpus_per_lane: float | None) -> tuple[int, float]:
    """How many lanes, and the GPUs of each, from what the cluster declares it has.

    Unless told otherwise: one lane for each GPU, and a single lane where there is none.
    """
    cluster_gpus = ray.cluster_resources().get("GPU", 0.0)
    gpus = gpus_per_lane if gpus_per_lane is not None else (1.0 if cluster_gpus else 0.0)
    if wanted is not None:
        return wanted, gpus
    return (max(1, math.floor(cluster_gpus / gpus)) if gpus else 1), gpus


def cpus_per_lane(count: int) -> float:
    """The CPUs each of `count` lanes may count on, by what the nodes declare they have."""
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    return float(min(max(nodes), sum(nodes) / count))


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
    """Create `count` lanes with an actor for each of `stages` (name: what builds it there).

    `budget_bytes` limits what is in flight in a lane; by default the lanes of a node share
    80 % of its object store. Raises ClusterError when a lane does not fit on any node, or a
    stage cannot load: never waits in silence.
    """
    groups = [
        placement_group(resources.bundles(), strategy="STRICT_PACK", name=f"albumen-lane-{n}")
        for n in range(count)
    ]
    try:
        _await_placement(groups, resources, place_within_seconds)
        share = budget_bytes or _budget(groups)
        lanes = [
            Lane(number, group, _actors(group, resources, stages), resources, share)
            for number, group in enumerate(groups)
        ]
        yield _await_models(lanes, load_within_seconds)
    finally:
        for group in groups:
            remove_placement_group(group)


def _actors(
    group: PlacementGroup, resources: LaneResources, stages: Mapping[str, Builder]
) -> dict[str, ActorHandle[Any]]:
    placement = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)
    share = resources.gpus / len(stages) if stages else 0.0
    return {
        name: StageActor.options(  # type: ignore[attr-defined]
            num_cpus=STAGE_ACTOR_CPUS, num_gpus=share, scheduling_strategy=placement
        ).remote(name, build)
        for name, build in stages.items()
    }


def _await_placement(
    groups: Sequence[PlacementGroup], resources: LaneResources, seconds: float
) -> None:
    ready, waiting = ray.wait(
        [group.ready() for group in groups], num_returns=len(groups), timeout=seconds
    )
    if not waiting:
        return
    per_lane = ", ".join(
        f"{sum(bundle.get(kind, 0.0) for bundle in resources.bundles()):g} {kind}"
        for kind in ("CPU", "GPU")
        if kind == "CPU" or resources.gpus
    )
    has = ", ".join(
        f"{amount:g} {kind}"
        for kind, amount in sorted(ray.cluster_resources().items())
        if kind in ("CPU", "GPU")
    )
    raise ClusterError(
        f"only {len(ready)} of {len(groups)} lanes fit on the cluster: each needs {per_lane} on "
        f"one node, and all nodes together have {has or 'nothing'}. Ask for fewer --lanes or "
        f"--gpus-per-lane, or add nodes."
    )


def _await_models(lanes: Sequence[Lane], seconds: float) -> list[Lane]:
    """The lanes, knowing what their stages say of themselves once their models are loaded."""
    loading: dict[Any, tuple[Lane, str]] = {
        actor.ready.remote(): (lane, stage)
        for lane in lanes
        for stage, actor in lane.actors.items()
    }
    _, late = ray.wait(list(loading), num_returns=len(loading), timeout=seconds)
    if late:
        lane, stage = loading[late[0]]
        raise ClusterError(
            f"the {stage} stage of lane {lane.number} did not load within {seconds:g} s."
        )
    batches: dict[int, dict[str, int]] = {lane.number: {} for lane in lanes}
    for ref, (lane, stage) in loading.items():
        try:
            _, _, batches[lane.number][stage] = ray.get(ref)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ClusterError(
                f"the {stage} stage of lane {lane.number} cannot start: {reason}"
            ) from error
    return [replace(lane, batches=batches[lane.number]) for lane in lanes]


def _budget(groups: Sequence[PlacementGroup]) -> int:
    """Bytes for each lane: the smallest share any of them has of its node's object store."""
    table = ray.util.placement_group_table()
    nodes = [next(iter(table[group.id.hex()]["bundles_to_node_id"].values())) for group in groups]
    stores = {
        node["NodeID"]: node["Resources"].get("object_store_memory", 0.0) for node in ray.nodes()
    }
    return min(int(_STORE_SHARE * stores[node] / nodes.count(node)) for node in nodes)
