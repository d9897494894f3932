import math

import numpy as np
from face_kit import aligned_portraits

from models.evaluation.guard_limits import best_limits, passes, traded
from models.evaluation.guard_trial import Trial, pairs, trials
from models.evaluation.honesty import Pair
from models.faces.guard import Limits, Verdict, check

_NOTHING = np.zeros((256, 256, 3), np.float32)


def _trial(kind: str, eye: float, texture: float = 1.0, distance: float | None = None) -> Trial:
    verdict = Verdict(eye, math.nan, 1.0, texture, distance, True, "")
    return Trial(Pair(kind, _NOTHING, _NOTHING), verdict)


def test_limits_tried_on_scores_judge_as_the_guard_does() -> None:
    made = list(pairs(aligned_portraits(), 6, seed=1))
    apart = [0.1 * number for number in range(len(made))]
    agreed = []
    for pair, given in zip(made, apart, strict=True):

        def distance(*_: object, given: float = given) -> float:
            return given

        (trial,) = trials([pair], Limits(), distance)
        for limits in (Limits(), Limits(0.5, 0.5, 0.3, 0.9), Limits(0.999, 0.9, 0.95, 0.2)):
            passed = passes(trial.verdict, limits)
            agreed.append(passed)
            assert passed == check(pair.before, pair.after, limits, distance).passed
    assert 0 < sum(agreed) < len(agreed)


def test_the_best_limits_part_the_honest_from_the_lies() -> None:
    given = [_trial("iris moved", 0.88)] * 9 + [_trial("restored", 0.915)] * 9
    given += [_trial("smoothed", 0.99, texture=0.66), _trial("swapped", 0.99, distance=0.52)]
    given += [_trial("denoised", 0.99, texture=0.72)]
    ((_, best),) = best_limits(given, bounds=(0.05,))
    assert best.tally.catches == 1 and best.tally.false_alarms == 0
    assert best.limits.mouth == Limits().mouth  # nothing is gained by moving it
    assert 0.88 < best.limits.eye <= 0.915 and 0.66 < best.limits.texture <= 0.72
    assert best.limits.distance < 0.52
    assert best.measured()["stopped"]["iris moved"] == 1.0
    assert "iris moved 9/9" in str(best) and "catches 100.0%" in str(best)


def test_more_false_alarms_allow_more_catches() -> None:
    lies = [_trial("iris moved", score) for score in np.linspace(0.7, 0.98, 40)]
    honest = [_trial("restored", score) for score in np.linspace(0.85, 1.0, 40)]
    tried = best_limits([*lies, *honest], bounds=(0.0, 0.1, 0.5))
    catches = [one.tally.catches for _, one in tried]
    assert catches == sorted(catches) and catches[0] < catches[-1]
    for bound, one in tried:
        assert one.tally.false_alarms <= bound


def test_a_bound_that_nothing_keeps_is_left_out() -> None:
    given = [_trial("iris moved", 0.1), _trial("restored", 0.2)]
    assert best_limits(given, bounds=(0.05,)) == []
    assert traded(given, Limits()).tally.false_alarms == 1
