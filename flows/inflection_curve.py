"""The inflection of an adversarial phase: the held-out scores of its checkpoints as a PNG."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

SUFFIX = ".inflection.json"

_INCHES = (4.2, 2.8)  # of one panel
_BESIDE = (
    ("matched_ciede", "CIEDE2000 at equal saturation"),
    ("colourfulness", "colourfulness, share of the true"),
)


def draw_inflection(record: Path, picture: Path | None = None) -> Path:
    """Draw `record`, the JSON that `models.training.color_inflection` writes; the PNG, by
    default beside it. Raises `ValueError` for a file that is none, or without a checkpoint.
    """
    try:
        held = json.loads(record.read_text(encoding="utf-8"))
        rows = held["checkpoints"]
        crops, place = [row["crops"] for row in rows], held["inflection"]
        scores, smooth = [row["score"] for row in rows], [row["smoothed"] for row in rows]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{record} is not the record of an adversarial phase") from error
    if not rows:
        raise ValueError(f"{record} holds no checkpoint yet")
    beside = [(name, title) for name, title in _BESIDE if name in rows[0]]
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(_INCHES[0] * (1 + len(beside)), _INCHES[1]), layout="constrained")
        axes = list(figure.subplots(1, 1 + len(beside), squeeze=False).flat)
        axes[0].plot(crops, scores, "o", markersize=3, color="grey", label="score")
        axes[0].plot(crops, smooth, color="black", linewidth=1, label="smoothed")
        axes[0].legend(fontsize=7)
        found = "inflection" if held["reached"] else "best so far"
        axes[0].set_title(f"{record.name.removesuffix(SUFFIX)}: {found} at {place} crops")
        for panel, (name, title) in zip(axes[1:], beside, strict=True):
            panel.plot(crops, [row[name] for row in rows], marker=".", linewidth=1, color="black")
            panel.set_title(f"held out: {title}")
        for panel in axes:
            panel.axvline(place, color="tab:red", linewidth=1, linestyle="--")
            panel.set_xlabel("crops of the adversarial phase")
            panel.grid(alpha=0.3)
        picture = picture or record.with_suffix(".png")
        figure.savefig(picture, dpi=110, metadata={"Software": None})
    return picture
