"""Stages for tests of lanes: quick, exact, and some of them fatal.

A picture says what happens to it by its first sample: CRASH kills the process, HANG sleeps for
an hour, RAISE raises. Everything else gets its top left corner inverted by `Corner`.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from models.contract import Rectangle, StageInput, StageResult

CRASH, HANG, RAISE, CLEAN, HUNGRY, SLOW = 201, 202, 203, 204, 205, 206


class Corner:
    """Inverts the 8 x 8 pixels at the top left."""

    revision = "corner/1"
    weights: ClassVar[dict[str, str]] = {}
    bytes_per_pixel = 1.0

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        return [self._one(item) for item in batch]

    def _one(self, item: StageInput) -> StageResult:
        what = int(item.pixels.flat[0])
        if what == CRASH:
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == HANG:
            time.sleep(3600)
        if what == RAISE:
            raise RuntimeError("the stage does not like this picture")
        time.sleep(self._seconds)
        if what == CLEAN:
            return StageResult(metrics={"changed_fraction": 0.0})
        corner = item.pixels[:8, :8]
        changed = np.bitwise_not(corner)
        mask = np.ones(corner.shape[:2], bool)
        return StageResult((Rectangle(0, 0, changed, mask),), {"changed_fraction": 0.1})


class Slow(Corner):
    """A `Corner` that takes its time for pages whose first sample is `SLOW`."""

    def _one(self, item: StageInput) -> StageResult:
        if int(item.pixels.flat[0]) == SLOW:
            time.sleep(3.0)
        return super()._one(item)


class Together(Corner):
    """A `Corner` for up to `batch` pages a call, that notes the first samples of each call's pages
    in the file `log`. `HUNGRY` raises in company only. The very first call takes `seconds`, so
    that pages gather behind it."""

    def __init__(self, log: Path, batch: int = 4, seconds: float = 0.0) -> None:
        super().__init__()
        self._log, self.batch, self._first = log, batch, seconds

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        if not self._log.exists():
            time.sleep(self._first)
        firsts = [int(item.pixels.flat[0]) for item in batch]
        with self._log.open("a") as log:
            log.write(json.dumps(firsts) + "\n")
        if HUNGRY in firsts and len(batch) > 1:
            raise MemoryError
        return super().__call__(batch)


def calls_of(log: Path) -> list[list[int]]:
    """What a `Together` noted: for each call the first samples of its pages."""
    return [json.loads(line) for line in log.read_text().splitlines()]


class Nothing:
    """Changes nothing, and says so."""

    revision = "nothing/1"
    weights: ClassVar[dict[str, str]] = {}
    bytes_per_pixel = 0.0

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        return [StageResult() for _ in batch]


class Unloadable:
    """A stage whose model is missing."""

    def __init__(self) -> None:
        raise FileNotFoundError("weights file damage.safetensors is missing")
