"""Lanes open, or are refused with a message; they are never waited for in silence."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import ray
from fake_stages import Corner, Nothing, Unloadable
from lane_setup import crew_of, order_for, picture, run

from cluster.address import check_address
from cluster.lanes import open_lanes
from cluster.placement import LaneWishes
from cluster.resources import LaneResources
from tasks.errors import ClusterError, UsageError
from tasks.recipe import Recipe

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_one_lane_without_gpus() -> None:
    cpus = ray.cluster_resources()["CPU"]
    count, resources = LaneWishes().resources(["damage", "faces", "color"])
    assert count == 1
    assert resources == replace(LaneResources.sharing(cpus, 0.0), actors={"damage": 2})
    assert LaneWishes(lanes=3).resources(["damage"])[0] == 3
    assert LaneWishes(gpus_per_lane=0.5).resources(["damage"])[0] == 1


def test_too_many_lanes_are_refused() -> None:
    many = int(ray.cluster_resources()["CPU"]) + 1
    with (
        pytest.raises(ClusterError, match=r"lanes fit on the cluster.*1\.9 CPU.*fewer --lanes"),
        open_lanes(many, LaneResources(), {"damage": Nothing}, place_within_seconds=2),
    ):
        pass
    with crew_of({"damage": Nothing}) as crew:  # what had been placed was given back
        assert len(crew.lanes) == 1


def test_a_lane_with_gpus_is_refused_where_there_are_none() -> None:
    with (
        pytest.raises(ClusterError, match=r"0 of 1 lanes.*1 GPU"),
        open_lanes(1, LaneResources(gpus=1), {"damage": Nothing}, place_within_seconds=2),
    ):
        pass


def test_a_stage_that_cannot_load_is_named() -> None:
    with (
        pytest.raises(ClusterError) as raised,
        crew_of({"damage": Nothing, "faces": Unloadable}),
    ):
        pass
    told = str(raised.value)
    assert "faces actor of lane 0 cannot start" in told
    assert "damage.safetensors is missing" in told
    assert "\n" not in told


def test_a_stage_that_loads_for_too_long_is_named() -> None:
    slow = partial(_sleep_and_build, 30)
    with (
        pytest.raises(ClusterError, match=r"color actor of lane 0 did not load within 1 s"),
        open_lanes(1, LaneResources(), {"color": slow}, load_within_seconds=1),
    ):
        pass


def _sleep_and_build(seconds: float) -> Nothing:
    time.sleep(seconds)
    return Nothing()


def test_lanes_and_their_models_outlive_partitions(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        picture(tmp_path / folder / "scans/a.png")
        (tmp_path / folder / "out").mkdir()
    with crew_of({"damage": Corner}) as crew:
        actor = crew.lanes[0].actors["damage"]
        before = ray.get(actor.__ray_call__.remote(_process))
        for folder in ("one", "two"):
            top = tmp_path / folder
            run(crew, order_for(top / "scans", top / "out", recipe=Recipe(stages=("damage",))))
        assert ray.get(actor.__ray_call__.remote(_process)) == before


def _process(_: object) -> int:
    return os.getpid()


def test_the_budget_is_a_share_of_the_object_store() -> None:
    store = ray.cluster_resources()["object_store_memory"]
    with crew_of({"damage": Nothing}) as crew:
        assert 0.5 * store < crew.lanes[0].budget_bytes < store


@pytest.mark.parametrize("address", ["", "host", ":6379", "host:", "host:port", "ray://h:1"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UsageError, match="--ray-address"):
        check_address(address)
