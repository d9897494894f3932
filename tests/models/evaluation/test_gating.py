"""A gate lets through what is worth it, and keeps clean photographs as they are."""

from __future__ import annotations

import numpy as np
import pytest
from painted_scenes import in_color
from tiny_networks import Averaging, model

from models.damage.restorer import DamageRestorer
from models.damage.revival import Gate
from models.evaluation.cases import given
from models.evaluation.gating import GateTrade, Swing, chosen_gate, gate_trades, swing
from models.evaluation.methods import StageMethod

CLEAN = in_color(96, 128)
NOISE = np.random.default_rng(0).normal(0, 9, CLEAN.shape)
NOISY = np.clip(np.rint(CLEAN + NOISE), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("gate", [Gate(0.0, 0.01), Gate(0.0, 30.0), Gate(900.0, 901.0)])
def test_a_swing_tells_what_any_gate_would_let_through(gate: Gate) -> None:
    network = model(Averaging(noise=0.7))
    told = swing(network, given(NOISY), CLEAN)
    assert told.deviation > 1
    stage = DamageRestorer("revive", model=model(Averaging(noise=0.7), gate=gate))
    made = StageMethod("", stage)(given(NOISY)).pixels
    shared = told.without + gate(told.deviation) * (told.whole.astype(float) - told.without)
    assert np.abs(made - shared).max() <= 1.01


def test_the_gate_opens_between_clean_and_degraded() -> None:
    network = model(Averaging(noise=0.7))
    clean = swing(network, given(CLEAN))
    degraded = swing(network, given(NOISY), CLEAN)
    assert clean.deviation < degraded.deviation
    trades = gate_trades([degraded], [clean])
    best = chosen_gate(trades)
    assert best.clean >= 41 and best.degraded > best.without + 2
    assert best.gate(degraded.deviation) > 0.9


def test_where_every_gate_does_harm_the_least_is_taken() -> None:
    trades = [GateTrade(Gate(n, n + 1), 20 + n, 19, 30 + n) for n in (0.0, 1.0, 2.0)]
    assert chosen_gate(trades).clean == 32
    assert chosen_gate(trades, least=31).degraded == 22


def test_what_comes_back_to_the_bit_is_not_infinite() -> None:
    assert Swing(CLEAN, CLEAN, CLEAN, 0.0).psnr(Gate()) == 100.0
