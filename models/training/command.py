"""`albumen train` without a command line: every part of a recipe in turn, each to its file.

train_all(Request("damage", [Path("photographs")], Path("out"), old=Path("old")))
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from torch import Tensor, nn

from models.damage.vae import Autoencoder
from models.device import BadDevice, pick_device
from models.training import autoencoder, direct, faces, mapping, scratch, tone
from models.training.data import Image, NoPhotographs
from models.training.degradation import EVALUATION, TRAINING, NoTextures, Textures
from models.training.face_samples import FACE_EVALUATION, FACE_TRAINING
from models.training.loop import Budget, OtherTraining
from models.training.request import BadRequest, Photographs, Request, read
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


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is trained, and what its weights are called in `models.weights`.

    `keywords` are those of `train` that also build the network of the class `network`.
    """

    train: Callable[..., Mapping[str, Tensor]]
    weights: str
    network: str
    keywords: tuple[str, ...]

    def defaults(self) -> dict[str, Any]:
        """The numbers and words of `train` that may be set, as they are when they are not."""
        parameters = inspect.signature(self.train).parameters.values()
        return {
            parameter.name: parameter.default
            for parameter in parameters
            if isinstance(parameter.default, int | float | str) and parameter.name != "domain"
        }


_VAE = ("Autoencoder", ("width", "norm"))
_OLD, _CLEAN = "autoencoder-old", "autoencoder-clean"

RECIPES: Mapping[str, Part] = {
    "scratch": Part(scratch.train_scratch, "damage_scratch", "", ()),
    _OLD: Part(partial(autoencoder.train_autoencoder, domain="old"), "damage_vae_a", *_VAE),
    _CLEAN: Part(autoencoder.train_autoencoder, "damage_vae_b", *_VAE),
    "mapping": Part(mapping.train_mapping, "damage_mapping", "", ("width", "norm", "blocks")),
    "direct": Part(direct.train_direct, "damage_direct", "DirectNet", ("width", "blocks")),
    "tone": Part(tone.train_tone, "damage_tone", "ToneNet", ("width",)),
    "faces": Part(faces.train_faces, "faces_enhancer", "", ()),
}
"""Every part by name; of which class a detector, mapping or enhancer is depends on its `kind`."""


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
    if _OLD in shares and request.old is None:
        raise BadRequest(f"{_OLD} needs a folder of real old photographs: --old FOLDER")
    keywords = {part: _keywords(part, request) for part in shares}
    begin = _start(request.start, next(iter(shares))) if request.start is not None else {}
    textures = Textures.load(request.textures)
    if "mapping" in shares and len(shares) == 1:
        _both_autoencoders(request.out)  # missing ones are named before anything is read
    photographs = read(request)
    report(
        f"{request.recipe}: {sum(map(len, photographs.sets))} photographs, "
        f"{len(photographs.old)} real old ones, {len(photographs.held_out)} held out, on {device}"
    )
    written = {}
    for part, share in shares.items():
        budget = Budget(request.minutes * share, request.steps)
        given = keywords[part]
        given = _inputs(part, request, photographs, textures, device, given) | begin | given
        weights = RECIPES[part].train(folder=request.out, budget=budget, report=report, **given)
        written[part] = _write(part, weights, given, request.out)
        report(f"{part}: {written[part]}")
    return written


def _keywords(part: str, request: Request) -> dict[str, Any]:
    """What `request` sets for `part`. Raises `BadRequest` for a keyword that no part has."""
    defaults = RECIPES[part].defaults()
    chosen: dict[str, Any] = {"seed": request.seed}
    for name in ("width", "batch", "crop"):
        if getattr(request, name) is not None and name in defaults:
            chosen[name] = getattr(request, name)
    known = set().union(*(RECIPES[other].defaults() for other in request.shares()))
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
        "severity": FACE_TRAINING if part == "faces" else TRAINING,
        "textures": textures,
        "device": device,
        "workers": request.workers
        if request.workers is not None
        else max(1, min(_MOST_WORKERS, (os.cpu_count() or 2) - 1)),
    }
    if part == _OLD:
        given["old"] = photographs.old
    if part == "mapping":
        given["old"], given["clean"] = _both_autoencoders(request.out)
    return given


def _validation(
    part: str, held_out: Sequence[Image], textures: Textures, chosen: Mapping[str, Any]
) -> scratch.HeldOut | direct.HeldOut | faces.HeldOut:
    """The pictures `part` is scored on, as its recipe takes them."""
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
    return _autoencoder(folder, _OLD), _autoencoder(folder, _CLEAN)


def _autoencoder(folder: Path, part: str) -> Autoencoder:
    """The autoencoder that `part` wrote. Raises `BadRequest` where it has not."""
    path = _file(part, folder)
    if not path.is_file():
        raise BadRequest(f"a mapping needs both autoencoders, and {path} is missing: train {part}")
    network = construct("Autoencoder", read_metadata(path).get("settings", {}))
    network.load_state_dict(read_safetensors(path))
    return cast(Autoencoder, network)


def _write(part: str, weights: Mapping[str, Tensor], given: Mapping[str, Any], out: Path) -> Path:
    """Write the weights of `part` with the keywords that build their network."""
    if not weights:
        raise BadRequest(f"{part} was never scored: give it more minutes or steps")
    recipe = RECIPES[part]
    chosen = recipe.defaults() | dict(given)
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
    path = _file(part, out)
    export(recipe.weights, module, path, {"settings": settings, "recipe": f"train {part}"})
    return path


def _file(part: str, folder: Path) -> Path:
    return folder / f"{RECIPES[part].weights}.safetensors"
