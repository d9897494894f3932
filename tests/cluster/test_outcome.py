"""What becomes of an error that no step foresaw."""

from __future__ import annotations

import errno
import os

import pytest
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_not_the_scans_fault(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch")
    failure = failure_of(OSError(number, os.strerror(number), "/scratch/albumen-x/work"), "write")
    assert failure.error_class == "NoTemporarySpace"
    assert failure.transient
    assert "/scratch: " in failure.message and "TMPDIR" in failure.message


def test_other_errors_are() -> None:
    failure = failure_of(OSError(errno.EINVAL, "Invalid argument"), "write")
    assert (failure.error_class, failure.transient) == ("StageFailed", False)
    assert "OSError" in failure.trace
