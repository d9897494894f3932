import numpy as np
import pytest

from tasks.cuts import cut

GIB, MIB = 1 << 30, 1 << 20


def shares(sizes: np.ndarray, ends: np.ndarray) -> tuple[list[int], list[int]]:
    begins = [0, *ends[:-1].tolist()]
    bytes_ = [int(sizes[a:b].sum()) for a, b in zip(begins, ends.tolist(), strict=True)]
    return bytes_, [b - a for a, b in zip(begins, ends.tolist(), strict=True)]


@pytest.mark.parametrize("seed", range(6))
def test_limits_hold_and_partitions_are_balanced(seed: int) -> None:
    sizes = np.random.default_rng(seed).lognormal(17, 1, 3000).astype(np.int64)
    ends = cut(sizes, 200, 4 * GIB)
    bytes_, counts = shares(sizes, ends)
    assert sum(counts) == len(sizes) and min(counts) > 0
    assert max(counts) <= 200 and max(bytes_) <= 4 * GIB
    assert max(bytes_) < 1.5 * np.mean(bytes_)
    assert (cut(sizes, 200, 4 * GIB) == ends).all()


def test_bytes_decide_for_large_scans() -> None:
    ends = cut(np.full(100, 600 * MIB), 200, 4 * GIB)
    bytes_, _ = shares(np.full(100, 600 * MIB), ends)
    assert max(bytes_) <= 4 * GIB and len(ends) <= 18


def test_a_scan_above_the_limit_is_alone() -> None:
    sizes = np.array([1, 9 * GIB, 1, 1])
    ends = cut(sizes, 200, 4 * GIB)
    bytes_, counts = shares(sizes, ends)
    assert 1 in counts and bytes_[counts.index(1)] in (1, 9 * GIB)
    assert [c for c, b in zip(counts, bytes_, strict=True) if b >= 9 * GIB] == [1]


@pytest.mark.parametrize(("scans", "at_least", "expected"), [(0, 4, 0), (3, 4, 3), (40, 4, 4)])
def test_at_least_so_many(scans: int, at_least: int, expected: int) -> None:
    assert len(cut(np.full(scans, MIB), 200, 4 * GIB, at_least)) == expected


def test_empty_files_are_divided_too() -> None:
    _, counts = shares(np.zeros(500, np.int64), cut(np.zeros(500, np.int64), 200, GIB))
    assert max(counts) <= 200 and min(counts) > 100
