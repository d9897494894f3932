"""The network behind arrays: batches, channels, ranges, memory that runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_enhancers import SIDE, Broken, Greedy, Sharper, Watched, enhancer

from models.contract import BadStageInput
from models.faces.align import Floats
from models.faces.choices import CHOICES
from models.faces.enhancer import load_enhancer
from models.faces.guard import LIMITS
from models.tiling import BadNetworkOutput
from models.weights import sha256_of


def crops(count: int, channels: int = 3, side: int = SIDE) -> list[Floats]:
    random = np.random.default_rng(0)
    return [random.random((side, side, channels), np.float32) for _ in range(count)]


def test_crops_pass_through_in_order_and_in_batches() -> None:
    network = Watched()
    given = crops(7)
    made = enhancer(network, batch=3)(given)
    assert [shape[0] for shape in network.seen] == [3, 3, 1]
    for one, other in zip(given, made, strict=True):
        assert other.dtype == np.float32 and other.flags.c_contiguous
        assert np.allclose(one, other, atol=1e-6)
    assert enhancer(network)([]) == []


def test_grey_is_shown_as_three_equal_channels() -> None:
    network = Watched()
    (given,) = crops(1, channels=1)
    (made,) = enhancer(network)([given])
    assert network.seen == [(1, 3, SIDE, SIDE)]
    assert made.shape == (SIDE, SIDE, 3) and np.allclose(made, given, atol=1e-6)


def test_what_leaves_the_range_is_clipped() -> None:
    (made,) = enhancer(Sharper())([np.round(crops(1)[0])])
    assert made.min() == 0 and made.max() == 1


def test_memory_that_runs_out_makes_batches_smaller_for_good() -> None:
    network = Greedy(most=2)
    given = crops(9)
    small = enhancer(network, batch=8)
    made = small(given)
    assert [shape[0] for shape in network.seen] == [8, 4, 2, 2, 2, 2, 1]
    assert all(np.allclose(1 - a, b, atol=1e-6) for a, b in zip(given, made, strict=True))
    assert small.batch == 2
    with pytest.raises(torch.OutOfMemoryError):
        enhancer(Greedy(most=0), batch=4)(given)


def test_nan_is_never_handed_on() -> None:
    with pytest.raises(BadNetworkOutput, match="tiny answered with NaN"):
        enhancer(Broken())(crops(1))


@pytest.mark.parametrize("shape", [(64, 64, 3), (SIDE, SIDE), (SIDE, SIDE, 4), (SIDE, 64, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadStageInput, match="takes crops of 128 pixels"):
        enhancer(Watched())([np.zeros(shape, np.float32)])


def test_the_embedded_enhancer_loads_at_its_own_side_and_keeps_to_the_face() -> None:
    loaded = load_enhancer("auto", "cpu")
    choice = CHOICES["direct"]
    assert (loaded.name, loaded.revision, loaded.side) == ("direct", choice.revision, choice.side)
    assert loaded.weights == {"faces_enhancer": sha256_of("faces_enhancer")}
    assert loaded.limits == LIMITS
    ramp = np.linspace(0.3, 0.7, loaded.side, dtype=np.float32)
    smooth = np.broadcast_to(ramp[:, None, None], (loaded.side, loaded.side, 3)).copy()
    together = loaded([smooth, smooth[::-1].copy()])
    alone = loaded([smooth])[0]
    assert np.abs(together[0] - alone).max() < 0.004
    assert np.abs(alone - smooth).mean() < 0.05
    with pytest.raises(BadStageInput, match="no face model 'sharpest'"):
        load_enhancer("sharpest")
