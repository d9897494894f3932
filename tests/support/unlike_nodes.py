"""Lanes on a cluster of unlike nodes, all on this machine, with GPUs that are only counted.

Run as a program, since a process knows one Ray cluster; prints what it saw as one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)

import ray
from fake_stages import Corner
from lane_setup import order_for, picture, rows_by_path
from ray.cluster_utils import Cluster

from cluster import arrivals, driver
from cluster.driver import Crew, assemble
from cluster.lanes import Lane
from cluster.placement import LaneWishes
from models.contract import StageInput, StageResult
from tasks.errors import ClusterError
from tasks.recipe import Recipe

_STORE = 80 << 20
_IO = "albumen-io"


class Signed(Corner):
    """A `Corner` that leaves a file with the id of its process for every page."""

    def __init__(self, folder: Path, seconds: float) -> None:
        super().__init__(seconds)
        self._folder = folder

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        (self._folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        return super().__call__(batch)


def seats(lane: Lane) -> dict[str, tuple[str, list[str]]]:
    """The node and the GPUs of each actor."""

    def seat(_: Any) -> tuple[str, list[str]]:
        context = ray.get_runtime_context()
        return context.get_node_id(), context.get_accelerator_ids()["GPU"]

    return {name: ray.get(actor.__ray_call__.remote(seat)) for name, actor in lane.actors.items()}


def until(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it has become true in time."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()


def restored(crew: Crew, lanes: Sequence[Lane], scans: Path, out: Path) -> list[int]:
    """Scans restored by a partition on each of these lanes, all at once."""
    recipe = Recipe(stages=("damage",), faces="off")
    orders = []
    for lane in lanes:
        (out / f"{lane.number}").mkdir(parents=True)
        orders.append(order_for(scans, out / f"{lane.number}", recipe=recipe))
    running = [crew.start(order, lane) for order, lane in zip(orders, lanes, strict=True)]
    assert all(until(lambda one=one: one.poll(0.5) is not None) for one in running)
    by_path = [rows_by_path(order) for order in orders]
    return [sum(p[0]["status"] == "restored" for p in rows.values()) for rows in by_path]


def free_gpus() -> float:
    """GPUs that no lane holds."""
    return float(ray.available_resources().get("GPU", 0.0))


def main(folder: Path) -> dict[str, Any]:
    """What was seen."""
    arrivals._COMPANY_SECONDS = 1.0  # nodes here are all there, or not at all
    scans, made = folder / "scans", folder / "made"
    made.mkdir()
    for number in range(8):
        picture(scans / f"{number}.png", seed=number)
    # Short: the paths of sockets below it may have 107 bytes. Not `temp_dir`: Cluster writes its
    # address below the default folder whatever it is told, and that need not exist.
    ray_folder = os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray-")
    given: dict[str, Any] = {"object_store_memory": _STORE}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, **given},
    )
    add = partial(cluster.add_node, **given)
    nodes = {
        add(num_cpus=4, num_gpus=2).node_id: "two",
        add(num_cpus=2, num_gpus=1).node_id: "one",
        add(num_cpus=4, resources={_IO: 1000}).node_id: "io",
    }
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    driver.session = lambda *_, **__: contextlib.nullcontext()  # type: ignore[assignment]
    driver.builders = lambda stages, *_, **__: {  # type: ignore[assignment]
        stage: partial(Signed, made, 0.1) for stage in stages
    }
    seen: dict[str, Any] = {}

    def opened(stages: Sequence[str], **wishes: Any) -> contextlib.AbstractContextManager[Crew]:
        return assemble(stages, {}, address=cluster.address, wishes=LaneWishes(**wishes))

    def described(crew: Crew) -> list[Any]:
        return [
            {name: (nodes[node], gpus) for name, (node, gpus) in seats(lane).items()}
            for lane in crew.lanes
        ]

    with opened(["damage", "color"]) as crew:
        seen["nothing said"] = described(crew)
        crew.keep(1)
        seen["given back"] = [len(crew.lanes), until(lambda: free_gpus() == 2, 20)]

    assert until(lambda: free_gpus() == 3)
    halves = {"lanes": 2, "lanes_per_gpu": 2, "actors": {"damage": 2}, "io_nodes": _IO}
    with opened(["damage", "faces", "color"], **halves) as crew:
        seen["halves"] = described(crew)
        groups = [ray.util.placement_group_table(lane.io_group) for lane in crew.lanes]
        seen["io"] = sorted(
            {nodes[node] for group in groups for node in group["bundles_to_node_id"].values()}
        )
        seen["restored"] = restored(crew, crew.lanes, scans, folder / "first")
        seen["processes"] = len({path.name.partition("-")[0] for path in made.iterdir()})

    assert until(lambda: free_gpus() == 3)
    with opened(["damage", "color"], lanes=2, gpus_per_lane=2, wait_seconds=60) as crew:
        seen["began with"] = described(crew)
        nodes[add(num_cpus=2, num_gpus=2).node_id] = "late"
        seen["joined"] = until(lambda: len(crew.lanes) == 2)
        seen["in the end"] = described(crew)
        seen["late restored"] = restored(crew, crew.lanes[1:], scans, folder / "late")

    assert until(lambda: free_gpus() == 5)
    for name, wishes in {
        "too large": {"gpus_per_lane": 3, "wait_seconds": 0.5},
        "without time": {"lanes": 3, "gpus_per_lane": 2, "wait_seconds": 0.5},
    }.items():
        try:
            stages = ["damage", "faces", "color"][: 1 + int(wishes["gpus_per_lane"])]
            with opened(stages, **wishes) as crew:
                seen[name] = [len(crew.lanes), until(lambda: free_gpus() == 1, 20)]
        except ClusterError as error:
            seen[name] = str(error)
    ray.shutdown()
    cluster.shutdown()
    shutil.rmtree(ray_folder, ignore_errors=True)
    return seen


@contextlib.contextmanager
def quietly() -> Iterator[Any]:
    """Standard output for the answer alone."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    yield answer
    answer.close()


if __name__ == "__main__":
    with quietly() as answer:
        json.dump(main(Path(sys.argv[1])), answer)
