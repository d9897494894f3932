"""The actor that holds one stage: its model is loaded once and serves every scan of a lane."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import ray

from cluster.outcome import Outcome, answering
from models.contract import Hints, Samples, Stage, StageInput, StageResult


# Ray restarts a dead actor, so that its handle outlives the death; calls are never retried by
# Ray, because the call that killed the actor is among them (DESIGN 3.4).
@ray.remote(max_restarts=-1, max_task_retries=0)
class StageActor:
    """Runs one stage on one page at a time; `build` is called here, where the model shall live."""

    def __init__(self, name: str, build: Callable[[], Stage]) -> None:
        self._stage = build()
        self._answer = answering(name, values=1)(self._process)

    def ready(self) -> tuple[int, float]:
        """Process id and bytes of private memory per pixel, once the model is loaded."""
        return os.getpid(), self._stage.bytes_per_pixel

    @ray.method(num_returns=2)
    def process(
        self,
        options: Mapping[str, str],
        pixels: Samples,
        hints: Hints,
        *earlier: StageResult,
    ) -> Any:
        """Outcome and StageResult for a page, after the results of the stages before."""
        return self._answer(options, pixels, hints, earlier)

    def _process(
        self,
        options: Mapping[str, str],
        pixels: Samples,
        hints: Hints,
        earlier: tuple[StageResult, ...],
    ) -> tuple[Any, ...]:
        changes = tuple(r for result in earlier for r in result.rectangles)
        (result,) = self._stage([StageInput(pixels, hints, changes, options)])
        return Outcome(0.0, None, dict(result.metrics), result.flags), result
