import numpy as np
import pytest
from face_kit import Told, aligned_portraits, sharpener

from models.evaluation.face_methods import seen_crops
from models.evaluation.guard_trial import GuardTally, measure, pairs
from models.evaluation.honesty import HONEST
from models.evaluation.tampering import TAMPERED


def test_every_kind_comes_and_the_seed_decides() -> None:
    portraits = aligned_portraits()
    first, again = (list(pairs(portraits, 5, seed=4)) for _ in range(2))
    assert [pair.kind for pair in first[::2]] == list(TAMPERED)
    assert {pair.kind for pair in first[1::2]} == set(HONEST) - {"enhanced"}
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.before, other.before) and np.array_equal(one.after, other.after)
        for image in (one.before, one.after):
            assert image.dtype == np.float32 and image.shape == (256, 256, 3)
            assert image.min() >= 0 and image.max() <= 1
        assert not np.array_equal(one.before, one.after)
    other_seed = next(iter(pairs(portraits, 1, seed=5)))
    assert not np.array_equal(other_seed.after, first[0].after)


def test_a_networks_own_are_among_the_honest() -> None:
    enhance = seen_crops(sharpener(128))
    made = list(pairs(aligned_portraits(), 5, enhance=enhance))
    assert [pair.kind for pair in made[1::2]] == list(HONEST)
    own = made[-1]
    assert own.before.shape == own.after.shape == (128, 128, 3)
    assert 0 < np.abs(own.after - own.before).max() < 0.5


def test_the_guard_stops_what_it_was_made_for() -> None:
    lines: list[str] = []
    tally = measure(aligned_portraits(), 10, seed=2, say=lines.append)
    assert sum(tally.seen.values()) == 20
    assert tally.catches >= 0.8
    assert tally.stopped["sharpened"] == tally.stopped["deblurred"] == 0
    assert "mouth erased: 2 of 2 stopped" in lines[0]


def test_a_network_that_turns_faces_round_is_no_honest_one() -> None:
    backwards = Told(lambda crop: np.ascontiguousarray(crop[::-1]))
    tally = measure(aligned_portraits(), 5, enhance=seen_crops(backwards), say=lambda _: None)
    assert tally.seen["enhanced"] == tally.stopped["enhanced"] == 1


def test_shares_are_over_all_kinds_of_a_sort() -> None:
    tally = GuardTally()
    for kind, passed in (("swapped", False), ("smoothed", True), ("sharpened", True)):
        tally.add(kind, passed)
    assert tally.catches == 0.5 and tally.false_alarms == 0 and tally.share("swapped") == 1
    assert np.isnan(tally.share("restored"))


def test_one_portrait_cannot_be_swapped() -> None:
    with pytest.raises(ValueError, match="two"):
        next(pairs(aligned_portraits()[:1], 1))
