"""Photographs and changes for the tests of image files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tasks.metadata import History
from tasks.profiles import to_working
from tasks.records import Embedded, Photograph

HISTORY = History(
    software="Albumen",
    version="1.2.3",
    steps=(("damage", "classical-1", {}), ("faces", "spade-2", {"faces.safetensors": "ab" * 32})),
    when=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    source_sha256="cd" * 32,
    source_type="compositeWithTrainedAlgorithmicMedia",
)


@dataclass(frozen=True)
class Patch:
    """A change as the stages return it."""

    top: int
    left: int
    pixels: Any
    mask: Any


def photograph(samples: Any, icc: bytes | None = None, **fields: Any) -> Photograph:
    """A one-page photograph of `samples` with this ICC profile."""
    given = {
        "alpha": None,
        "embedded": Embedded(icc=icc),
        "page": 0,
        "page_count": 1,
        "format": "tiff",
        "source_sha256": "cd" * 32,
    }
    return Photograph(samples=samples, working=to_working(samples, icc), **(given | fields))


def random_mask(height: int, width: int, seed: int = 1) -> Any:
    """A mask true at about a third of its pixels."""
    return np.random.default_rng(seed).random((height, width)) < 0.33
