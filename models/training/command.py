"""`albumen train` without a command line: every part of a recipe in turn, each to its file.

train_all(Request("damage", [Path("photographs")], Path("out"), old=Path("old")))
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from torch import Tensor, nn

from models.damage.vae import Autoencoder
from models.device import BadDevice, pick_device
from models.training import color_measures, color_rounds, direct, faces, mapping, scratch
from models.training.data import Image, NoPhotographs
from models.training.degradation import EVALUATION, TRAINING, NoTextures, Textures
from models.training.face_samples import FACE_EVALUATION, FACE_TRAINING
from models.training.loop import Budget, OtherTraining
from models.training.parts import CLEAN, OLD, RECIPES
from models.training.request import PARTS, BadRequest, Photographs, Request, base, read
from models.weights.errors import WeightsError
from models.weights.networks import construct
from models.weights.store import export, read_metadata, read_safetensors

Report = Callable[[str], None]

FORESEEABLE = (
    BadRequest,
    BadDevice,
    NoPhotographs,
    NoTextures,
    OtherTraining,
    WeightsError,
    OSError,
)
"""What can be wrong with a training; each message is one line fit to be shown to the user."""

_MOST_WORKERS = 12
_say = cast(Report, partial(print, flush=True))


def train_all(request: Request, report: Report = _say) -> dict[str, Path]:
    """Train every part of `request` in turn, going on from what `out` holds already.

    Returns the file of weights of each part (float16 safetensors in `out`). `report` is given a
    line for every scoring. Raises `BadRequest`, `BadDevice`, `NoPhotographs`, `OtherTraining`:
    each a `ValueError` with one line that says what to do.
    """
    # The loader's processes are forked: one that inherits OpenCV's threads can wait for ever.
    cv2.setNumThreads(1)
    shares = request.shares()
    device = pick_device(request.device)
    if OLD in shares and request.old is None:
        raise BadRequest(f"{OLD} needs a folder of real old photographs: --old FOLDER")
    keywords = {part: _keywords(part, request) for part in shares}
    first = next(iter(shares))
    begin = {}
    if base(first) in color_rounds.LATER:
        color_rounds.check(first, request)  # what is missing is named before anything is read
    elif request.start is not None:
        begin = _start(request.start, first)
    textures = Textures.load(request.textures)
    if "mapping" in shares and len(shares) == 1:
        _both_autoencoders(request.out)  # missing ones are named before anything is read
    photographs = read(request)
    report(
        f"{request.recipe}: {sum(map(len, photographs.sets))} photographs, "
        f"{len(photographs.old)} real old ones, {len(photographs.held_out)} held out, on {device}"
        + (f"; {photographs.left_out} not in colour left out" if photographs.left_out else "")
    )
    written = {}
    for part, share in shares.items():
        budget = Budget(request.minutes * share, request.steps)
        given = keywords[part]
        given = _inputs(part, request, photographs, textures, device, given) | begin | given
        weights = RECIPES[base(part)].train(
            folder=request.out, budget=budget, report=report, **given
        )
        written[part] = _write(part, weights, given, request)
        report(f"{part}: {written[part]}")
    return written


def _keywords(part: str, request: Request) -> dict[str, Any]:
    """What `request` sets for `part`. Raises `BadRequest` for a keyword that no part has."""
    defaults = RECIPES[base(part)].defaults()
    chosen: dict[str, Any] = {"seed": request.seed}
    for name in ("width", "batch", "crop"):
        if getattr(request, name) is not None and name in defaults:
            chosen[name] = getattr(request, name)
    known = set().union(*(RECIPES[base(other)].defaults() for other in request.shares()))
    if request.recipe == "color":
        known.add("repeats")
    for name, text in request.settings.items():
        if name not in known:
            raise BadRequest(f"no setting {name!r}; there are {', '.join(sorted(known))}")
        if name in defaults:
            chosen[name] = _like(name, text, defaults[name])
    return chosen


def _like(name: str, text: str, default: float | str) -> float | str:
    try:
        return type(default)(text)
    except ValueError as error:
        raise BadRequest(f"{name}={text}: a number like {default} is wanted") from error


def _inputs(
    part: str,
    request: Request,
    photographs: Photographs,
    textures: Textures,
    device: torch.device,
    chosen: Mapping[str, Any],
) -> dict[str, Any]:
    """The pictures and networks that the recipe of `part` takes; `chosen` are its keywords."""
    if part == "tone":
        pictures = [picture for pictures in photographs.sets for picture in pictures]
        return {"photographs": pictures, "validation": photographs.held_out}
    given: dict[str, Any] = {
        "photographs": photographs.sets,
        "shares": photographs.shares,
        "validation": _validation(part, photographs.held_out, textures, chosen),
        "device": device,
        "workers": request.workers
        if request.workers is not None
        else max(1, min(_MOST_WORKERS, (os.cpu_count() or 2) - 1)),
    }
    if request.recipe == "color":
        return given | color_rounds.inputs(part, request)
    given["severity"] = FACE_TRAINING if part == "faces" else TRAINING
    given["textures"] = textures
    if part == OLD:
        given["old"] = photographs.old
    if part == "mapping":
        given["old"], given["clean"] = _both_autoencoders(request.out)
    return given


def _validation(
    part: str, held_out: Sequence[Image], textures: Textures, chosen: Mapping[str, Any]
) -> scratch.HeldOut | direct.HeldOut | faces.HeldOut | color_measures.HeldOut:
    """The pictures `part` is scored on, as its recipe takes them."""
    if base(part) in PARTS["color"]:
        return color_measures.held_out(held_out)
    if part == "scratch":
        return scratch.held_out(held_out, EVALUATION, textures)
    if part == "faces":
        crop = chosen.get("crop", RECIPES[part].defaults()["crop"])
        return faces.held_out(held_out, FACE_EVALUATION, textures, crop=crop)
    return direct.held_out(held_out, EVALUATION, textures)


def _start(path: Path, part: str) -> dict[str, Any]:
    """The weights that `part` begins from. Raises `BadRequest` where it cannot, or they fail."""
    if "start" not in inspect.signature(RECIPES[part].train).parameters:
        raise BadRequest(f"the recipe of {part} begins from random weights: leave --start out")
    try:
        tensors = read_safetensors(path)
    except (WeightsError, OSError) as error:
        raise BadRequest(f"--start: {error}") from error
    return {"start": tensors}


def _both_autoencoders(folder: Path) -> tuple[Autoencoder, Autoencoder]:
    return _autoencoder(folder, OLD), _autoencoder(folder, CLEAN)


def _autoencoder(folder: Path, part: str) -> Autoencoder:
    """The autoencoder that `part` wrote. Raises `BadRequest` where it has not."""
    path = _file(part, folder)
    if not path.is_file():
        raise BadRequest(f"a mapping needs both autoencoders, and {path} is missing: train {part}")
    network = construct("Autoencoder", read_metadata(path).get("settings", {}))
    network.load_state_dict(read_safetensors(path))
    return cast(Autoencoder, network)


def _write(
    part: str, weights: Mapping[str, Tensor], given: Mapping[str, Any], request: Request
) -> Path:
    """Write the weights of `part` with the keywords that build their network."""
    if not weights:
        raise BadRequest(f"{part} was never scored: give it more minutes or steps")
    recipe = RECIPES[base(part)]
    chosen = recipe.defaults() | dict(given)
    if base(part) in PARTS["color"]:
        return color_rounds.write(part, weights, chosen, request)
    settings = {name: chosen[name] for name in recipe.keywords}
    network = recipe.network
    if part == "scratch":
        built, keywords = scratch.NETWORKS[chosen["kind"]]
        network, settings = built.__name__, {name: chosen[name] for name in keywords}
    if part == "faces":
        network = faces.NETWORKS[chosen["kind"]].network.__name__
        sizes = (chosen[name] for name in ("kind", "width", "blocks", "hidden", "crop"))
        settings = faces.network_settings(*sizes)
    if part == "mapping":
        network = mapping.MAPPINGS[chosen["kind"]].__name__
        settings["latent"] = given["old"].latent
    module: nn.Module = construct(network, settings)
    module.load_state_dict(dict(weights))
    path = _file(part, request.out)
    export(recipe.weights, module, path, {"settings": settings, "recipe": f"train {part}"})
    return path


def _file(part: str, folder: Path) -> Path:
    return folder / f"{RECIPES[part].weights}.safetensors"
