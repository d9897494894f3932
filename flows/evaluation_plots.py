"""The curves of an evaluation as pictures: ROC, precision and recall."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray


class DetectorCurve(Protocol):
    """What is drawn of a detector; arrays of one length, from the strictest threshold on."""

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of the damage that is found."""
        ...

    @property
    def fallout(self) -> NDArray[np.float64]:
        """Share of the sound pixels that are taken for damage."""
        ...

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of what is found that is damage."""
        ...

    @property
    def auc(self) -> float:
        """Area under the ROC curve."""
        ...


def draw_detectors(
    curves: Mapping[str, DetectorCurve],
    points: Mapping[str, tuple[float, float]],
    title: str,
    path: Path,
) -> None:
    """ROC and precision over recall of every detector as a PNG.

    `points` are (recall, precision) of masks at the thresholds in use, by name; a method that
    only has a point is drawn as a point.
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9.5, 4.2), layout="constrained")
        roc, precision = figure.subplots(1, 2)
        for name, curve in curves.items():
            (line,) = roc.plot(curve.fallout, curve.recall, label=f"{name}, AUC {curve.auc:.3f}")
            precision.plot(curve.recall, curve.precision, color=line.get_color(), label=name)
        for name, (recall, precise) in points.items():
            precision.plot([recall], [precise], "o", label=f"{name}, thresholds in use")
        roc.set(xlabel="sound pixels taken for damage", ylabel="damage found", title=title)
        roc.set_xscale("symlog", linthresh=1e-3)  # false alarms matter where they are rare
        roc.set(xlim=(0, 1), ylim=(0, 1.01))
        precision.set(xlabel="damage found", ylabel="precision", xlim=(0, 1), ylim=(0, 1.01))
        for axes in (roc, precision):
            axes.grid(alpha=0.3)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=7, loc="lower right" if axes is roc else "lower left")
        # No version in the file: the same numbers give the same bytes.
        figure.savefig(path, dpi=110, metadata={"Software": None})
