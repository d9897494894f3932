"""Which pictures are measured, and which are kept to be looked at: evenly spread over all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Pictures = dict[str, Image]


@dataclass(slots=True)
class Sheets:
    """Pictures kept to be looked at: (photograph, pictures by name), by the name of the set."""

    kept: int = 8
    of: dict[str, list[tuple[str, Pictures]]] = field(default_factory=dict)

    def wanted(self, number: int, count: int) -> bool:
        """Whether picture `number` of `count` is one of those evenly spread over all."""
        return number in spread(count, self.kept)

    def keep(self, name: str, photograph: str, pictures: Pictures) -> None:
        """Keep the pictures of a photograph for the sheet `name`."""
        self.of.setdefault(name, []).append((photograph, pictures))


def spread(count: int, limit: int | None) -> list[int]:
    """At most `limit` of `count` numbers, evenly spread."""
    if limit is None or limit >= count:
        return list(range(count))
    return [int((number + 0.5) * count / limit) for number in range(limit)]


def splits_of(splits: Path | None, folder: Path) -> Path | None:
    """The table of splits where it knows the folder; without one every file is taken."""
    if splits is None:
        return None
    with splits.open(encoding="utf-8") as file:
        known = any(line.startswith(f"{folder.name},") for line in file)
    return splits if known else None
