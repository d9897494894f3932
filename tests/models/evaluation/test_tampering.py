import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face

from models.evaluation.tampering import HONEST, TAMPERED, GuardTally, measure, pairs, tampered
from models.faces.align import crop, similarity
from models.faces.guard import Verdict

Crop = NDArray[np.float32]


def _portraits() -> list[Crop]:
    """Two painted faces, aligned, with pores; the second of other proportions."""
    points = np.array([[0.375, 0.483], [0.625, 0.483], [0.5, 0.66]]) * 480
    random = np.random.default_rng(0)
    made = []
    for image in (face(480), cv2.GaussianBlur(face(480)[:, ::-1], (0, 0), 6)):
        aligned = np.repeat(crop(np.ascontiguousarray(image), similarity(points, 256), 256), 3, 2)
        pores = cv2.GaussianBlur(random.normal(0, 1, (256, 256)), (0, 0), 1.5)
        skin = aligned + (0.02 * pores / pores.std())[..., None]
        made.append(np.clip(skin, 0, 1).astype(np.float32))
    return made


def test_every_kind_comes_and_the_seed_decides() -> None:
    portraits = _portraits()
    first, again = (list(pairs(portraits, 5, seed=4)) for _ in range(2))
    assert [pair.kind for pair in first[::2]] == list(TAMPERED)
    assert {pair.kind for pair in first[1::2]} == set(HONEST)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.before, other.before) and np.array_equal(one.after, other.after)
        for image in (one.before, one.after):
            assert image.dtype == np.float32 and image.shape == (256, 256, 3)
            assert image.min() >= 0 and image.max() <= 1
        assert not np.array_equal(one.before, one.after)
    other_seed = next(iter(pairs(portraits, 1, seed=5)))
    assert not np.array_equal(other_seed.after, first[0].after)


def test_the_eyes_are_moved_and_the_mouth_is_not() -> None:
    portrait, other = _portraits()
    for kind, seed in (("iris moved", 0), ("eyes moved", 1)):
        pair = tampered(kind, portrait, other, np.random.default_rng(seed))
        change = np.abs(pair.after - portrait)
        assert change[95:130, 64:192].max() > 3 * change[150:].max()


def test_the_guard_stops_what_it_was_made_for() -> None:
    lines: list[str] = []
    tally = measure(_portraits(), 10, seed=2, say=lines.append)
    assert sum(tally.seen.values()) == 20
    assert tally.catches >= 0.8
    assert tally.stopped["sharpened"] == tally.stopped["deblurred"] == 0
    assert "mouth erased: 2 of 2 stopped" in lines[0]


def test_own_enhancements_count_as_honest() -> None:
    portraits = _portraits()
    tally = measure(portraits, 0, own=[(portraits[0], portraits[0])], say=lambda _: None)
    assert tally.seen == {"restored": 1} and tally.false_alarms == 0


def test_shares_are_over_all_kinds_of_a_sort() -> None:
    passed = Verdict(1, 1, 1, 1, None, True, "")
    failed = Verdict(0, 1, 1, 1, None, False, "left eye changed")
    tally = GuardTally()
    for kind, verdict in (("swapped", failed), ("smoothed", passed), ("sharpened", passed)):
        tally.add(kind, verdict)
    assert tally.catches == 0.5 and tally.false_alarms == 0


def test_one_portrait_cannot_be_swapped() -> None:
    with pytest.raises(ValueError, match="two"):
        next(pairs(_portraits()[:1], 1))
