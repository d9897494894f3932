import cv2
import numpy as np
import pytest

from models.damage.components import components_of, joined, runs_of


def _random_mask(shape: tuple[int, int], density: float) -> np.ndarray:
    return np.random.default_rng(3).random(shape) < density


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (60, 90)])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.4, 1.0])
def test_components_agree_with_opencv(shape: tuple[int, int], density: float) -> None:
    mask = _random_mask(shape, density)
    weights = np.arange(mask.size, dtype=np.float64).reshape(shape)
    found = components_of(runs_of(mask, (weights,)), shape[1])
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    assert len(found) == count - 1
    got = sorted(
        zip(
            found.left.tolist(),
            found.top.tolist(),
            (found.right - found.left).tolist(),
            (found.bottom - found.top).tolist(),
            found.area.astype(int).tolist(),
            found.sums[:, 0].tolist(),
            strict=True,
        )
    )
    sums = np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count)[1:]
    want = sorted((*row, total) for row, total in zip(stats[1:].tolist(), sums, strict=True))
    assert np.array(got) == pytest.approx(np.array(want))
    padded = np.pad(mask.astype(int), 1)
    edges = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    assert found.perimeter.sum() == edges


def test_windows_leave_no_trace() -> None:
    mask = _random_mask((70, 110), 0.35)
    plane = np.random.default_rng(0).random(mask.shape)
    whole = runs_of(mask, (plane,))
    parts = [
        (
            top,
            left,
            runs_of(
                mask[top : top + 32, left : left + 40], (plane[top : top + 32, left : left + 40],)
            ),
        )
        for left in range(0, 110, 40)
        for top in range(0, 70, 32)
    ]
    again = joined(parts, 110)
    for name in ("row", "start", "stop"):
        assert (getattr(again, name) == getattr(whole, name)).all()
    assert again.sums == pytest.approx(whole.sums)


def test_length_and_breadth_of_a_slanted_line() -> None:
    canvas = np.zeros((200, 200), np.uint8)
    cv2.line(canvas, (20, 30), (140, 120), 1, 3)
    found = components_of(runs_of(canvas > 0), 200)
    assert found.length[0] == pytest.approx(150, rel=0.05)
    assert found.breadth[0] == pytest.approx(found.area[0] / found.length[0], rel=0.05)


def test_nothing_marked() -> None:
    assert len(components_of(joined([], 10), 10)) == 0
