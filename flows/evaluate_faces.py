"""`albumen evaluate faces`: the face stage and its guard measured, and limits for the guard."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.evaluation_common import (
    Device,
    Limit,
    Out,
    Split,
    Splits,
    TexturesFolder,
    Threads,
    WeightsUnusable,
    say,
    write_sheets,
)
from flows.exit_codes import ExitCode
from tasks.errors import UsageError

if TYPE_CHECKING:
    from models.evaluation.face_methods import Unsharp
    from models.evaluation.faces import FaceSession
    from models.evaluation.tables import Row

_CELL = 256  # pixels of a face on a sheet

Portraits = Annotated[Path, typer.Option("--faces", help="Folder of clean portraits.")]
Labels = Annotated[
    Path | None, typer.Option(help="CSV of labelled faces: folder, file, split, box, kind.")
]
Labelled = Annotated[
    Path | None, typer.Option(help="Folder that the folders named in --labels lie in.")
]
ChosenOn = Annotated[
    str,
    typer.Option(help="Split of the portraits that baselines and limits are chosen on."),
]
Pairs = Annotated[
    int, typer.Option(min=5, help="How many tampered faces the guard is shown, and honest ones.")
]
Model = Annotated[str, typer.Option(help="The model of the face stage.")]
DetectorName = Annotated[
    str,
    typer.Option(
        "--detector",
        help="What looks for faces on the labelled photographs: auto, dlib, yunet, or one half "
        "of dlib's: hog, mmod.",
    ),
]
Calibrate = Annotated[
    bool, typer.Option("--calibrate", help="Only try limits of the guard, on --chosen-on.")
]


def faces(
    faces: Portraits,
    out: Out,
    splits: Splits = None,
    split: Split = "report",
    chosen_on: ChosenOn = "train",
    labels: Labels = None,
    labelled: Labelled = None,
    textures: TexturesFolder = None,
    limit: Limit = None,
    pairs: Pairs = 200,
    model: Model = "auto",
    detector: DetectorName = "auto",
    calibrate: Calibrate = False,
    device: Device = "auto",
    threads: Threads = None,
) -> int:
    """Measure the face stage: degraded and clean portraits, the identity guard, the detector.

    Writes table.md, table.csv, table.json, readings.csv and sheets to OUT and prints the table.
    With --calibrate prints instead what the best limits of the guard catch and cost, and writes
    them to OUT/limits.json; never on the split 'report'.
    """
    if chosen_on in ("report", split):
        raise UsageError(
            "evaluate faces: baselines and limits are not chosen on what is reported: name "
            "another split with --chosen-on."
        )
    if (labels is None) != (labelled is None):
        raise UsageError("evaluate faces: --labels and --labelled go together.")
    from models.weights import WeightsError

    _check_detector(detector)
    session = _session(faces, splits, limit, textures, model, device, threads)
    out.mkdir(parents=True, exist_ok=True)
    try:
        if calibrate:
            return _calibrated(session, chosen_on, pairs, model, out)
        return _measured(session, split, chosen_on, pairs, labels, labelled, detector, out)
    except WeightsError as error:
        raise WeightsUnusable(f"evaluate faces: {error}") from error
    except _foreseeable() as error:
        raise UsageError(f"evaluate faces: {error}") from error


def _measured(
    session: FaceSession,
    split: str,
    chosen_on: str,
    pairs: int,
    labels: Path | None,
    labelled: Path | None,
    detector: str,
    out: Path,
) -> int:
    from models.evaluation.face_detection import measure_detection
    from models.evaluation.face_tables import clean_rows, degraded_rows, detection_rows, guard_rows
    from models.evaluation.tables import markdown
    from models.evaluation.writing import write_tables

    for each in (split, chosen_on):
        session.check(each)
    rows: list[Row] = []
    if labels is not None and labelled is not None:
        detected = measure_detection(labelled, labels, {split}, say=say, detector=detector)
        rows += detection_rows("labelled photographs", detected)
    baselines = session.baselines(chosen_on)
    for baseline in baselines:
        say(f"{baseline.name}: {_settings(baseline)}")
    degraded = session.degraded("degraded portraits", split, baselines)
    clean = session.clean("clean portraits", split)
    rows = [
        *degraded_rows("degraded portraits", degraded, *(one.name for one in baselines)),
        *clean_rows("clean portraits", clean),
        *rows,
    ]
    for one_split in (chosen_on, split):
        name = f"guard, portraits of {one_split}"
        rows += guard_rows(name, session.guard(name, one_split, pairs))
    write_sheets(session.sheets.of, out, _CELL)
    readings = [*degraded.readings, *clean.readings]
    about = _about(session, split, chosen_on, pairs, baselines) | {"detector": detector}
    write_tables(rows, readings, about, out)
    print(markdown(rows))
    return ExitCode.OK


def _check_detector(name: str) -> None:
    """Before anything else is loaded. Raises `UsageError` or `WeightsUnusable`."""
    from models.contract import BadStageInput
    from models.evaluation.face_detection import PARTS
    from models.faces.detectors import described
    from models.weights import WeightsError

    try:
        if name not in PARTS:
            described(name)
    except WeightsError as error:
        raise WeightsUnusable(f"evaluate faces: {error}") from error
    except BadStageInput as error:
        raise UsageError(
            f"evaluate faces: {error}; or, to be measured: {', '.join(PARTS)}"
        ) from error


def _calibrated(session: FaceSession, split: str, pairs: int, model: str, out: Path) -> int:
    from models.evaluation.guard_limits import MOST_ALARMS, best_limits, traded

    trials = session.trials(split, pairs)
    current = traded(trials, session.limits)
    print(f"in use: {current}")
    tried = best_limits(trials, session.limits)
    for bound, one in tried:
        print(f"false alarms up to {bound:.0%}: {one}")
    chosen = [one for bound, one in tried if bound <= MOST_ALARMS]
    if not chosen:
        raise UsageError(
            f"evaluate faces: no limits stop at most {MOST_ALARMS:.0%} of honest faces."
        )
    print(f"chosen: {chosen[-1]}")
    text = json.dumps(
        {
            "model": model,
            "split": split,
            "pairs": pairs,
            "weights": dict(session.stage.weights),
            "in_use": current.measured(),
            "chosen": chosen[-1].measured(),
            "tried": [one.measured() | {"bound": bound} for bound, one in tried],
        },
        indent=1,
    )
    (out / "limits.json").write_text(text + "\n", encoding="utf-8")
    return ExitCode.OK


def _session(
    folder: Path,
    splits: Path | None,
    limit: int | None,
    textures: Path | None,
    model: str,
    device: str,
    threads: int | None,
) -> FaceSession:
    from models.contract import BadStageInput
    from models.device import BadDevice
    from models.evaluation.face_contestants import face_contestants
    from models.evaluation.faces import FaceSession
    from models.evaluation.picking import Sheets
    from models.faces.descriptor import descriptor_distance
    from models.faces.files import FaceModelMissing
    from models.training.degradation import NoTextures, Textures
    from models.weights import WeightsError

    count = threads or os.cpu_count() or 1
    try:
        stage, enhancer = face_contestants(model, device, count)
        drawn = Textures.load(textures)
    except WeightsError as error:
        raise WeightsUnusable(f"evaluate faces: {error}") from error
    except (BadStageInput, BadDevice, NoTextures, FaceModelMissing) as error:
        raise UsageError(f"evaluate faces: {error}") from error
    return FaceSession(
        folder=folder,
        splits=splits,
        limit=limit,
        textures=drawn,
        threads=count,
        stage=stage,
        enhancer=enhancer,
        limits=enhancer.limits,
        distance=descriptor_distance,
        sheets=Sheets(),
        say=say,
    )


def _foreseeable() -> tuple[type[Exception], ...]:
    """What can be wrong with what was asked for; everything else is ours."""
    from models.evaluation.face_detection import BadLabels
    from models.evaluation.faces import NoFaces
    from models.training.data import NoPhotographs

    return (NoPhotographs, NoFaces, BadLabels, FileNotFoundError)


def _about(
    session: FaceSession, split: str, chosen_on: str, pairs: int, baselines: Sequence[Unsharp]
) -> dict[str, Any]:
    return {
        "split": split,
        "chosen_on": chosen_on,
        "limit": session.limit,
        "pairs": pairs,
        "baselines": {one.name: _settings(one) for one in baselines},
        "guard": asdict(session.limits),
        "revision": session.stage.revision,
        "weights": dict(session.stage.weights),
    }


def _settings(baseline: Unsharp) -> Mapping[str, float]:
    return {
        "factor": baseline.factor,
        "sigma": baseline.sigma,
        "amount": baseline.amount,
    }
