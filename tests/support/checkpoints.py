"""Narrow networks in the place of the published ones, and checkpoints as authors save them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.weights import build, load, table
from models.weights.imports import Outcome
from models.weights.networks import expected_layout
from models.weights.published import PUBLISHED
from models.weights.row import Setting, WeightFile

State = dict[str, Tensor]

_NARROW: Mapping[str, Mapping[str, Setting]] = {
    "ScratchUNet": {"width": 2, "depth": 2},
    "Autoencoder": {"width": 4},
    "QualityMapping": {"latent": 4, "width": 8, "blocks": 1},
    "ScratchMapping": {"latent": 4, "width": 8, "blocks": 1},
    "PatchMapping": {"latent": 4, "width": 8},
    "SpadeGenerator": {"width": 2, "hidden": 4},
    "ColorUNet": {"encoder": "resnet10", "encoder_width": 1, "decoder": "wide", "width": 2},
}

NARROW: tuple[WeightFile, ...] = tuple(
    replace(row, settings=_NARROW[row.network], parameters=10_000) for row in PUBLISHED
)
"""The published rows with networks of a few hundred weights."""

NAMES = [row.name for row in NARROW]
VAE = "bopbl_vae_a_quality"
SCRATCH = "bopbl_scratch_detection"


def use_narrow(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let the table hold `NARROW` alone, and imported weights lie in `folder`."""
    monkeypatch.setattr(table, "WEIGHTS", NARROW)
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(folder))
    return folder


def row(name: str) -> WeightFile:
    """The narrow row called `name`."""
    return next(row for row in NARROW if row.name == name)


def state(name: str, **settings: Setting) -> State:
    """A `state_dict` of weights `name`, filled from a seed; `settings` change the network."""
    of = row(name)
    generator = torch.Generator().manual_seed(NAMES.index(name))
    return {
        key: torch.randn(shape, generator=generator)
        if floating
        else torch.zeros(shape, dtype=torch.int64)
        for key, (shape, floating) in expected_layout(
            of.network, {**of.settings, **settings}
        ).items()
    }


def save(
    name: str, path: Path, tensors: Mapping[str, Any] | None = None, old: bool = False
) -> Path:
    """A checkpoint of weights `name` as its authors save it, in torch's present or old form."""
    held: Any = dict(state(name) if tensors is None else tensors)
    if (sub_key := row(name).sub_key) is not None:
        held = {sub_key: held, "epoch": 7, "optimizer_state": {"lr": 0.1}}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(held, path, _use_new_zipfile_serialization=not old)
    return path


def unpacked(root: Path, *, without: tuple[str, ...] = ()) -> Path:
    """The folder that the official zip unpacks to; torch's two forms in turn."""
    for number, of in enumerate(NARROW):
        if of.name not in without:
            part = "detection" if of.sub_key else "restoration"
            save(of.name, root / "checkpoints" / part / str(of.member), old=number % 2 == 0)
    return root


def packed(folder: Path, path: Path) -> Path:
    """A zip of everything below `folder`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    """What became of every row."""
    return {outcome.name: outcome.status for outcome in outcomes}


def reason(outcomes: list[Outcome], name: str) -> str:
    """What was said about one row."""
    return next(outcome.reason for outcome in outcomes if outcome.name == name)


def assert_loads(name: str) -> None:
    """Imported weights fill their network with what `state` gives."""
    network = build(name)
    load(name, network)
    given = state(name)
    assert all(torch.equal(tensor, given[key]) for key, tensor in network.state_dict().items())


class Payload:
    """Pickles as a call: whoever unpickles it runs `function(*arguments)`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call
