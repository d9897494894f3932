"""How fast the synthesis is: `python -m models.training.degradation.benchmark [SIDE] [COUNT]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation import EVALUATION, TRAINING, degrade, lookalikes
from models.training.degradation.fields import Generator, smooth_field


def rate(side: int, count: int, work: Callable[[NDArray[np.uint8], Generator], object]) -> str:
    """Pictures of side x side a second, by the clock and by the processor's own time: on a
    machine that others use too, only the second says what the code costs."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    planes = [0.5 + 0.2 * smooth_field(rng, side, side, 6) for _ in range(3)]
    image = np.clip(np.stack(planes, axis=-1) * 255, 0, 255).astype(np.uint8)
    work(image, rng)  # the first call builds the bank of noise
    clock, processor = time.perf_counter(), time.process_time()
    for index in range(count):
        work(image, np.random.default_rng([index]))
    seconds, busy = time.perf_counter() - clock, time.process_time() - processor
    return f"{count / seconds:.0f} a second, {count / busy:.0f} a CPU second"


def main() -> None:
    """Print the rates of `degrade` and of `lookalikes`, one thread each."""
    given = [int(value) for value in sys.argv[1:3]]
    side, count = given + [128, 500][len(given) :]
    for name, severity in (("training", TRAINING), ("evaluation", EVALUATION)):
        print(f"{name}: {rate(side, count, partial(degrade, severity=severity))}")
    print(f"lookalikes: {rate(side, count, lookalikes)}")


if __name__ == "__main__":
    main()
