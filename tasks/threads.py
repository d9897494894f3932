"""The one place that says how many threads the image libraries may use in this process."""

from __future__ import annotations

import cv2
import pyvips

_workers = 1


def set_threads(count: int) -> None:
    """Let OpenCV, libvips and the codecs use `count` threads (1 or more) in this process.

    libvips' operation cache is switched off too: every scan is different, so that it would
    only hold memory.
    """
    global _workers
    _workers = max(1, count)
    cv2.setNumThreads(_workers)
    pyvips.vips_lib.vips_concurrency_set(_workers)
    pyvips.cache_set_max(0)


def workers() -> int:
    """The number of threads set last; 1 where none was."""
    return _workers
