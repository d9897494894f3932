"""`albumen evaluate`: the stages measured, printed, drawn and laid side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.evaluate_color import color as evaluate_color
from flows.evaluate_faces import faces as evaluate_faces
from flows.evaluation_common import (
    Device,
    Limit,
    Out,
    Split,
    Splits,
    TexturesFolder,
    Threads,
    WeightsUnusable,
    file_name,
    say,
    write_sheets,
)
from flows.exit_codes import ExitCode
from tasks.errors import UsageError

if TYPE_CHECKING:
    from models.evaluation.damage import Contestant, DamageRows, Reading
    from models.evaluation.session import Session
    from models.evaluation.tables import Row

_CELL, _DETAIL = 320, 256  # pixels of a picture on a sheet

evaluate = typer.Typer(
    help="Measure the stages on photographs, and choose their thresholds.", no_args_is_help=True
)

Photos = Annotated[Path, typer.Option(help="Folder of clean photographs, degraded here by seed.")]
Faces = Annotated[Path | None, typer.Option(help="Folder of clean portraits, to measure harm.")]
Wallpapers = Annotated[
    Path | None, typer.Option(help="Folder of clean photographs of full size, degraded here.")
]
Old = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of really damaged photographs, to look at. May be repeated."),
]
FaceSplit = Annotated[
    str | None, typer.Option(help="Which split of the portraits; by default the same.")
]
Models = Annotated[str, typer.Option(help="Models of the damage stage, comma-separated.")]
Model = Annotated[str, typer.Option(help="The model whose detector is calibrated.")]
Portraits = Annotated[Path, typer.Option("--faces", help="Folder of clean portraits.")]


def register(app: typer.Typer) -> None:
    """Add `evaluate` to the command line."""
    evaluate.command("faces")(evaluate_faces)
    evaluate.command("color")(evaluate_color)
    app.add_typer(evaluate, name="evaluate")


@evaluate.command("damage")
def damage(
    photos: Photos,
    out: Out,
    faces: Faces = None,
    wallpapers: Wallpapers = None,
    old: Old = None,
    textures: TexturesFolder = None,
    splits: Splits = None,
    split: Split = "report",
    face_split: FaceSplit = None,
    limit: Limit = None,
    models: Models = "direct,latent,classical",
    device: Device = "auto",
    threads: Threads = None,
) -> int:
    """Measure the damage stage: restored, filled, repaired, found, and harm on what is sound.

    Writes table.md, table.csv, table.json, readings.csv, ROC curves and before/after sheets to
    OUT and prints the table. The settings of the classical baselines are chosen on the split
    'calibration'.
    """
    from models.evaluation.report import degraded_rows, harm_rows
    from models.evaluation.tables import markdown
    from models.evaluation.writing import write_tables

    session = _session(models, device, threads, textures, splits, split, limit)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    readings: list[Reading] = []
    try:
        for folder in (photos, wallpapers, *(old or ())):
            if folder is not None:
                session.check(folder, split)
        if faces is not None:
            session.check(faces, face_split or split)
        telea, denoiser = session.baselines(photos)
        print(f"baselines: Telea {asdict(telea)}, non-local means h={denoiser.h}", flush=True)
        for name, folder in (("photographs", photos), ("full size", wallpapers)):
            if folder is not None:
                measured = session.degraded(name, folder, telea, denoiser)
                rows += degraded_rows(name, measured)
                readings += measured.readings
                _draw(measured, name, out)
        clean = session.clean("clean photographs", photos)
        portraits = session.faces("clean faces", faces, face_split) if faces is not None else None
        rows += harm_rows(clean, portraits)
        readings += [*clean.readings, *(portraits.readings if portraits else ())]
        for folder in old or ():
            session.old(folder.name, folder)
    except _foreseeable() as error:
        raise UsageError(f"evaluate: {error}") from error
    write_sheets(session.sheets.of, out, _CELL, _DETAIL)
    about = {
        "split": split,
        "limit": limit,
        "telea": asdict(telea),
        "non_local_means_h": denoiser.h,
        "weights": _weights(session.contestants),
    }
    write_tables(rows, readings, about, out)
    print(markdown(rows))
    return ExitCode.OK


@evaluate.command("calibrate")
def calibrate(
    photos: Photos,
    faces: Portraits,
    out: Out,
    textures: TexturesFolder = None,
    splits: Splits = None,
    split: Split = "calibration",
    face_split: Split = "train",
    limit: Limit = None,
    model: Model = "direct",
    device: Device = "auto",
    threads: Threads = None,
) -> int:
    """Choose the thresholds of a model; never on photographs that are reported on.

    Prints what every pair of thresholds, and every gate of `revive`, gains and costs, and writes
    it, with those chosen, to OUT/thresholds.json.
    """
    if "report" in (split, face_split):
        raise UsageError("evaluate calibrate: thresholds are not chosen on the split 'report'.")
    from models.evaluation.calibration import Limits, answers, calibrated
    from models.evaluation.gating import chosen_gate

    session = _session(model, device, threads, textures, splits, split, limit)
    network = session.contestants[0].network
    if network is None:
        raise UsageError(f"evaluate calibrate: the model {model!r} has no thresholds.")
    out.mkdir(parents=True, exist_ok=True)
    try:
        cases, clean = session.calibration(photos)
        damaged, sound = answers(network, cases, clean)
        portraits = answers(network, (), session.portraits(faces, face_split))[1]
        best, tried = calibrated(network.thresholds, damaged, sound, portraits, Limits())
        gates = session.gates(network, cases, clean)
    except _foreseeable() as error:
        raise UsageError(f"evaluate calibrate: {error}") from error
    for one in (*tried, best):
        print(one)
    chosen: dict[str, Any] = {
        "model": model,
        "thresholds": asdict(best.thresholds),
        "measured": best.measured(),
        "tried": [one.measured() | {"thresholds": asdict(one.thresholds)} for one in tried],
    }
    if gates:
        opened = chosen_gate(gates)
        for gate in (*gates, opened):
            print(gate)
        chosen |= {"gate": asdict(opened), "gates_tried": [asdict(gate) for gate in gates]}
    text = json.dumps(chosen, indent=1)
    (out / "thresholds.json").write_text(text + "\n", encoding="utf-8")
    return ExitCode.OK


def _session(
    models: str,
    device: str,
    threads: int | None,
    textures: Path | None,
    splits: Path | None,
    split: str,
    limit: int | None,
) -> Session:
    from models.contract import BadStageInput
    from models.device import BadDevice
    from models.evaluation.contestants import contestant
    from models.evaluation.picking import Sheets
    from models.evaluation.session import Session
    from models.training.degradation import NoTextures, Textures
    from models.weights import WeightsError

    count = threads or os.cpu_count() or 1
    names = [name.strip() for name in models.split(",") if name.strip()]
    if not names:
        raise UsageError("evaluate: --models names no model.")
    try:
        contestants = [contestant(name, count, device) for name in names]
        drawn = Textures.load(textures)
    except WeightsError as error:
        raise WeightsUnusable(f"evaluate: {error}") from error
    except (BadStageInput, BadDevice, NoTextures) as error:
        raise UsageError(f"evaluate: {error}") from error
    return Session(contestants, drawn, splits, split, limit, count, Sheets(), say)


def _foreseeable() -> tuple[type[Exception], ...]:
    """What can be wrong with what was asked for; everything else is ours."""
    from models.evaluation.calibration import NothingAllowed
    from models.training.data import NoPhotographs

    return (NoPhotographs, NothingAllowed, FileNotFoundError)


def _draw(measured: DamageRows, name: str, out: Path) -> None:
    from flows.evaluation_plots import draw_detectors

    curves = {method: tally.curve() for method, tally in measured.tallies.items()}
    points = {method: (one.recall, one.precision) for method, one in measured.found.items()}
    if curves:
        draw_detectors(curves, points, name, out / f"detectors_{file_name(name)}.png")


def _weights(contestants: Sequence[Contestant]) -> dict[str, dict[str, str]]:
    return {one.name: dict(one.network.weights) for one in contestants if one.network}
