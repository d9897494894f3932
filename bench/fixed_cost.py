"""`albumen restore` whose stages are replaced by one of fixed cost, to measure all the rest.

    python bench/fixed_cost.py SECONDS BUSY NOTES restore SOURCE DESTINATION [OPTIONS]

The stage takes SECONDS a page, of which it holds its GPU for the share BUSY: lanes that share a
GPU take turns in that part. It notes when each page began and ended in a file below NOTES.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import ray

from models.contract import Rectangle, StageInput, StageResult


class FixedCost:
    """Inverts the corner of a page, after having waited as a host waits for its GPU."""

    revision = "fixed-cost/1"
    weights: ClassVar[dict[str, str]] = {}
    bytes_per_pixel = 1.0

    def __init__(self, seconds: float, busy: float, notes: Path) -> None:
        self._seconds, self._busy = seconds, busy
        self._notes = notes / f"{os.getpid()}.pages"
        gpus = ray.get_runtime_context().get_accelerator_ids()["GPU"] if busy < 1 else []
        node = ray.get_runtime_context().get_node_id() if gpus else ""
        self._gpu = (notes / f"gpu-{node}-{'-'.join(gpus)}").open("w") if gpus else None

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """Every page takes as long."""
        return [self._one(item) for item in batch]

    def _one(self, item: StageInput) -> StageResult:
        began = time.monotonic()
        time.sleep(self._seconds * (1 - self._busy))
        if self._gpu is not None:
            fcntl.flock(self._gpu, fcntl.LOCK_EX)
        time.sleep(self._seconds * self._busy)
        if self._gpu is not None:
            fcntl.flock(self._gpu, fcntl.LOCK_UN)
        corner = item.pixels[:8, :8]
        mask = np.ones(corner.shape[:2], bool)
        result = StageResult((Rectangle(0, 0, np.bitwise_not(corner), mask),))
        with self._notes.open("a") as notes:
            notes.write(f"{began} {time.monotonic()}\n")
        return result


def main() -> None:
    """Run the command line with that stage in the place of every other."""
    seconds, busy, notes, *arguments = sys.argv[1:]
    from cluster import driver

    ray.cloudpickle.register_pickle_by_value(sys.modules[FixedCost.__module__])
    build = partial(FixedCost, float(seconds), float(busy), Path(notes))

    def builders(stages: Sequence[str], *_: Any, **__: Any) -> Mapping[str, Any]:
        return dict.fromkeys(stages, build)

    driver.builders = builders  # type: ignore[assignment]
    from flows.cli import main as command_line

    sys.argv = ["albumen", *arguments]
    command_line()


if __name__ == "__main__":
    main()
