"""The table of what the damage stage must reach, from readings, tallies and counts."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluation.damage import INPUT, DamageRows
from models.evaluation.detection import NothingToDetect
from models.evaluation.harm import FaceHarm, PhotographHarm
from models.evaluation.tables import Figure, Row, Target, figures, row

INDICES = ("PSNR", "SSIM", "HaarPSI")

GAIN_DB, FILL_DB, REPAIR_DB = 3.0, 1.5, 6.0
RECALL, AUC, F1 = 0.80, 0.95, 0.70
CLEAN_DB, CHANGED_PERCENT, FACE_PERCENT, TOUCHED_PERCENT = 40.0, 0.5, 0.2, 1.0

_CLASSICAL = "classical"
Figures = dict[tuple[str, str], Figure]


def degraded_rows(on: str, measured: DamageRows) -> list[Row]:
    """Restored, filled, repaired, found: for photographs called `on`."""
    known = figures(measured.readings)
    names = [one.name for one in measured.contestants]
    rows = _restored(on, known, names, measured)
    rows += _filled(on, known, names)
    rows += _repaired(on, known, names)
    rows += _found(on, names, measured)
    for (method, measure), figure in known.items():
        if measure == "seams":
            rows.append(row(on, method, "seams in revive, 1 = none", figure))
        if measure.startswith("seconds a megapixel"):
            rows.append(row(on, method, measure, figure, "s"))
    return rows


def harm_rows(photographs: PhotographHarm | None, faces: FaceHarm | None) -> list[Row]:
    """What is done to clean photographs and clean faces."""
    rows: list[Row] = []
    for on, measured, asked in (
        ("clean photographs", photographs, _PHOTOGRAPHS),
        ("clean faces", faces, _FACES),
    ):
        if measured is not None:
            known = figures(measured.readings)
            for measure, (unit, factor, target) in asked.items():
                for (method, name), figure in known.items():
                    if name == measure:
                        aim = None if method == _CLASSICAL else target
                        rows.append(row(on, method, measure, figure, unit, aim, factor))
    return rows


_PHOTOGRAPHS: dict[str, tuple[str, float, Target | None]] = {
    "PSNR of revive": ("dB", 1.0, Target("at least", CLEAN_DB)),
    "changed by repair": ("%", 100.0, Target("at most", CHANGED_PERCENT)),
}
_FACES: dict[str, tuple[str, float, Target | None]] = {
    "face taken for damage": ("%", 100.0, Target("at most", FACE_PERCENT)),
    "face taken for damage, without care": ("%", 100.0, None),
    "eyes or mouth touched": ("%", 100.0, Target("at most", TOUCHED_PERCENT)),
    "face seen by the look": ("%", 100.0, None),
}


def _restored(on: str, known: Figures, names: Sequence[str], measured: DamageRows) -> list[Row]:
    """The three indices of `revive`; a network must gain on the input and beat every baseline."""
    baselines = [INPUT, *([measured.denoiser.name] if measured.denoiser else [])]
    baselines += [name for name in names if name == _CLASSICAL]
    rows = []
    for measure in INDICES:
        unit = "dB" if measure == "PSNR" else ""
        best = max(known[name, measure].mean for name in baselines)
        asked = known[INPUT, measure].mean + GAIN_DB if measure == "PSNR" else best
        target = Target("at least", max(best, asked))
        for name in dict.fromkeys([*baselines, *names]):
            aim = None if name in baselines else target
            rows.append(row(on, name, f"{measure} of revive", known[name, measure], unit, aim))
    return rows


def _filled(on: str, known: Figures, names: Sequence[str]) -> list[Row]:
    """True mask: fillings against Telea's, on damaged pixels."""
    rows = []
    for aim in ("worn", "clean"):
        measure = f"PSNR filled, {aim}"
        if ("Telea", measure) not in known:
            continue
        baseline = known["Telea", measure]
        target = Target("at least", baseline.mean + FILL_DB)
        label = f"filling, true mask, against {aim}"
        rows.append(row(on, "Telea", label, baseline, "dB"))
        fillers = [n for one in names for n in (one, f"{one}, no grain") if (n, measure) in known]
        rows += [row(on, name, label, known[name, measure], "dB", target) for name in fillers]
    return rows


def _repaired(on: str, known: Figures, names: Sequence[str]) -> list[Row]:
    """Found mask: what `repair` gains on damaged pixels, and what it changes elsewhere."""
    rows = []
    for aim in ("worn", "clean"):
        if (INPUT, f"PSNR before, {aim}") not in known:
            continue
        before = known[INPUT, f"PSNR before, {aim}"]
        label = f"damaged pixels after repair, against {aim}"
        rows.append(row(on, INPUT, label, before, "dB"))
        for name in names:
            target = None if name == _CLASSICAL else Target("at least", before.mean + REPAIR_DB)
            figure = known[name, f"PSNR repaired, {aim}"]
            rows.append(row(on, name, label, figure, "dB", target))
    for name in names:
        figure = known[name, "changed where sound"]
        rows.append(row(on, name, "changed where sound, repair", figure, "%", None, 100.0))
    return rows


def _found(on: str, names: Sequence[str], measured: DamageRows) -> list[Row]:
    """Recall and precision at the thresholds in use; area under the curve and best F1."""
    rows = []
    for name in names:
        if name in measured.found:
            found = measured.found[name]
            target = None if name == _CLASSICAL else Target("at least", RECALL)
            rows.append(Row(on, name, "recall at the thresholds", found.recall, target=target))
            rows.append(Row(on, name, "precision at the thresholds", found.precision))
            rows.append(Row(on, name, "F1 at the thresholds", found.f1))
        if name in measured.tallies:
            try:
                curve = measured.tallies[name].curve()
            except NothingToDetect:
                continue
            rows.append(Row(on, name, "ROC AUC", curve.auc, target=Target("at least", AUC)))
            best, _ = curve.best_f1()
            rows.append(Row(on, name, "best F1", best, target=Target("at least", F1)))
    return rows
