"""What becomes of an error that no step foresaw."""

from __future__ import annotations

import torch

from cluster.outcome import failure_of


def test_a_gpu_without_memory_is_tried_again_another_night() -> None:
    failure = failure_of(torch.OutOfMemoryError("CUDA out of memory"), "damage")
    assert (failure.error_class, failure.transient) == ("TooLarge", True)
    assert "GPU" in failure.message and "'damage'" in failure.message


def test_a_process_without_memory_fails_for_good() -> None:
    failure = failure_of(MemoryError(), "read")
    assert (failure.error_class, failure.transient) == ("TooLarge", False)
    assert "GPU" not in failure.message
