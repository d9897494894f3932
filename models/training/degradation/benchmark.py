"""How fast the synthesis is: `python -m models.training.degradation.benchmark [SIDE] [COUNT]`."""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np

from models.training.degradation import TRAINING, degrade, lookalikes
from models.training.degradation.fields import smooth_field


def samples_per_second(side: int, count: int) -> tuple[float, float]:
    """Pictures a second of `degrade` (TRAINING) and of `lookalikes`, side x side, one thread."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    planes = [0.5 + 0.2 * smooth_field(rng, side, side, 6) for _ in range(3)]
    image = np.clip(np.stack(planes, axis=-1) * 255, 0, 255).astype(np.uint8)
    degrade(image, rng, TRAINING)  # the first call builds the bank of noise
    rates = []
    for work in (lambda r: degrade(image, r, TRAINING), lambda r: lookalikes(image, r)):
        begin = time.perf_counter()
        for index in range(count):
            work(np.random.default_rng([index]))
        rates.append(count / (time.perf_counter() - begin))
    return rates[0], rates[1]


def main() -> None:
    """Print both rates."""
    side, count = (int(value) for value in (sys.argv[1:] + ["128", "500"][len(sys.argv) - 1 :])[:2])
    damaged, painted = samples_per_second(side, count)
    print(f"{side} x {side}: degrade {damaged:.0f} a second, lookalikes {painted:.0f} a second")


if __name__ == "__main__":
    main()
