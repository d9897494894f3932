"""How many lanes a cluster has room for, by what its nodes declare, and what a user may wish.

Nodes may differ: a node with four GPUs has four lanes of one, a node without has none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import ray

from cluster.resources import LaneResources, Layout, divided, fraction, names_of
from tasks.errors import ClusterError

_SLOW = "damage"

_ACTOR_BYTES = 3 << 30
"""Memory of its node for each actor on CPUs. A scan of 108 megapixels takes 1.8 GB in one with the
embedded networks (`bench/memory.py`); the largest published one is 0.9 GB itself."""


@dataclass(frozen=True, slots=True)
class LaneWishes:
    """What was asked of the lanes; nothing said is one for each GPU, or a single one.

    Fields as the options of the command line. `wait_seconds` None means that all lanes must be
    there when the run begins.
    """

    lanes: int | None = None
    gpus_per_lane: float | None = None
    lanes_per_gpu: int | None = None
    gpus_per_stage: Mapping[str, float] = field(default_factory=dict)
    actors: Mapping[str, int] = field(default_factory=dict)
    io_nodes: str | None = None
    wait_seconds: float | None = None

    def gpus(self, stages: Sequence[str], has_gpus: bool) -> float:
        """GPUs of a lane with `stages`, on a cluster that has any or not.

        Raises UsageError where its stages cannot share them as asked.
        """
        wanted = [
            (name, self.gpus_per_stage.get(stage))
            for stage in stages
            for name in names_of(stage, self.actors)
        ]
        gpus = self._gpus([share for _, share in wanted], has_gpus)
        divided(gpus, wanted)
        return gpus

    def _gpus(self, shares: Sequence[float | None], has_gpus: bool) -> float:
        if self.gpus_per_lane is not None:
            return self.gpus_per_lane
        if self.lanes_per_gpu is not None:
            return fraction(1 / self.lanes_per_gpu)
        named = [share for share in shares if share is not None]
        if not named:
            return 1.0 if has_gpus else 0.0
        if len(named) < len(shares) or not sum(named):
            return 1.0 if sum(named) else 0.0
        if sum(named) <= 1:
            return fraction(sum(named))
        free: list[float] = []
        for share in sorted(named, reverse=True):
            room = next((n for n, left in enumerate(free) if left >= share - 1e-9), None)
            if room is None:
                room = len(free)
                free.append(1.0)
            free[room] -= share
        return float(len(free))

    def on_cpu(self, stages: Sequence[str]) -> set[str]:
        """The stages that were asked to stay off the GPUs of their node."""
        if self.gpus_per_lane == 0:
            return set(stages)
        return {stage for stage in stages if self.gpus_per_stage.get(stage) == 0}

    def resources(self, stages: Sequence[str]) -> tuple[int, LaneResources]:
        """How many lanes, and what each asks for, on the cluster that was joined or started.

        Raises UsageError, and ClusterError for a lane that no node of it can ever hold.
        """
        nodes, groups = alive(), may_come()
        declared = [*nodes, *(group for group in groups or ())]
        gpus = self.gpus(stages, any(node.get("GPU") for node in declared))
        least = replace(
            LaneResources.sharing(0, gpus),
            shares=self.gpus_per_stage,
            actors=self.actors,
            io_nodes=self.io_nodes,
        )
        layout = least.layout(stages)
        if groups is not None:
            refuse_impossible(layout, declared)
        count = self.lanes or max(1, sum(room(node, layout) for node in nodes))
        count = count if self.lanes or gpus else 1
        share = cpus_per_lane(count, layout, nodes)
        full = LaneResources.sharing(share, gpus)
        lane = replace(least, io_slots=full.io_slots, threads=full.threads)
        return count, lane if gpus else _abreast(lane, stages, count, nodes)


def _abreast(
    lane: LaneResources, stages: Sequence[str], count: int, nodes: Sequence[Node]
) -> LaneResources:
    """On CPUs, as many actors of the damage stage as threads where there is room and memory and
    nothing else was asked for: nearly all of the time goes there, and the networks are hardly any
    quicker with two threads (`bench/end_to_end.py`); but two actors at least."""
    if _SLOW in lane.actors or _SLOW not in stages or lane.threads < 2:
        return lane
    declared = (n["memory"] / n["CPU"] for n in nodes if n.get("CPU") and "memory" in n)
    for_each = min(1.0, min(declared, default=math.inf) / _ACTOR_BYTES)
    wider = replace(lane, actors={**lane.actors, _SLOW: max(2, int(lane.threads * for_each))})
    layout = wider.layout(stages)
    return wider if sum(room(node, layout) for node in nodes) >= count else lane


Node = Mapping[str, float]
"""What a node declares it has: CPU, GPU, and resources of any name."""


def alive() -> list[Node]:
    """The nodes of the cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def may_come() -> list[Node] | None:
    """The kinds of nodes that the cluster's autoscaler may add; None where there is none, or it
    does not say."""
    try:
        config = ray._private.state.state.get_cluster_config()
    except Exception:  # not part of Ray's promised interface
        return None
    if config is None or not config.node_group_configs:
        return None
    return [dict(group.resources) for group in config.node_group_configs if group.max_count]


def room(node: Node, layout: Layout) -> int:
    """How many lanes a node can hold. A fraction of a GPU lies within one of its GPUs."""
    lanes = math.floor(node.get("CPU", 0.0) / layout.needs("CPU") + 1e-6)
    part, whole = layout.bundles[0].get("GPU", 0.0), layout.needs("GPU")
    if not part:
        return lanes
    if whole > 1:
        return min(lanes, math.floor(node.get("GPU", 0.0) / whole))
    return min(lanes, math.floor(node.get("GPU", 0.0)) * math.floor(1 / part + 1e-6))


def cpus_per_lane(count: int, layout: Layout, nodes: Sequence[Node]) -> float:
    """The CPUs that each of `count` lanes has of its node, the fullest node taken."""
    lanes = [0] * len(nodes)
    for _ in range(count):
        hosts = [n for n, node in enumerate(nodes) if lanes[n] < room(node, layout)]
        if not hosts:
            break  # the others wait for a node, or are refused
        lanes[max(hosts, key=lambda n: nodes[n].get("CPU", 0.0) / (lanes[n] + 1))] += 1
    shares = [node.get("CPU", 0.0) / n for node, n in zip(nodes, lanes, strict=True) if n]
    return float(min(shares, default=max(node.get("CPU", 0.0) for node in nodes)))


def refuse_impossible(layout: Layout, declared: Sequence[Node]) -> None:
    """Raise ClusterError where no node of `declared` could hold a lane, however long one waits."""
    if any(room(node, layout) for node in declared):
        return
    raise ClusterError(
        f"no node of the cluster, nor any that its autoscaler may add, can hold a lane: it needs "
        f"{spelled(layout)} on one node. The largest have "
        f"{max(node.get('CPU', 0.0) for node in declared):g} CPU, "
        f"{max(node.get('GPU', 0.0) for node in declared):g} GPU. Ask for fewer --gpus-per-lane "
        f"or --actors, or give the cluster larger nodes."
    )


def spelled(layout: Layout) -> str:
    """What a lane needs on its node, in words."""
    kinds = [kind for kind in ("CPU", "GPU") if layout.needs(kind)]
    return ", ".join(f"{layout.needs(kind):g} {kind}" for kind in kinds)
