"""What a lane asks of a Ray node: declared, never detected where the work is planned."""

from __future__ import annotations

from dataclasses import dataclass

STAGE_ACTOR_CPUS = 0.1
"""CPUs of a stage actor. Three actors of one CPU each are never placed on a two-core node."""

IO_TASK_CPUS = 0.8
"""CPUs of a read, look or write task: two of them and three actors fit on two cores."""


@dataclass(frozen=True, slots=True)
class LaneResources:
    """The node share of one lane: three stage actors and the tasks that feed them.

    `io_slots` read, look and write tasks run at once; a stage may use `threads` threads.
    `gpus` is bookkeeping for placement, not a memory limit.
    """

    gpus: float = 0.0
    io_slots: int = 2
    threads: int = 2

    @classmethod
    def sharing(cls, cpus: float, gpus: float) -> LaneResources:
        """A lane that has `cpus` CPUs of its node to itself, and `gpus` GPUs.

        Two io slots keep the stages of a small machine fed; on a larger one the stages use
        more threads and need more of them.
        """
        return cls(gpus, min(8, max(2, int(cpus) // 4)), max(1, int(cpus)))

    def bundles(self) -> list[dict[str, float]]:
        """Placement group bundles: the actors' first, then one for every io slot."""
        actors: dict[str, float] = {"CPU": 3 * STAGE_ACTOR_CPUS}
        if self.gpus:
            actors["GPU"] = self.gpus
        return [actors, *({"CPU": IO_TASK_CPUS} for _ in range(self.io_slots))]
