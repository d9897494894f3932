"""Where the actors of a lane sit, and how many lanes unlike nodes hold. No cluster is started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from cluster import placement, stages
from cluster.placement import LaneWishes, cpus_per_lane, may_come, refuse_impossible, room
from cluster.resources import LaneResources, divided, fraction
from tasks.errors import ClusterError, UsageError

ALL = ("damage", "faces", "color")


def node(cpus: float, gpus: float = 0.0) -> dict[str, float]:
    return {"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the nodes a cluster has, and the kinds its autoscaler may add."""

    def have(*there: Mapping[str, float], groups: Sequence[Any] | None = None) -> None:
        monkeypatch.setattr(placement, "alive", lambda: list(there))
        monkeypatch.setattr(placement, "may_come", lambda: groups)

    return have


def test_without_gpus_a_lane_asks_for_what_it_always_did() -> None:
    layout = LaneResources().layout(ALL)
    assert layout.bundles == [{"CPU": pytest.approx(0.3)}, {"CPU": 0.8}, {"CPU": 0.8}]
    assert [(seat.name, seat.bundle, seat.gpus) for seat in layout.seats] == [
        (stage, 0, 0.0) for stage in ALL
    ]
    assert LaneResources().layout(["damage"]).bundles == layout.bundles
    assert not layout.io_bundles


@pytest.mark.parametrize("gpus", [1.0, 0.5, fraction(1 / 3), 0.25, 0.1, 0.7, 2.0, 3.0])
@pytest.mark.parametrize("shares", [{}, {"damage": 0.02}, {"faces": 0.0}])
def test_the_actors_of_a_lane_fit_on_its_gpus_as_ray_counts(
    gpus: float, shares: dict[str, float]
) -> None:
    layout = LaneResources(gpus=gpus, shares=shares, actors={"damage": 2}).layout(ALL)
    used: dict[int, int] = defaultdict(int)
    for seat in layout.seats:
        used[seat.bundle] += round(seat.gpus * 10_000)  # as Ray rounds: a sixth is 0.1667
        assert (seat.gpus > 0) == (shares.get(*seat.stages) != 0)
    for number, units in used.items():
        assert units <= round(layout.bundles[number]["GPU"] * 10_000)
    assert layout.needs("GPU") == pytest.approx(gpus)
    even = [seat.gpus for seat in layout.seats if seat.stages[0] not in shares]
    assert len(set(even)) == 1


def test_each_stage_has_the_part_it_was_promised() -> None:
    shares = {"damage": 0.4, "faces": 0.2, "color": 0.4}
    wishes = LaneWishes(gpus_per_stage=shares)
    assert wishes.gpus(ALL, has_gpus=True) == 1.0
    assert wishes.gpus(ALL, has_gpus=False) == 1.0  # a driver without GPUs asks for them
    seats = LaneResources(gpus=1.0, shares=shares).layout(ALL).seats
    assert {seat.name: seat.gpus for seat in seats} == shares
    small = LaneWishes(gpus_per_stage={"damage": 0.2, "faces": 0, "color": 0.1})
    assert small.gpus(ALL, has_gpus=True) == pytest.approx(0.3)
    assert small.on_cpu(ALL) == {"faces"}
    large = LaneWishes(gpus_per_stage={"damage": 0.6, "faces": 0.3, "color": 0.6})
    assert large.gpus(ALL, has_gpus=True) == 2.0
    assert LaneWishes(gpus_per_stage={"faces": 0}).gpus(ALL, has_gpus=True) == 0
    assert LaneWishes(gpus_per_lane=0).on_cpu(ALL) == set(ALL)
    assert LaneWishes().on_cpu(ALL) == set()


