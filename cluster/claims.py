"""Claims on the nodes of a cluster: the placement groups of lanes, placed or still waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from cluster.placement import room, spelled
from cluster.resources import Layout
from tasks.errors import ClusterError

_STORE_SHARE = 0.8
"""Part of a node's object store that its lanes may fill: the rest absorbs fragmentation."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Room for one lane: on one node for its actors, and for its io slots, there or elsewhere.

    What waits makes Ray's autoscaler add a node.
    """

    number: int
    group: PlacementGroup
    io_group: PlacementGroup | None = None

    @property
    def groups(self) -> list[PlacementGroup]:
        """All of its placement groups."""
        return [self.group, *([self.io_group] if self.io_group else [])]

    def is_placed(self) -> bool:
        """Whether its nodes are there."""
        tables = [ray.util.placement_group_table(group) for group in self.groups]
        return all(table.get("state") == "CREATED" for table in tables)

    def node(self) -> str:
        """The node of its actors."""
        table = ray.util.placement_group_table(self.group)
        return str(next(iter(table["bundles_to_node_id"].values())))

    def nodes(self) -> frozenset[str]:
        """Every node it has a part of."""
        tables = [ray.util.placement_group_table(group) for group in self.groups]
        return frozenset(node for t in tables for node in t["bundles_to_node_id"].values())

    def give_back(self) -> None:
        """Its room is the cluster's again, and its actors end; a second time does nothing."""
        for group in self.groups:
            remove_placement_group(group)


def claim(count: int, layout: Layout, first: int = 0) -> list[Claim]:
    """Ask for the room of `count` lanes, numbered from `first` on, without waiting for it."""
    return [
        Claim(
            number,
            placement_group(layout.bundles, strategy="STRICT_PACK", name=f"albumen-lane-{number}"),
            placement_group(layout.io_bundles, strategy="PACK", name=f"albumen-io-{number}")
            if layout.io_bundles
            else None,
        )
        for number in range(first, first + count)
    ]


def await_all(claims: Sequence[Claim], layout: Layout, seconds: float) -> None:
    """Wait until all are placed. Raises ClusterError when that takes longer."""
    refs = [[group.ready() for group in one.groups] for one in claims]
    everything = [ref for of_one in refs for ref in of_one]
    ready, waiting = ray.wait(everything, num_returns=len(everything), timeout=seconds)
    if waiting:
        placed = sum(all(ref in ready for ref in of_one) for of_one in refs)
        raise no_room(placed, len(claims), layout)


def no_room(placed: int, count: int, layout: Layout) -> ClusterError:
    """What to say when lanes found no node."""
    resources = sorted(ray.cluster_resources().items())
    has = ", ".join(f"{amount:g} {kind}" for kind, amount in resources if kind in ("CPU", "GPU"))
    apart = ""
    if layout.io_bundles:
        slot = ", ".join(f"{amount:g} {kind}" for kind, amount in layout.io_bundles[0].items())
        apart = f" and {len(layout.io_bundles)} times {slot} for reading and writing"
    return ClusterError(
        f"only {placed} of {count} lanes fit on the cluster: each needs {spelled(layout)} on "
        f"one node{apart}, and all nodes together have {has or 'nothing'}. Ask for fewer --lanes "
        f"or --gpus-per-lane, or add nodes."
    )


def budgets(claims: Sequence[Claim]) -> list[int]:
    """Bytes for each of these lanes: 80 % of its node's object store, shared by lanes there."""
    nodes = [one.node() for one in claims]
    stores = {
        node["NodeID"]: node["Resources"].get("object_store_memory", 0.0) for node in ray.nodes()
    }
    return [int(_STORE_SHARE * stores[node] / nodes.count(node)) for node in nodes]


def share_of_node(one: Claim, layout: Layout, count: int) -> tuple[int, float]:
    """Bytes and CPUs of a lane that came by itself, where as many others may yet come to its node
    as that has room for, of `count` in all."""
    node = one.node()
    resources = next(known["Resources"] for known in ray.nodes() if known["NodeID"] == node)
    lanes = min(count, max(1, room(resources, layout)))
    store = resources.get("object_store_memory", 0.0)
    return int(_STORE_SHARE * store / lanes), resources.get("CPU", 0.0) / lanes
