"""The same reading, stages and writing in one plain loop: what the flow's overhead is held to.

    python bench/plain_loop.py SOURCE DESTINATION

Prints one line of JSON: scans, wall and CPU seconds of the loop itself, without imports.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from cluster.derivatives import Sheet, write_all
from cluster.stages import builders, revisions
from models.contract import StageInput, StageResult
from models.look import look
from tasks import images
from tasks.checksum import sha256_of
from tasks.inventory import take_inventory
from tasks.location import Location
from tasks.partition import Job
from tasks.recipe import Recipe
from tasks.records import STAGE_NAMES


def main(source_folder: str, destination_folder: str) -> None:
    """Restore every scan of a folder, one after the other."""
    source, destination = Location.parse(source_folder), Location.parse(destination_folder)
    recipe = Recipe(revisions=revisions(STAGE_NAMES, {}))
    built = {name: build() for name, build in builders(STAGE_NAMES, {}, threads=2).items()}
    scans = list(take_inventory(source).scans())
    images.set_threads(1)
    wall, cpu = time.perf_counter(), time.process_time()
    for scan in scans:
        path = Path(scan.uri.removeprefix("file://"))
        checksum = sha256_of(path)
        photograph = images.read_page(path, 0, checksum)
        hints = look(photograph.working, detect_faces=True, threads=1)
        results: dict[str, StageResult] = {}
        for name, stage in built.items():
            before = tuple(r for result in results.values() for r in result.rectangles)
            (results[name],) = stage([StageInput(photograph.working, hints, before)])
        sheet = Sheet(lambda p=photograph: p, results)  # type: ignore[misc]
        job = Job(scan, replace(recipe), f"restored/{scan.relative_path}")
        write_all(job, lambda p=path: p, destination, [sheet], checksum, photograph.samples.nbytes)  # type: ignore[misc]
    print(
        json.dumps(
            {
                "scans": len(scans),
                "wall": time.perf_counter() - wall,
                "cpu": time.process_time() - cpu,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])
