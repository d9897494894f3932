"""Photographs made grey and coloured again: how near to their true colours, how colourful, and
whether the luminance stayed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.color.decision import colorfulness, to_lab
from models.color.difference import chroma_psnr, ciede2000
from models.color.space import BLUE, GREEN, RED, Floats, chroma
from models.contract import Samples
from models.evaluation.color_methods import ColorMethod, made_grey
from models.evaluation.damage import SAME, Reading
from models.evaluation.picking import Image

TRUE = "true colours"

_EVERY = 2  # CIEDE2000 is taken at every second pixel of every second row


@dataclass(slots=True)
class ColorRows:
    """Measures photograph after photograph; `readings` holds what came out.

    `methods` are measured on 8-bit scans, and those of `exact` also on 16-bit ones, for their
    luminance. Measures: `CIEDE2000` (mean over the picture), `chroma PSNR` (dB), `colourfulness`
    (M3; that of `TRUE` too), `seconds`, `flagged` (1 where a curator is told something); of
    16-bit scans `luminance error` (largest of the picture, in 16-bit steps) and `reduced` (share
    of the pixels whose colour lay outside sRGB).
    """

    methods: Sequence[ColorMethod]
    exact: Sequence[ColorMethod]
    readings: list[Reading] = field(default_factory=list)

    def measure(self, name: str, true: Image) -> dict[str, Image]:
        """Measure `true` HxWx3; the pictures by method, for a sheet."""
        grey = made_grey(true)
        lab, own = _seen(true), _chroma(true)
        self._note(name, TRUE, "colourfulness", colorfulness(true))
        pictures: dict[str, Image] = {}
        for method in self.methods:
            start = time.perf_counter()
            drawn = method(grey)
            self._note(name, method.name, "seconds", time.perf_counter() - start)
            self._note(name, method.name, "flagged", float(bool(drawn.flags)))
            made = np.asarray(drawn.pixels, np.uint8)
            self._note(name, method.name, "CIEDE2000", float(ciede2000(_seen(made), lab).mean()))
            psnr = min(chroma_psnr(_chroma(made), own), SAME)
            self._note(name, method.name, "chroma PSNR", psnr)
            self._note(name, method.name, "colourfulness", colorfulness(made))
            pictures[method.name] = made
        deep = made_grey(true, np.uint16)
        for method in self.exact:
            drawn = method(deep)
            error = luminance_error(drawn.pixels, deep)
            self._note(name, method.name, "luminance error", error)
            self._note(name, method.name, "reduced", drawn.reduced)
        return pictures | {TRUE: true}

    def share(self, method: str) -> float:
        """Colourfulness of all pictures by `method` as a share of the true ones'."""
        sums = {TRUE: 0.0, method: 0.0}
        for one in self.readings:
            if one.measure == "colourfulness" and one.method in sums:
                sums[one.method] += one.value
        return sums[method] / max(sums[TRUE], 1e-6)

    def shares(self, method: str) -> list[float]:
        """The same of every picture."""
        found: dict[str, dict[str, float]] = {TRUE: {}, method: {}}
        for one in self.readings:
            if one.measure == "colourfulness" and one.method in found:
                found[one.method][one.photograph] = one.value
        return [found[method][name] / max(value, 1e-6) for name, value in found[TRUE].items()]

    def greyer(self, method: str, grey: str, flagged: bool) -> tuple[int, int]:
        """(pictures that `grey` left nearer to their true colours than `method` drew them, all)
        of those that were `flagged`, or of the others."""
        known = {(one.photograph, one.method, one.measure): one.value for one in self.readings}
        asked = [
            name
            for (name, how, measure), value in known.items()
            if (how, measure) == (method, "flagged") and bool(value) is flagged
        ]
        nearer = [
            name
            for name in asked
            if known[name, grey, "CIEDE2000"] < known[name, method, "CIEDE2000"]
        ]
        return len(nearer), len(asked)

    def _note(self, name: str, method: str, measure: str, value: float) -> None:
        self.readings.append(Reading(name, method, measure, value))


def luminance_error(made: Samples, grey: Samples) -> float:
    """The largest difference of the luma (BT.601, sRGB-coded) of `made` HxWx3 to `grey` HxW, in
    steps of their sample type; computed in double precision, every pixel counted."""
    worst = 0.0
    for row, own in zip(made, grey, strict=True):
        found = row.astype(np.float64) @ (RED, GREEN, BLUE)
        worst = max(worst, float(np.abs(found - own).max()))
    return worst


def mean_chroma(photographs: Iterable[Image]) -> tuple[float, float]:
    """Mean Cb and Cr of the pixels of `photographs`, each photograph weighing the same;
    one of them is held at a time."""
    means = [_chroma(one).reshape(-1, 2).mean(axis=0) for one in photographs]
    mean = np.mean(np.asarray(means, np.float64), axis=0)
    return float(mean[0]), float(mean[1])


def _seen(picture: Image) -> Floats:
    return to_lab(np.ascontiguousarray(picture[::_EVERY, ::_EVERY]))


def _chroma(picture: Image) -> Floats:
    return chroma((picture / np.float32(255)).astype(np.float32))
