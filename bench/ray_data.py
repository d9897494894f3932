"""The same reading, stages and writing in Ray Data: what lanes of actors are compared with.

    python bench/ray_data.py SOURCE DESTINATION [--threads N] [--damage-model NAME]

Reading, looking and writing are tasks, each stage has actors that keep their model; the recipe,
the actors and their threads are those of `albumen restore` with one lane. One scan is a block:
with more, a block waits for its slowest scan, and shared memory holds many at once. Prints one
line of JSON: scans, and wall seconds from the first read to the last scan written.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench_jobs import Work, asked_for

from cluster.derivatives import Sheet, write_all
from cluster.placement import LaneWishes
from cluster.resources import IO_TASK_CPUS, STAGE_ACTOR_CPUS
from cluster.session import session
from cluster.stages import builders
from models.contract import Stage, StageInput, StageResult
from models.look import look
from tasks import images
from tasks.checksum import sha256_of
from tasks.location import Location
from tasks.partition import Job
from tasks.records import STAGE_NAMES

if TYPE_CHECKING:
    from ray.data import Dataset

Batch = dict[str, Any]


def main() -> None:
    """Restore every scan of a folder."""
    work = asked_for(__doc__)
    with session():  # the same cluster, and the same environment of its workers
        _, lane = LaneWishes().resources(STAGE_NAMES)
        built = builders(STAGE_NAMES, work.options, replace(lane, threads=work.threads))
        rows = list(_pipeline(work, built, lane.actors).iter_rows())
    wall = max(row["ended"] for row in rows) - min(row["began"] for row in rows)
    print(json.dumps({"scans": len(rows), "wall": wall}))


def _pipeline(
    work: Work, built: Mapping[str, Callable[[], Stage]], actors: Mapping[str, int]
) -> Dataset:
    """Every scan read, looked at, restored and written, as rows of two times."""
    import ray.data  # only once `cluster` was imported: that says how Ray authenticates itself

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    scans = ray.data.from_items(
        [{"job": job} for job in work.jobs], override_num_blocks=len(work.jobs)
    )
    scans = scans.map(_read, num_cpus=IO_TASK_CPUS)
    scans = scans.map(_look, num_cpus=IO_TASK_CPUS)
    for name in STAGE_NAMES:
        scans = scans.map_batches(
            StageOnBatches,
            fn_constructor_args=(name, built[name]),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors.get(name, 1)),
            num_cpus=STAGE_ACTOR_CPUS,
        )
    return scans.map(_writer(work.destination), num_cpus=IO_TASK_CPUS)


def _read(row: Batch) -> Batch:
    began = time.time()
    images.set_threads(1)
    job: Job = row["job"]
    path = _path(job)
    with path.open("rb") as file:
        images.probe(file, job.scan.relative_path)
    photograph = images.read_page(path, 0, sha256_of(path))
    return {"job": job, "photograph": photograph, "began": began}


def _look(row: Batch) -> Batch:
    recipe, pixels = row["job"].recipe, row["photograph"].working
    hints = look(pixels, recipe.looks_for_faces, 1, recipe.face_detector)
    return row | {"hints": hints, "results": {}}


class StageOnBatches:
    """One stage in its actor. A scan travels as one object, so that samples and working pixels
    that are the same array are stored once."""

    def __init__(self, name: str, build: Callable[[], Stage]) -> None:
        self._name = name
        self._stage = build()

    def __call__(self, batch: Batch) -> Batch:
        """The batch with this stage's results among those of each scan."""
        made = np.empty(len(batch["job"]), object)
        for number, job in enumerate(batch["job"]):
            earlier: Mapping[str, StageResult] = batch["results"][number]
            before = tuple(r for result in earlier.values() for r in result.rectangles)
            pixels = batch["photograph"][number].working
            options = job.recipe.stage_options
            item = StageInput(pixels, batch["hints"][number], before, options)
            made[number] = dict(earlier) | {self._name: self._stage([item])[0]}
        return batch | {"results": made}


def _writer(destination: Location) -> Callable[[Batch], Batch]:
    def write(row: Batch) -> Batch:
        images.set_threads(1)
        job, photograph = row["job"], row["photograph"]
        sheet = Sheet(lambda: photograph, row["results"])
        sha256, size = photograph.source_sha256, photograph.samples.nbytes
        write_all(job, lambda: _path(job), destination, [sheet], sha256, size)
        return {"began": row["began"], "ended": time.time()}

    return write


def _path(job: Job) -> Path:
    return Path(job.scan.uri.removeprefix("file://"))


if __name__ == "__main__":
    main()
