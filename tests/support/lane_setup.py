"""A small collection, a crew of one lane, and a partition run to its end on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import ray
from PIL import Image

from cluster.calls import Page
from cluster.driver import Crew
from cluster.lanes import open_lanes
from cluster.partition_run import Order, Report
from cluster.resources import LaneResources
from models.contract import Box, Hints, Stage
from tasks import ledger
from tasks.inventory import take_inventory
from tasks.location import Location
from tasks.partition import Job, Partition
from tasks.recipe import Recipe

RECIPE = Recipe(stages=("damage", "color"))
HINTS = Hints(Box(0, 0, 16, 16), "monochrome", {}, ())


def picture(path: Path, first: int = 0, size: tuple[int, int] = (48, 32), seed: int = 1) -> None:
    """A grey PNG of random pixels whose first sample is `first`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 200, size[::-1], np.uint8)
    pixels[0, 0] = first
    Image.fromarray(pixels).save(path)


def page(owner: str, first: int = 0, options: Mapping[str, str] | None = None) -> Page:
    """A page of 16 by 16 grey pixels whose first sample is `first`."""
    pixels = np.full((16, 16), 7, np.uint8)
    pixels[0, 0] = first
    return Page(owner, options or {}, (ray.put(pixels), ray.put(HINTS)), pixels.nbytes)


@contextmanager
def crew_of(
    stages: Mapping[str, Callable[[], Stage]],
    budget_bytes: int | None = None,
    lanes: int = 1,
    actors: Mapping[str, int] | None = None,
    threads: int = 2,
) -> Iterator[Crew]:
    """Lanes with these stages on the cluster under test, `actors` of a stage where it is named."""
    resources = LaneResources(actors=actors or {}, threads=threads)
    with open_lanes(lanes, resources, stages, budget_bytes=budget_bytes) as opened:
        yield Crew(opened)


def order_for(source: Path, destination: Path, **changes: Any) -> Order:
    """A partition of all scans of a folder."""
    place, target = Location.parse(str(source)), Location.parse(str(destination))
    recipe = changes.pop("recipe", RECIPE)
    jobs = tuple(
        Job(scan, recipe, f"restored/{scan.relative_path}")
        for scan in take_inventory(place).scans()
    )
    fields: dict[str, Any] = {
        "partition": Partition("p0", jobs),
        "run": ledger.start_run(target),
        "source": place,
        "destination": target,
        "strikes": {},
        "attempt": 1,
        "already": {},
        "step_seconds": 60.0,
    }
    return Order(**(fields | changes))


def run(crew: Crew, order: Order, seconds: float = 120) -> Report:
    """The report of a partition that is expected to end."""
    deadline = time.monotonic() + seconds
    with crew.lane() as lane:
        running = crew.start(order, lane)
        while time.monotonic() < deadline:
            if (report := running.poll(0.5)) is not None:
                return report
    raise AssertionError(f"the partition did not end within {seconds} s")


def rows_by_path(order: Order) -> dict[str, list[dict[str, Any]]]:
    """The committed rows of the order's partition, by scan."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.rows_of_partition(order.destination, order.run, order.partition.id):
        rows.setdefault(row["relative_path"], []).append(row)
    return rows
