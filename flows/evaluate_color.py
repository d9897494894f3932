"""`albumen evaluate color`: the colour stage measured beside what any method must beat."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.evaluation_color_options import (
    Calibrate,
    ChosenOn,
    Costs,
    Kept,
    Labelled,
    Labels,
    Model,
    Photos,
    RenderFactor,
    Saturation,
    Train,
    Weights,
)
from flows.evaluation_common import (
    Device,
    Limit,
    Out,
    Split,
    Splits,
    Threads,
    WeightsUnusable,
    say,
    write_sheets,
)
from flows.evaluation_costs import color_costs
from flows.exit_codes import ExitCode
from tasks.errors import UsageError

if TYPE_CHECKING:
    from models.evaluation.color import ColorSession
    from models.evaluation.color_networks import ColorNetwork
    from models.evaluation.color_rows import ColorRows
    from models.evaluation.decision import Confusion
    from models.evaluation.tables import Row

_CELL = 448  # pixels of a picture on a sheet


def color(
    photos: Photos,
    out: Out,
    train: Train = None,
    splits: Splits = None,
    split: Split = "report",
    chosen_on: ChosenOn = "calibration",
    model: Model = "auto",
    weights: Weights = None,
    saturation: Saturation = None,
    render_factor: RenderFactor = None,
    labels: Labels = None,
    labelled: Labelled = None,
    limit: Limit = None,
    sheets: Kept = 24,
    costs: Costs = False,
    calibrate: Calibrate = False,
    device: Device = "auto",
    threads: Threads = None,
) -> int:
    """Measure the colour stage: photographs made grey, luminance, the decision, costs.

    Writes table.md, table.csv, table.json, readings.csv, the confusion of the decision and sheets
    to OUT and prints the table. With --calibrate prints instead what every render factor gives on
    --chosen-on, at the saturation chosen for it, and writes it to OUT/settings.json.
    """
    if chosen_on in ("report", split):
        raise UsageError(
            "evaluate color: settings are not chosen on what is reported: name another split "
            "with --chosen-on."
        )
    if (labels is None) != (labelled is None):
        raise UsageError("evaluate color: --labels and --labelled go together.")
    if train is None and not calibrate:
        raise UsageError(
            "evaluate color: --train FOLDER is needed: the mean chroma of training photographs "
            "is one of the things to beat."
        )
    count = threads or os.cpu_count() or 1
    networks = _networks(model, weights or (), device, count)
    session = _session(photos, splits, limit, count, sheets)
    out.mkdir(parents=True, exist_ok=True)
    try:
        if calibrate or train is None:
            return _calibrated(session, networks, chosen_on, out)
        return _measured(
            session,
            networks,
            (split, chosen_on),
            train,
            saturation,
            render_factor or 0,
            (labels, labelled),
            color_costs(count, weights or (), model) if costs else (),
            out,
        )
    except _foreseeable() as error:
        raise UsageError(f"evaluate color: {error}") from error


def _measured(
    session: ColorSession,
    networks: Sequence[ColorNetwork],
    of: tuple[str, str],
    train: Path,
    saturation: float | None,
    render_factor: int,
    decided: tuple[Path | None, Path | None],
    costs: Sequence[Mapping[str, Any]],
    out: Path,
) -> int:
    from models.evaluation.color_tables import (
        color_rows,
        cost_rows,
        decision_rows,
        luminance_rows,
    )
    from models.evaluation.tables import markdown
    from models.evaluation.writing import write_tables

    split, chosen_on = of
    for each in of:
        session.check(each)
    confusion = _confusion(*decided, split, out)
    pictures = session.pictures(chosen_on)
    settings = {
        one.name: session.saturation(one, pictures, render_factor)
        if saturation is None
        else saturation
        for one in networks
    }
    stages = [session.stage(one, settings[one.name], render_factor) for one in networks]
    baselines = session.baselines(pictures, train)
    name = "photographs made grey"
    measured: ColorRows = session.measured(name, split, baselines, stages)
    rows: list[Row] = [
        *color_rows(name, measured),
        *luminance_rows("the same, 16 bit", measured),
        *(decision_rows("labelled photographs", confusion) if confusion else ()),
        *cost_rows(costs),
    ]
    write_sheets(session.sheets.of, out, _CELL)
    about = {
        "split": split,
        "chosen_on": chosen_on,
        "limit": session.limit,
        "saturation": settings,
        "render_factor": render_factor or "by size",
        "finest_render_factor": {one.name: one.choice.finest for one in networks},
        "baselines": {one.name: one.chroma for one in baselines},
        "revision": {one.name: one.choice.revision for one in networks},
        "weights": {one.name: dict(one.weights) for one in networks},
    }
    write_tables(rows, measured.readings, about, out)
    print(markdown(rows))
    return ExitCode.OK


def _calibrated(
    session: ColorSession, networks: Sequence[ColorNetwork], split: str, out: Path
) -> int:
    from models.evaluation.color_choice import chosen

    pictures = session.pictures(split)
    found = {one.name: session.calibrated(one, pictures) for one in networks}
    best = {name: chosen(tried) for name, tried in found.items()}
    for name, one in best.items():
        print(f"chosen for {name}: render factor {one.render_factor}, {one.saturation}")
    text = json.dumps(
        {
            "split": split,
            "weights": {one.name: dict(one.weights) for one in networks},
            "chosen": {name: one.measured() for name, one in best.items()},
            "tried": [one.measured() for tried in found.values() for one in tried],
        },
        indent=1,
    )
    (out / "settings.json").write_text(text + "\n", encoding="utf-8")
    return ExitCode.OK


def _confusion(
    labels: Path | None, labelled: Path | None, split: str, out: Path
) -> Confusion | None:
    if labels is None or labelled is None:
        return None
    from models.evaluation.decision import measure_decision

    confusion = measure_decision(labelled, labels, {split}, say)
    text = "\n".join([str(confusion), "", *(f"- {one}" for one in confusion.wrong)])
    (out / "decision.md").write_text(text + "\n", encoding="utf-8")
    return confusion


def _networks(model: str, weights: Sequence[Path], device: str, threads: int) -> list[ColorNetwork]:
    from models.contract import BadStageInput
    from models.device import BadDevice
    from models.evaluation.color_networks import network_of_file, network_of_model, use_threads
    from models.weights import WeightsError

    use_threads(threads)
    try:
        networks = [network_of_file(path, device) for path in weights]
        if not networks:
            networks.append(network_of_model(model, device))
    except WeightsError as error:
        raise WeightsUnusable(f"evaluate color: {error}") from error
    except (BadStageInput, BadDevice) as error:
        raise UsageError(f"evaluate color: {error}") from error
    names = [one.name for one in networks]
    if len(set(names)) < len(names):
        raise UsageError(
            f"evaluate color: the files are called alike ({', '.join(names)}), and tables name "
            "networks by their files: rename one."
        )
    return networks


def _session(
    folder: Path, splits: Path | None, limit: int | None, threads: int, kept: int
) -> ColorSession:
    from models.evaluation.color import ColorSession
    from models.evaluation.picking import Sheets

    return ColorSession(folder, splits, limit, threads, Sheets(kept), say)


def _foreseeable() -> tuple[type[Exception], ...]:
    """What can be wrong with what was asked for; everything else is ours."""
    from models.evaluation.decision import BadToneLabels
    from models.training.data import NoPhotographs

    return (NoPhotographs, BadToneLabels, FileNotFoundError)
