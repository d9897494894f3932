"""The identity guard on trial: lies it must stop, honest enhancements it must let through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.evaluation.honesty import HONEST, Crop, Enhance, Pair, honest
from models.evaluation.tampering import TAMPERED, tampered
from models.faces.guard import LIMITS, Distance, Limits, Verdict, check

Say = Callable[[str], None]


@dataclass(slots=True)
class GuardTally:
    """Verdicts counted by kind; `str` gives the table."""

    seen: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, passed: bool) -> None:
        """Count one pair."""
        self.seen[kind] += 1
        self.stopped[kind] += not passed

    @property
    def catches(self) -> float:
        """Share of tampered pairs that were stopped; nan without any."""
        return self.share(*TAMPERED)

    @property
    def false_alarms(self) -> float:
        """Share of honest pairs that were stopped; nan without any."""
        return self.share(*HONEST)

    def share(self, *kinds: str) -> float:
        """Share of the pairs of `kinds` that were stopped; nan without any."""
        total = sum(self.seen[kind] for kind in kinds)
        return sum(self.stopped[kind] for kind in kinds) / total if total else float("nan")

    def __str__(self) -> str:
        lines = [
            f"{kind}: {self.stopped[kind]} of {self.seen[kind]} stopped"
            for kind in (*TAMPERED, *HONEST)
            if self.seen[kind]
        ]
        lines.append(f"catches {self.catches:.1%}, false alarms {self.false_alarms:.1%}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Trial:
    """A pair and what the guard found in it."""

    pair: Pair
    verdict: Verdict


def pairs(
    portraits: Sequence[Crop], count: int, seed: int = 0, enhance: Enhance | None = None
) -> Iterator[Pair]:
    """`count` tampered and `count` honest pairs from aligned `portraits` 256x256x3, in turn.

    With `enhance` one honest pair in five is a network's own. Pair i depends on the seed, on i,
    on the portraits and on the network. Raises `ValueError` for fewer than two portraits: a swap
    needs another.
    """
    if len(portraits) < 2:
        raise ValueError(f"{len(portraits)} portraits: at least two are needed to swap faces")
    kinds = [kind for kind in HONEST if kind != "enhanced" or enhance is not None]
    for index in range(count):
        random = np.random.default_rng((seed, index))
        portrait = portraits[index % len(portraits)]
        other = portraits[(index + 1 + int(random.integers(len(portraits) - 1))) % len(portraits)]
        yield tampered(TAMPERED[index % len(TAMPERED)], portrait, other, random)
        yield honest(kinds[index % len(kinds)], portrait, random, enhance)


def trials(
    given: Iterable[Pair], limits: Limits = LIMITS, distance: Distance | None = None
) -> Iterator[Trial]:
    """The guard's verdict on each pair; `distance` as in `models.faces.guard.check`."""
    for pair in given:
        yield Trial(pair, check(pair.before, pair.after, limits, distance))


def measure(
    portraits: Sequence[Crop],
    count: int = 200,
    seed: int = 0,
    limits: Limits = LIMITS,
    distance: Distance | None = None,
    enhance: Enhance | None = None,
    say: Say = print,
) -> GuardTally:
    """Catches and false alarms of the guard on `count` tampered and `count` honest pairs."""
    tally = GuardTally()
    for trial in trials(pairs(portraits, count, seed, enhance), limits, distance):
        tally.add(trial.pair.kind, trial.verdict.passed)
    say(str(tally))
    return tally
