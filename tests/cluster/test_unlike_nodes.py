"""Lanes on several nodes of different kinds, and nodes that come while a run waits for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect_server import free_port

pytestmark = pytest.mark.chaos

_SUPPORT = Path(__file__).parents[1] / "support"
_SECONDS = 600


def answer_of(program: str, given: str) -> dict[str, Any]:
    folders = [str(_SUPPORT), str(Path(__file__).parents[2])]
    path = os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        [sys.executable, _SUPPORT / program, given],
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer | {"stderr": finished.stderr}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return answer_of("unlike_nodes.py", str(tmp_path_factory.mktemp("nodes")))


@pytest.mark.in_ci
def test_a_lane_for_each_gpu_and_its_actors_together(seen: dict[str, Any]) -> None:
    places = []
    for lane in seen["nothing said"]:
        assert len({(node, *gpus) for node, gpus in lane.values()}) == 1
        node, gpus = lane["damage"]
        places.append((node, *gpus))
    assert sorted(places) == [("one", "0"), ("two", "0"), ("two", "1")]


@pytest.mark.in_ci
def test_lanes_without_work_are_given_back(seen: dict[str, Any]) -> None:
    assert seen["given back"] == [1, True]


@pytest.mark.in_ci
def test_half_gpu_lanes_with_two_actors_of_a_stage(seen: dict[str, Any]) -> None:
    for lane in seen["halves"]:
        assert sorted(lane) == ["color", "damage", "damage#2", "faces"]
        assert len({(node, *gpus) for node, gpus in lane.values()}) == 1
    assert seen["restored"] == [8, 8]
    assert seen["processes"] == 4, "one of the actors of the stage got no page"


@pytest.mark.in_ci
def test_reading_and_writing_on_nodes_without_gpus(seen: dict[str, Any]) -> None:
    assert seen["io"] == ["io"]


@pytest.mark.in_ci
def test_a_run_begins_with_what_is_there_and_takes_what_comes(seen: dict[str, Any]) -> None:
    assert seen["began with"] == [{"damage": ["two", ["0"]], "color": ["two", ["1"]]}]
    assert seen["joined"]
    assert seen["in the end"][1] == {"damage": ["late", ["0"]], "color": ["late", ["1"]]}
    assert seen["late restored"] == [8]


@pytest.mark.in_ci
def test_nodes_that_do_not_come(seen: dict[str, Any]) -> None:
    assert "only 0 of 1 lanes fit" in seen["too large"]
    assert "3 GPU on one node" in seen["too large"]
    assert seen["without time"] == [2, True]
    assert "1 of 3 lanes found no node within 0.5 s" in seen["stderr"]


def test_lanes_make_rays_autoscaler_add_nodes_and_give_them_back() -> None:
    seen = answer_of("growing_cluster.py", f"127.0.0.1:{free_port()}")
    assert seen["lanes"] == 2
    assert seen["nodes"] == [1, 3, 2, 1]
