"""Limits of the identity guard, tried: what each catches, what each stops wrongly.

Every pair is judged once; all limits are then tried on those scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import product
from typing import Any

from models.evaluation.guard_trial import GuardTally, Trial
from models.evaluation.honesty import HONEST
from models.evaluation.tampering import TAMPERED
from models.faces.guard import LIMITS, Limits, Verdict

EYES = (0.80, 0.84, 0.87, 0.90, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98)
MOUTHS = (0.70, 0.75, 0.80, 0.84, 0.87, 0.90, 0.92, 0.94, 0.96, 0.97)
TEXTURES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
DISTANCES = (0.4, 0.45, 0.5, 0.55, 0.6)

BOUNDS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10)
"""Shares of false alarms for which the best limits are told."""

MOST_ALARMS = 0.02
"""Chosen are limits with no more: of the 5 % that may be stopped wrongly, the last points bought
one lie in a hundred, and left three honest faces in a hundred as they were."""


@dataclass(frozen=True, slots=True)
class LimitsTrade:
    """What the guard catches and stops wrongly at `limits`."""

    limits: Limits
    tally: GuardTally

    def measured(self) -> dict[str, Any]:
        """For JSON: the limits, the two shares, and each kind's."""
        kinds = {kind: self.tally.share(kind) for kind in (*TAMPERED, *HONEST)}
        return {
            "limits": asdict(self.limits),
            "catches": self.tally.catches,
            "false_alarms": self.tally.false_alarms,
            "stopped": {kind: share for kind, share in kinds.items() if not math.isnan(share)},
        }

    def __str__(self) -> str:
        one = self.limits
        kinds = ", ".join(
            f"{kind} {self.tally.stopped[kind]}/{self.tally.seen[kind]}"
            for kind in (*TAMPERED, *HONEST)
            if self.tally.seen[kind]
        )
        return (
            f"eye {one.eye:.2f}, mouth {one.mouth:.2f}, texture {one.texture:.2f}, distance "
            f"{one.distance:.2f}: catches {self.tally.catches:.1%}, false alarms "
            f"{self.tally.false_alarms:.1%} ({kinds})"
        )


def passes(verdict: Verdict, limits: Limits) -> bool:
    """Whether the guard lets these scores through at `limits`, as `guard.check` would."""
    scores = (
        (verdict.eye_left, limits.eye),
        (verdict.eye_right, limits.eye),
        (verdict.mouth, limits.mouth),
        (verdict.texture, limits.texture),
    )
    if any(score < least for score, least in scores):  # nan is not: nothing to compare
        return False
    return verdict.distance is None or verdict.distance <= limits.distance


def traded(trials: Sequence[Trial], limits: Limits) -> LimitsTrade:
    """Catches and false alarms of `trials` at `limits`."""
    tally = GuardTally()
    for trial in trials:
        tally.add(trial.pair.kind, passes(trial.verdict, limits))
    return LimitsTrade(limits, tally)


def all_limits() -> Iterator[Limits]:
    """Every combination that is tried."""
    for eye, mouth, texture, distance in product(EYES, MOUTHS, TEXTURES, DISTANCES):
        yield Limits(eye, mouth, texture, distance)


def best_limits(
    trials: Sequence[Trial], current: Limits = LIMITS, bounds: Sequence[float] = BOUNDS
) -> list[tuple[float, LimitsTrade]]:
    """For each bound on the share of false alarms the limits that catch most; of equals, those
    with fewer false alarms, then those nearest to `current`: what gains nothing is no reason to
    move a limit. A bound that no limits keep is left out."""
    tried = [traded(trials, limits) for limits in (current, *all_limits())]

    def worth(one: LimitsTrade) -> tuple[float, ...]:
        pairs = zip(astuple(one.limits), astuple(current), strict=True)
        moved = sum(abs(limit - now) for limit, now in pairs)
        return one.tally.catches, -one.tally.false_alarms, -moved

    found = []
    for bound in bounds:
        allowed = [one for one in tried if one.tally.false_alarms <= bound]
        if allowed:
            found.append((bound, max(allowed, key=worth)))
    return found
