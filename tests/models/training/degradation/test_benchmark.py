"""The benchmark runs and prints its rates."""

from __future__ import annotations

import re

import pytest

from models.training.degradation import benchmark


def test_rates_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", "24", "3"])
    benchmark.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["training", "evaluation", "lookalikes"]
    assert all(re.search(r": \d+ a second, \d+ a CPU second$", line) for line in lines)
