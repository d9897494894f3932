"""The actor that holds a stage, or all: models are loaded once and serve every scan of a lane."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray

from cluster import look_step
from cluster.outcome import Outcome, answering
from models.contract import Hints, JoiningStage, Samples, Stage, StageInput, StageResult

_LOG = logging.getLogger(__name__)


# Ray restarts a dead actor, so that its handle outlives the death; calls are never retried by
# Ray, because the call that killed the actor is among them (DESIGN 3.4).
@ray.remote(max_restarts=-1, max_task_retries=0)
class StageActor:
    """Runs a stage on a page, or on several at once where it is better at that; `builders` are
    called here, where the models shall live."""

    def __init__(self, builders: Mapping[str, Callable[[], Stage]]) -> None:
        self._stages = {name: build() for name, build in builders.items()}

    def ready(self) -> dict[str, int]:
        """How many pages one call of each stage may hold, once the models are loaded."""
        return {
            name: stage.batch if isinstance(stage, JoiningStage) else 1
            for name, stage in self._stages.items()
        }

    def look(self, *given: Any) -> Any:
        """As the task `cluster.steps.look`, where stages and look share their CPU."""
        return look_step.look(*given)

    def process(
        self, name: str, pages: Sequence[tuple[Mapping[str, str], int]], *objects: Any
    ) -> Any:
        """What stage `name` makes: for each of `pages` its Outcome and its StageResult.

        A page is its options and how many of `objects` are its own: pixels, hints, then the
        results of the stages before. What a single page raises becomes its Outcome. What
        several raise is not known to be the fault of any: all answers are None then, and the
        pages are to be tried apart.
        """
        items, stage = _inputs(pages, objects), self._stages[name]
        if len(items) == 1:
            return answering(name, values=1)(_processed)(stage, items[0])
        start = time.perf_counter()
        try:
            results = stage(items)
            if len(results) != len(items):
                raise RuntimeError(f"{len(results)} results for {len(items)} pages")
        except Exception:
            _LOG.warning(
                "step '%s': %d pages failed together and are tried one by one",
                name,
                len(items),
                exc_info=True,
            )
            return [None] * (2 * len(items))
        share = (time.perf_counter() - start) / len(items)  # the rows add up to the time it took
        return [part for result in results for part in (_outcome(result, share), result)]


def _processed(stage: Stage, item: StageInput) -> tuple[Any, ...]:
    (result,) = stage([item])
    return _outcome(result), result


def _outcome(result: StageResult, seconds: float = 0.0) -> Outcome:
    return Outcome(seconds, None, dict(result.metrics), result.flags)


def _inputs(
    pages: Sequence[tuple[Mapping[str, str], int]], objects: Sequence[Any]
) -> list[StageInput]:
    """`objects` dealt out to the pages they belong to."""
    items, start = [], 0
    for options, count in pages:
        pixels: Samples = objects[start]
        hints: Hints = objects[start + 1]
        earlier: Sequence[StageResult] = objects[start + 2 : start + count]
        changes = tuple(r for result in earlier for r in result.rectangles)
        items.append(StageInput(pixels, hints, changes, options))
        start += count
    return items
