"""The same reading, stages and writing in one plain loop: what the flow is held to.

    python bench/plain_loop.py SOURCE DESTINATION [--threads N] [--damage-model NAME]

One process, one scan after the other, the recipe that `albumen restore` would use. Prints one
line of JSON: scans, wall and CPU seconds of the loop without imports and loading, and both of
every step alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench_jobs import asked_for

from cluster.derivatives import Sheet, write_all
from cluster.resources import LaneResources
from cluster.stages import builders
from models.contract import Stage, StageInput, StageResult
from models.look import look
from tasks import images
from tasks.checksum import sha256_of
from tasks.location import Location
from tasks.partition import Job
from tasks.records import STAGE_NAMES

WARM_SIDE = 512
"""Side of the square that every network is shown before the clock starts."""


@dataclass
class Stopwatch:
    """Wall and CPU seconds (all threads of this process) by step, over all scans."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens in the block as step `name`."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
            self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu


def restore(
    job: Job,
    destination: Location,
    stages: Mapping[str, Stage],
    watch: Stopwatch,
    threads: int,
    crop: int | None = None,
) -> None:
    """Restore one scan; of a `crop`, which only warms up, nothing is written."""
    path, recipe = Path(job.scan.uri.removeprefix("file://")), job.recipe
    images.set_threads(1)
    with watch.step("read"):
        with path.open("rb") as file:
            images.probe(file, job.scan.relative_path)
        checksum = sha256_of(path)
        photograph = images.read_page(path, 0, checksum)
    pixels = photograph.working[:crop, :crop]
    with watch.step("look"):
        hints = look(pixels, recipe.looks_for_faces, threads, recipe.face_detector)
    results: dict[str, StageResult] = {}
    for name in recipe.active_stages:
        with watch.step(name):
            before = tuple(r for result in results.values() for r in result.rectangles)
            item = StageInput(pixels, hints, before, recipe.stage_options)
            (results[name],) = stages[name]([item])
    if crop is None:
        images.set_threads(1)
        with watch.step("write"):
            sheet = Sheet(lambda: photograph, results)
            size = photograph.samples.nbytes
            write_all(job, lambda: path, destination, [sheet], checksum, size)


def main() -> None:
    """Restore every scan of a folder, one after the other."""
    work = asked_for(__doc__)
    built = builders(STAGE_NAMES, work.options, LaneResources(threads=work.threads))
    stages = {name: build() for name, build in built.items()}
    first, *_ = work.jobs
    restore(first, work.destination, stages, Stopwatch(), work.threads, crop=WARM_SIDE)
    watch = Stopwatch()
    wall, cpu = time.perf_counter(), time.process_time()
    for job in work.jobs:
        restore(job, work.destination, stages, watch, work.threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    steps = {name: [watch.wall[name], watch.cpu[name]] for name in watch.wall}
    print(json.dumps({"scans": len(work.jobs), "wall": wall, "cpu": cpu, "steps": steps}))


if __name__ == "__main__":
    main()
