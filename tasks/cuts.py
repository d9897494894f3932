"""Where a sequence of scans is cut into partitions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SCAN_COSTS_BYTES = 256 << 10
"""What a scan costs whatever its size, in bytes; balances folders of many small files."""


def cut(
    sizes: NDArray[np.int64], most_scans: int, most_bytes: int, at_least: int = 1
) -> NDArray[np.int64]:
    """The index after the last scan of each partition; `sizes` are in bytes.

    Neighbours stay together. No partition has more than `most_scans` scans, nor more than
    `most_bytes` bytes unless one scan alone has; there are `at_least` so many where there are
    as many scans. Within that, partitions are about equally large.
    """
    weights = (sizes + SCAN_COSTS_BYTES).tolist()
    real = sizes.tolist()
    partitions = max(
        math.ceil(sum(real) / most_bytes),
        math.ceil(len(real) / most_scans),
        min(at_least, len(real)),
    )
    ends: list[int] = []
    left = sum(weights)
    count = held = held_bytes = 0
    for index, (weight, size) in enumerate(zip(weights, real, strict=True)):
        share = left / max(partitions - len(ends), 1)
        scans_left = len(real) - index
        if count and (
            count == most_scans
            or held_bytes + size > most_bytes
            or (held + weight / 2 > share and len(ends) < partitions - 1)
            or scans_left < partitions - len(ends)  # each remaining partition needs one
        ):
            ends.append(index)
            left -= held
            count = held = held_bytes = 0
        count += 1
        held += weight
        held_bytes += size
    if count:
        ends.append(len(real))
    return np.array(ends, np.int64)
