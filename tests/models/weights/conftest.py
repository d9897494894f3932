"""A weights folder of its own, and a table of narrow networks."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints import use_narrow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where imported weights would lie; does not exist yet."""
    return use_narrow(monkeypatch, tmp_path / "weights")
