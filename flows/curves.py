"""The curves of a training: its CSV of scorings drawn as a PNG beside it."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

_COLUMNS = 3
_INCHES = (4.2, 2.6)  # of one panel


def draw_curves(history: Path, picture: Path | None = None) -> Path:
    """Draw `history`, the CSV that `models.training.loop` writes; the PNG, by default beside it.

    The first panel holds the losses, the others one held-out measure each, all over minutes of
    training. Rows that a resumed training has gone through again count once. Raises
    `ValueError` for a file without rows or without the columns of a training.
    """
    losses, measures = _read(history)
    minutes = losses.pop("minutes")
    panels = 1 + len(measures)
    rows = -(-panels // _COLUMNS)
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(
            figsize=(_INCHES[0] * min(_COLUMNS, panels), _INCHES[1] * rows), layout="constrained"
        )
        axes = list(figure.subplots(rows, min(_COLUMNS, panels), squeeze=False).flat)
        for name, values in losses.items():
            axes[0].plot(minutes, values, marker=".", linewidth=1, label=name)
        axes[0].set(title=f"{history.stem}: losses", yscale="log")
        if losses:
            axes[0].legend(fontsize=7)
        for panel, (name, values) in zip(axes[1:], measures.items(), strict=False):
            panel.plot(minutes, values, marker=".", linewidth=1, color="black")
            panel.set_title(f"held out: {name.replace('_', ' ')}")
        for panel in axes[:panels]:
            panel.set_xlabel("minutes of training")
            panel.grid(alpha=0.3)
        for empty in axes[panels:]:
            empty.set_axis_off()
        picture = picture or history.with_suffix(".png")
        # No version in the file: the same numbers give the same bytes.
        figure.savefig(picture, dpi=110, metadata={"Software": None})
    return picture


def _read(history: Path) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Columns of `history` as numbers: minutes and losses, and the measures from `score` on."""
    rows: list[dict[str, float]] = []
    with history.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        for row in reader:
            # Empty: a loss that had not joined yet.
            numbers = {name: float(row[name] or "nan") for name in names}
            # A training that was killed goes back to its checkpoint: what followed is void.
            while rows and rows[-1]["step"] >= numbers["step"]:
                rows.pop()
            rows.append(numbers)
    if not rows or names[:2] != ["step", "minutes"] or "score" not in names:
        raise ValueError(f"{history} is not the history of a training, or holds no row yet")
    first = names.index("score")
    chosen = {name: [row[name] for row in rows] for name in names[1:]}
    return (
        {name: chosen[name] for name in names[1:first]},
        {name: chosen[name] for name in names[first:]},
    )
