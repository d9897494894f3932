"""Where an adversarial phase turns from gain to loss: its checkpoints, scored, and the best one.

A critic's lesson helps for a while; then the generator learns to please it, with patches of
colour that are not there. Antic looked at pictures to find that point; here the held-out score
of every checkpoint is kept, smoothed over its neighbours, and its highest place is the point.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

SUFFIX = ".inflection.json"

_NEIGHBOURS = 1  # on each side


class Checkpoints:
    """The measures of an adversarial phase by the crops it had seen, kept in a JSON file.

    `{"checkpoints": [{"crops", "score", "smoothed", ...}], "inflection": crops, "reached":
    whether the score has fallen since}`, the first of them the generator as it came.
    """

    def __init__(self, path: Path, upto: int) -> None:
        """Those in `path` of at most `upto` crops: a training that was killed goes back."""
        self.path = path
        held = json.loads(path.read_text())["checkpoints"] if path.exists() else []
        self.rows: list[dict[str, float]] = [row for row in held if row["crops"] <= upto]

    def add(self, crops: int, measures: Mapping[str, float]) -> None:
        """Add the measures after `crops`, and write the file whole."""
        self.rows = [row for row in self.rows if row["crops"] < crops]
        self.rows.append({"crops": crops, **measures})
        smooth = smoothed([row["score"] for row in self.rows])
        best = inflection(smooth)
        written = [row | {"smoothed": value} for row, value in zip(self.rows, smooth, strict=True)]
        found = {
            "checkpoints": written,
            "inflection": self.rows[best]["crops"],
            "reached": best < len(smooth) - 1,
        }
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(found, indent=1))
        partial.replace(self.path)

    def inflection(self) -> int:
        """Crops at the best of them."""
        return int(self.rows[inflection(smoothed([row["score"] for row in self.rows]))]["crops"])


def smoothed(values: Sequence[float]) -> list[float]:
    """Means of each value and its neighbours; at both ends of the two there are."""
    means = []
    for at in range(len(values)):
        near = values[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1]
        means.append(sum(near) / len(near))
    return means


def inflection(smooth: Sequence[float]) -> int:
    """Index of the highest value, the first where there are several."""
    return max(range(len(smooth)), key=lambda at: (smooth[at], -at))
