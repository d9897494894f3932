"""Stand-ins for colour networks: a formula, and a tiny generator in place of embedded weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.color.choices import CHOICES, Choice
from models.color.colorizer import Colorizer
from models.color.generator import ColorUNet
from models.color.restorer import ColorRestorer
from models.weights import export, table
from models.weights.row import WeightFile
from tasks.checksum import sha256_of

Floats = NDArray[np.float32]

CHOICE = Choice("by-level/1", "by_level", 12)

SMALL: dict[str, Any] = {
    "encoder": "resnet10",
    "encoder_width": 2,
    "decoder": "wide",
    "width": 4,
    "bridge": 4,
    "planes": "ab",
    "reach": 110.0,
}
"""Keywords of a generator with a few thousand weights."""


def by_level(framed: Floats) -> Floats:
    """A network that knows dark from light: dark is red, light is blue."""
    return np.stack([0.3 * (framed - 0.5), 0.3 * (0.5 - framed)], axis=-1)


def colorizer(predict: Callable[[Floats], Floats] = by_level, finest: int = 12) -> Colorizer:
    """A formula as the colour stage takes a network."""
    return Colorizer(predict, replace(CHOICE, finest=finest), {"by_level": "0" * 64})


def stage(**words: Any) -> ColorRestorer:
    """A colour stage with such a formula; for workers, which build it where they are."""
    return ColorRestorer(model=colorizer(), **words)


def without_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version of Albumen that ships no weights for colour."""
    wanted = CHOICES["lite"].weights
    left = tuple(row for row in table.WEIGHTS if row.name != wanted)
    monkeypatch.setattr(table, "WEIGHTS", left)


def embed_tiny(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """Let a tiny generator, in `folder`, be the embedded one; the sha256 of its file."""
    name = CHOICES["lite"].weights
    torch.manual_seed(0)
    path = folder / f"{name}.safetensors"
    export(name, ColorUNet(**SMALL), path, {"settings": SMALL})
    row = WeightFile(
        name=name,
        stage="color",
        network="ColorUNet",
        settings=SMALL,
        parameters=10_000,
        licence="MIT",
        source="a test",
        embedded=True,
        size=path.stat().st_size,
        sha256=sha256_of(path),
    )
    without_embedded(monkeypatch)
    monkeypatch.setattr(table, "WEIGHTS", (row, *table.WEIGHTS))
    monkeypatch.setattr(table, "EMBEDDED_FOLDER", folder)
    assert row.sha256 is not None
    return row.sha256
