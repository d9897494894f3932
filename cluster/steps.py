"""The steps of a scan that run as Ray tasks: probe, read, look and write.

Each answers with an Outcome (see `cluster.outcome`) and, where it makes pixels, with objects
that stay in the shared memory of the lane's node.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import ray

from cluster import look_step
from cluster.derivatives import Sheet, write_all
from cluster.outcome import Outcome, answering
from cluster.resources import IO_TASK_CPUS
from models.contract import Samples
from tasks import images
from tasks.checksum import sha256_of
from tasks.errors import OutsideSource
from tasks.partition import Job
from tasks.records import Photograph, Scan
from tasks.storage import Location, local_copy, open_for_reading

_NO_SAMPLES: Samples = np.empty((0, 0), np.uint8)


def _io_task(function: Any, num_returns: int = 1) -> Any:
    # No retries by Ray: only the partition knows which scan is to blame (DESIGN 3.4).
    return ray.remote(num_cpus=IO_TASK_CPUS, max_retries=0, num_returns=num_returns)(function)


@answering("probe")
def _probe(scan: Scan, source: Location) -> tuple[Outcome]:
    if scan.problem:
        raise OutsideSource(scan.problem)
    with open_for_reading(source, scan.uri) as file:
        return (Outcome(0.0, detail=images.probe(file, scan.relative_path)),)


@answering("read", values=2)
def _read(scan: Scan, source: Location, page: int, sha256: str | None) -> tuple[Any, ...]:
    images.set_threads(1)
    with local_copy(source, scan) as path:
        checksum = sha256 or sha256_of(path)
        photograph = images.read_page(path, page, checksum)
    return Outcome(0.0, columns=_described(photograph)), photograph.working, _unloaded(photograph)


def _described(photograph: Photograph) -> dict[str, Any]:
    height, width = photograph.samples.shape[:2]
    return {
        "source_sha256": photograph.source_sha256,
        "page_count": photograph.page_count,
        "width": width,
        "height": height,
        "bit_depth": photograph.samples.itemsize * 8,
        "channels": 1 if photograph.samples.ndim == 2 else photograph.samples.shape[2],
        "source_format": photograph.format,
        # A flag names a kind of thing, so that scans can be found by it; a note says it all.
        "flags": tuple(note.partition(": ")[0] for note in photograph.notes),
        "notes": list(photograph.notes),
    }


def _unloaded(photograph: Photograph) -> Photograph:
    """The photograph without its working pixels, which travel as an object of their own; and
    without samples where those are the same array, so that they are stored once."""
    same = photograph.samples is photograph.working
    samples = _NO_SAMPLES if same else photograph.samples
    return replace(photograph, working=_NO_SAMPLES, samples=samples)


def _loaded(photograph: Photograph, working: Samples) -> Photograph:
    samples = photograph.samples if photograph.samples.size else working
    return replace(photograph, working=working, samples=samples)


@answering("write")
def _write(
    job: Job,
    source: Location,
    destination: Location,
    sha256: str,
    decoded_bytes: int,
    stages: tuple[str, ...],
    *parts: Any,
) -> tuple[Outcome]:
    """`parts`: for one page its pixels, its photograph and a result for every stage; for
    several pages the results alone, page after page. Those pages are read once more, one at
    a time, so that a file of any number of pages needs the memory of one. `decoded_bytes` is
    the size of all pages decoded."""
    images.set_threads(1)
    with ExitStack() as stack:

        @cache
        def fetch() -> Path:  # only where it is needed: it may come from far away
            return stack.enter_context(local_copy(source, job.scan))

        sheets = _sheets(fetch, sha256, stages, parts)
        columns, outputs = write_all(job, fetch, destination, sheets, sha256, decoded_bytes)
    return (Outcome(0.0, detail=(columns, outputs)),)


def _sheets(
    fetch: Callable[[], Path], sha256: str, stages: tuple[str, ...], parts: tuple[Any, ...]
) -> list[Sheet]:
    if isinstance(parts[1], Photograph):
        pixels, photograph, *results = parts
        whole = _loaded(photograph, pixels)
        return [Sheet(lambda: whole, dict(zip(stages, results, strict=True)))]

    def read_again(page: int) -> Photograph:
        return images.read_page(fetch(), page, sha256)

    return [
        Sheet(
            partial(read_again, start // len(stages)),
            dict(zip(stages, parts[start : start + len(stages)], strict=True)),
        )
        for start in range(0, len(parts), len(stages))
    ]


probe = _io_task(_probe)
read = _io_task(_read, num_returns=3)
look = _io_task(look_step.look, num_returns=2)
write = _io_task(_write)