def test_two_actors_of_the_slow_stage() -> None:
    layout = LaneResources(gpus=1.0, actors={"damage": 2}).layout(ALL)
    assert [seat.name for seat in layout.seats] == ["damage", "damage#2", "faces", "color"]
    assert {seat.gpus for seat in layout.seats} == {0.25}
    assert layout.bundles[0]["CPU"] == pytest.approx(0.4)
    two = LaneResources(gpus=2.0, actors={"damage": 2}, shares={"damage": 0.7}).layout(ALL)
    assert {seat.name: seat.bundle for seat in two.seats if seat.stages == ("damage",)} == {
        "damage": 0,
        "damage#2": 1,
    }


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (LaneWishes(gpus_per_lane=0.5, gpus_per_stage={"damage": 0.6}), "more than the 0.5"),
        (LaneWishes(gpus_per_stage={"damage": 1.0}), "leaves nothing .* faces, color:"),
        (LaneWishes(gpus_per_lane=1.5), "whole ones"),
        (LaneWishes(gpus_per_lane=4), "idle"),
        (LaneWishes(lanes_per_gpu=2, actors={"damage": 2}, gpus_per_stage={"damage": 0.3}), "more"),
    ],
)
def test_wishes_that_contradict_one_another(wishes: LaneWishes, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        wishes.gpus(ALL, has_gpus=True)


def test_steps_beside_the_lane() -> None:
    layout = LaneResources(gpus=1.0, io_nodes="albumen-io").layout(ALL)
    assert layout.bundles == [{"CPU": pytest.approx(0.3), "GPU": 1.0}]
    assert layout.io_bundles == [{"CPU": 0.8, "albumen-io": 0.001}] * 2
    assert LaneResources(io_nodes="any").layout(ALL).io_bundles == [{"CPU": 0.8}] * 2


def test_unlike_nodes_hold_what_fits_each(nodes: Any) -> None:
    nodes(node(0), node(32, 4), node(16, 1), node(64), node(2, 8))
    count, resources = LaneWishes().resources(ALL)
    assert count == 4 + 1 + 0 + 1  # the last has CPUs for one lane only
    assert (resources.gpus, resources.threads, resources.io_slots) == (1.0, 2, 2)
    nodes(node(0), node(32, 4), node(16, 1), node(64))
    count, resources = LaneWishes().resources(ALL)
    assert (count, resources.threads, resources.io_slots) == (5, 8, 2)
    assert LaneWishes(gpus_per_lane=2).resources(ALL)[0] == 2  # 5 GPUs, but not 2 and a half
    assert LaneWishes(gpus_per_lane=0.6).resources(ALL)[0] == 5  # none across two GPUs
    assert LaneWishes(lanes_per_gpu=3).resources(ALL)[0] == 12 + 3
    assert LaneWishes(gpus_per_lane=0).resources(ALL)[0] == 1
    away = LaneWishes(lanes=5, gpus_per_lane=1, io_nodes="any").resources(ALL)[1]
    assert (away.io_nodes, away.threads) == ("any", 8)


def test_on_cpus_the_damage_stage_has_an_actor_for_each_where_there_is_room(nodes: Any) -> None:
    def actors(cpus: float, stages: Sequence[str] = ALL, **wishes: Any) -> Mapping[str, int]:
        nodes(node(cpus))
        return LaneWishes(**wishes).resources(stages)[1].actors

    assert actors(2.0) == actors(4.0, lanes=2) == {"damage": 2}
    assert actors(16.0) == {"damage": 16}
    assert actors(1.9) == actors(3.9, lanes=2) == {}  # room for one, or a thread for one
    assert actors(2.0, actors={"damage": 1}) == {"damage": 1}
    assert actors(8.0, actors={"color": 2}) == {"damage": 8, "color": 2}
    assert actors(2.0, ("faces", "color")) == {}
    nodes(node(16.0, 1.0))
    assert LaneWishes().resources(ALL)[1].actors == {}


@pytest.mark.parametrize(
    ("gigabytes", "lanes", "expected"), [(64, 1, 16), (16, 1, 5), (16, 4, 2), (1, 1, 2)]
)
def test_on_cpus_there_are_no_more_actors_than_memory(
    nodes: Any, gigabytes: int, lanes: int, expected: int
) -> None:
    nodes(node(0), {**node(16.0), "memory": float(gigabytes << 30)}, {**node(16.0), "memory": 1e12})
    lane = LaneWishes(lanes=lanes).resources(ALL)[1]
    assert lane.actors == {"damage": expected}
    assert lane.threads_of("damage") == lane.threads // expected


def test_the_fullest_node_says_how_many_cpus_a_lane_has() -> None:
    layout = LaneResources().layout(ALL)
    assert cpus_per_lane(1, layout, [node(2)]) == 2
    assert cpus_per_lane(2, layout, [node(8)]) == 4
    assert cpus_per_lane(3, layout, [node(8), node(8)]) == 4
    assert cpus_per_lane(9, layout, [node(2)]) == 2  # refused later, and with a message
    assert cpus_per_lane(1, layout, [node(0)]) == 0


def test_a_node_has_room_by_its_scarcest_resource() -> None:
    layout = LaneResources(gpus=0.5).layout(ALL)
    assert room(node(16, 2), layout) == 4
    assert room(node(4, 2), layout) == 2
    assert room(node(16), layout) == 0


def test_what_can_never_fit_is_refused_at_once(nodes: Any) -> None:
    nodes(node(0), groups=[node(8, 1)])
    assert LaneWishes(lanes=4).resources(ALL)[1].gpus == 1.0  # of nodes that are yet to come
    with pytest.raises(ClusterError, match=r"needs 1\.9 CPU, 2 GPU .* have 8 CPU, 1 GPU"):
        LaneWishes(gpus_per_lane=2).resources(ALL)
    nodes(node(0), node(1))  # no autoscaler: who knows what is added by hand
    assert LaneWishes(gpus_per_lane=2).resources(ALL)[0] == 1
    with pytest.raises(ClusterError, match="no node of the cluster"):
        refuse_impossible(LaneResources().layout(ALL), [node(1)])


def test_what_the_autoscaler_says_it_may_add(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.core.generated import autoscaler_pb2 as messages

    config = messages.ClusterConfig()
    config.node_group_configs.add(name="gpu", max_count=4, resources={"CPU": 8, "GPU": 1})
    config.node_group_configs.add(name="none", max_count=0, resources={"GPU": 8})
    state: Any = placement.ray._private.state.state
    monkeypatch.setattr(state, "get_cluster_config", lambda: config)
    assert may_come() == [{"CPU": 8, "GPU": 1}]
    monkeypatch.setattr(state, "get_cluster_config", lambda: None)
    assert may_come() is None


def test_actors_of_a_stage_share_its_threads() -> None:
    lane = LaneResources(threads=8, actors={"damage": 2})
    built = stages.builders(ALL, {}, lane, on_cpu={"faces"})
    asked = {s: b.keywords if isinstance(b, partial) else {} for s, b in built.items()}
    assert asked == {
        "damage": {"threads": 4},
        "faces": {"threads": 8, "device": "cpu"},
        "color": {"threads": 8},
    }


def test_where_each_step_has_a_cpu_to_itself_so_many_compute_at_once() -> None:
    lane = LaneResources(threads=2, actors={"damage": 2})
    assert lane.abreast == 2
    assert [lane.threads_of(stage) for stage in ALL] == [1, 1, 1]
    seats = lane.layout(ALL).seats
    assert [(seat.name, seat.stages) for seat in seats] == [("common", ALL), ("common#2", ALL)]
    assert LaneResources(threads=1).abreast == 1


@pytest.mark.parametrize(
    "other",
    [
        {"threads": 4},
        {"actors": {}},
        {"actors": {"damage": 3}},  # as asked
        {"gpus": 0.5},  # the CPUs wait for the GPU
        {"io_nodes": "any"},  # looks elsewhere
    ],
)
def test_elsewhere_nothing_waits_for_a_cpu(other: dict[str, Any]) -> None:
    given: dict[str, Any] = {"threads": 2, "actors": {"damage": 2}}
    lane = LaneResources(**(given | other))
    assert lane.abreast is None
    assert {seat.stages for seat in lane.layout(ALL).seats} == {(stage,) for stage in ALL}


def test_even_parts_are_as_large_as_can_be() -> None:
    parts = divided(2.0, [("a", 0.7), ("b", None), ("c", None)])
    assert parts == {"a": (0, 0.7), "b": (1, 0.5), "c": (1, 0.5)}
    assert divided(0.0, [("a", None)]) == {"a": (0, 0.0)}
