"""The benchmark runs and prints both rates."""

from __future__ import annotations

import re

import pytest

from models.training.degradation import benchmark


def test_both_rates_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", "24", "3"])
    benchmark.main()
    line = capsys.readouterr().out
    assert re.fullmatch(r"24 x 24: degrade \d+ a second, lookalikes \d+ a second\n", line)
