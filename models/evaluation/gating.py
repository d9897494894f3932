"""The gate of `revive`: how large a correction must be to count, chosen on calibration pictures.

Every picture is revived once with its whole network correction and once without; whatever share
a gate lets through lies between the two, so that all gates can be tried on the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from models.contract import StageInput
from models.damage.model import DamageModel
from models.damage.restorer import DamageRestorer
from models.damage.revival import Gate
from models.evaluation.damage import SAME
from models.evaluation.indices import psnr
from models.evaluation.methods import StageMethod

Image = NDArray[np.uint8]

NOTHING = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
SPAN = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the gate: where it begins to open, and how much further it stands open, in 8-bit levels."""


@dataclass(frozen=True)
class _Open(Gate):
    """Lets everything through, and remembers what came."""

    seen: list[float] = field(default_factory=list)

    def __call__(self, deviation: float) -> float:
        self.seen.append(deviation)
        return 1.0


@dataclass(frozen=True, slots=True)
class Swing:
    """One picture: what `revive` makes of it without and with the network's whole correction,
    HxWx3 uint8, the aim, and the deviation of that correction in 8-bit levels."""

    without: Image
    whole: Image
    aim: Image
    deviation: float

    def psnr(self, gate: Gate) -> float:
        """Against the aim, of what `gate` would let through; at most 100 dB."""
        share = np.float32(gate(self.deviation))
        made = self.without + share * (self.whole.astype(np.float32) - self.without)
        return min(SAME, psnr(np.rint(made).astype(np.uint8), self.aim))


@dataclass(frozen=True, slots=True)
class GateTrade:
    """What a gate gains on degraded photographs and what it keeps of clean ones: mean PSNR in
    dB against the aims, beside that of the degraded ones without the network."""

    gate: Gate
    degraded: float
    without: float
    clean: float

    def __str__(self) -> str:
        return (
            f"gate {self.gate.nothing:.2f} to {self.gate.all:.2f}: degraded {self.degraded:.2f} dB "
            f"(without {self.without:.2f}), clean {self.clean:.2f} dB"
        )


def swing(
    model: DamageModel, item: StageInput, aim: Image | None = None, threads: int = 1
) -> Swing:
    """Revive `item` twice. `deviation` is that at the scan's own scale.

    `aim` is the clean photograph of a degraded one. Without it the aim is what `revive` makes
    without the network: of a clean photograph the network should change nothing, and what the
    correction of tone does to it is no matter of the gate.
    """
    gate = _Open()
    opened = replace(model, gate=gate)
    whole, without = (
        StageMethod("", DamageRestorer("revive", strength, threads=threads, model=opened))(item)
        for strength in (1.0, 0.0)
    )
    return Swing(
        without.pixels,
        whole.pixels,
        without.pixels if aim is None else aim,
        gate.seen[-1] if gate.seen else 0.0,
    )


def gate_trades(degraded: Sequence[Swing], clean: Sequence[Swing]) -> list[GateTrade]:
    """Every gate of the grid."""
    shut = Gate(nothing=1e9, all=2e9)
    without = float(np.mean([one.psnr(shut) for one in degraded]))
    trades = []
    for nothing, span in product(NOTHING, SPAN):
        gate = Gate(nothing, nothing + span)
        trades.append(
            GateTrade(
                gate,
                float(np.mean([one.psnr(gate) for one in degraded])),
                without,
                float(np.mean([one.psnr(gate) for one in clean])),
            )
        )
    return trades


def chosen_gate(trades: Iterable[GateTrade], least: float = 41.0) -> GateTrade:
    """Of the gates that keep clean photographs at `least` dB the one that gains most; where none
    does, the one that keeps them best."""
    known = list(trades)
    allowed = [one for one in known if one.clean >= least]
    if not allowed:
        return max(known, key=lambda one: one.clean)
    return max(allowed, key=lambda one: one.degraded)
