"""The table of what the face stage must reach, from readings and tallies."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluation.damage import INPUT, Reading
from models.evaluation.face_cases import sharper_half
from models.evaluation.face_detection import DetectionTally
from models.evaluation.face_rows import STAGE, CleanFaces, DegradedFaces
from models.evaluation.guard_trial import GuardTally
from models.evaluation.honesty import HONEST
from models.evaluation.tables import Row, Target, figures, row
from models.evaluation.tampering import TAMPERED

GAIN_DB, CLEAN_DB = 1.5, 36.0
CATCHES, FALSE_ALARMS = 95.0, 5.0
RECALL, ALARMS = 90.0, 0.2

_UNITS = {"PSNR": "dB", "SSIM": "", "distance": "", "seconds": "s"}
_SAID = {"PSNR": "PSNR in the face", "SSIM": "SSIM in the face", "distance": "descriptor distance"}
_DONE = {
    "enhanced": ("faces enhanced", "%", 100.0),
    "refused": ("faces refused by the guard", "%", 100.0),
    "strength": ("strength applied", "", 1.0),
}


def degraded_rows(
    on: str, measured: DegradedFaces, psnr_baseline: str, ssim_baseline: str
) -> list[Row]:
    """Of the stage: 1.5 dB more than the degraded input, more in both indices than the baselines
    (by their names), and nearer to the true face than the input."""
    known = figures(measured.readings)
    targets = {
        "PSNR": Target(
            "at least",
            max(known[INPUT, "PSNR"].mean + GAIN_DB, known[psnr_baseline, "PSNR"].mean),
        ),
        "SSIM": Target(
            "at least", max(known[INPUT, "SSIM"].mean, known[ssim_baseline, "SSIM"].mean)
        ),
        "distance": Target("at most", known[INPUT, "distance"].mean),
    }
    rows = [
        row(on, method, _SAID.get(measure, measure), figure, unit, target)
        for measure, unit in _UNITS.items()
        for (method, name), figure in known.items()
        if name == measure
        for target in [targets.get(measure) if method == STAGE else None]
    ]
    rows += _done(on, measured.readings)
    found = known[INPUT, "face found"]
    return [*rows, row(on, "look", "faces found", found, "%", None, 100.0)]


def clean_rows(on: str, measured: CleanFaces) -> list[Row]:
    """Harm inside the mask: of the sharper half of the portraits, and of all."""
    names = list(measured.sharp)
    half = sharper_half([measured.sharp[name] for name in names])
    sharp = {name for name, kept in zip(names, half, strict=True) if kept}
    aim = Target("at least", CLEAN_DB)
    rows = []
    for title, readings in (
        (f"{on}, the sharper half", [one for one in measured.readings if one.photograph in sharp]),
        (f"{on}, all", measured.readings),
    ):
        known = figures(readings)
        if (STAGE, "PSNR") in known:
            figure = known[STAGE, "PSNR"]
            rows.append(row(title, STAGE, "PSNR in the face, in to out", figure, "dB", aim))
            rows += _done(title, readings)
    return rows


def guard_rows(on: str, tally: GuardTally) -> list[Row]:
    """Catches and false alarms, with their targets, and every kind's share."""
    rows = [
        _share(on, "catches", tally, TAMPERED, Target("at least", CATCHES)),
        _share(on, "false alarms", tally, HONEST, Target("at most", FALSE_ALARMS)),
    ]
    kinds = [kind for kind in (*TAMPERED, *HONEST) if tally.seen[kind]]
    return rows + [_share(on, f"stopped: {kind}", tally, (kind,)) for kind in kinds]


def detection_rows(on: str, tally: DetectionTally) -> list[Row]:
    """Recall and false alarms of the detector; profiles beside it, without a target."""
    faces, both = (
        sum(tally.labelled[kind] for kind in kinds) for kinds in (("face",), ("face", "profile"))
    )
    aim, most = Target("at least", RECALL), Target("at most", ALARMS)
    alarms = tally.alarms_a_picture
    return [
        Row(on, "detector", "recall", 100 * tally.recall("face"), "%", aim, count=faces),
        Row(on, "detector", "recall with profiles", 100 * tally.recall(), "%", count=both),
        Row(on, "detector", "false alarms a picture", alarms, "", most, count=tally.pictures),
    ]


def _share(
    on: str, measure: str, tally: GuardTally, kinds: Sequence[str], target: Target | None = None
) -> Row:
    count = sum(tally.seen[kind] for kind in kinds)
    return Row(on, "guard", measure, 100 * tally.share(*kinds), "%", target, count=count)


def _done(on: str, readings: Sequence[Reading]) -> list[Row]:
    """What the stage says it did."""
    known = figures(readings)
    return [
        row(on, STAGE, said, known[STAGE, measure], unit, None, factor)
        for measure, (said, unit, factor) in _DONE.items()
        if (STAGE, measure) in known
    ]
