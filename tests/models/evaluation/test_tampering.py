import numpy as np
import pytest
from face_kit import aligned_portraits

from models.evaluation.honesty import honest
from models.evaluation.tampering import TAMPERED, tampered


def test_the_eyes_are_moved_and_the_mouth_is_not() -> None:
    portrait, other = aligned_portraits()
    for kind, seed in (("iris moved", 0), ("eyes moved", 1)):
        pair = tampered(kind, portrait, other, np.random.default_rng(seed))
        change = np.abs(pair.after - portrait)
        assert change[95:130, 64:192].max() > 3 * change[150:].max()


def test_the_mouth_is_erased_and_the_eyes_are_not() -> None:
    portrait, other = aligned_portraits()
    pair = tampered("mouth erased", portrait, other, np.random.default_rng(2))
    change = np.abs(pair.after - portrait)
    assert change[180:210, 100:156].mean() > 4 * change[95:130, 64:192].mean()


def test_unknown_kinds_are_named() -> None:
    portrait, other = aligned_portraits()
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no tampering 'aged'"):
        tampered("aged", portrait, other, random)
    for kind in ("flattered", "enhanced", TAMPERED[0]):  # there is no network to enhance with
        with pytest.raises(ValueError, match="no honest enhancement"):
            honest(kind, portrait, random)
