"""The files by which the three steps of NoGAN, and their repetitions, follow one another.

In OUT: `generator`, then `critic`, `adversarial`, `critic-2`, `adversarial-2`...safetensors,
each of them a step's result and the next one's beginning; `color_generator.safetensors` is the
last generator, ready for use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from models.color.generator import ColorUNet
from models.training.color import network_settings
from models.training.color_critic import color_critic
from models.training.critics import PatchCritic
from models.training.request import REPEATED, BadRequest, Request, base
from models.weights.errors import WeightsError
from models.weights.networks import construct, layout_of
from models.weights.store import (
    export,
    fitted,
    read_metadata,
    read_safetensors,
    write_safetensors,
)

LATER = REPEATED
"""The parts that begin from a generator."""

WEIGHTS = "color_generator"


def check(part: str, request: Request) -> None:
    """Raise `BadRequest` where what `part` begins from is missing."""
    needed = [_generator_file(part, request)]
    if base(part) == "adversarial":
        needed.append(_file(f"critic{_suffix(part)}", request.out))
    for path in needed:
        if not path.is_file():
            raise BadRequest(f"{part} begins from {path}, which is missing: train {path.stem}")


def inputs(part: str, request: Request) -> dict[str, Any]:
    """What `part` takes beside photographs: its name, and the networks it begins from.

    With `start` a first critic or adversarial phase begins from that generator. Raises
    `BadRequest` where a file is missing or holds something else.
    """
    given: dict[str, Any] = {"name": part}
    if base(part) not in LATER:
        return given
    check(part, request)
    try:
        given["generator"] = _read_generator(_generator_file(part, request))
        if base(part) == "adversarial":
            given["critic"] = _read_critic(_file(f"critic{_suffix(part)}", request.out))
        elif _round(part) > 1:
            earlier = _file(f"critic{_before(part)}", request.out)
            if earlier.is_file():  # it learns on, of what the generator has learnt since
                given["start"] = read_safetensors(earlier)
    except (WeightsError, OSError) as error:
        raise BadRequest(f"{part}: {error}") from error
    return given


def write(
    part: str, weights: Mapping[str, Tensor], chosen: Mapping[str, Any], request: Request
) -> Path:
    """Write the result of `part`, whose keywords are `chosen`; the file."""
    path = _file(part, request.out)
    if base(part) == "critic":
        settings = {"critic_width": chosen["critic_width"]}
        tensors = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
        write_safetensors(tensors, path, {"settings": settings, "name": part})
        return path
    if base(part) == "adversarial":
        settings = read_metadata(_generator_file(part, request))["settings"]
    else:
        settings = network_settings(chosen["width"], chosen["bridge"])
    network = construct("ColorUNet", settings)
    network.load_state_dict(dict(weights))
    about = {"settings": settings, "recipe": f"train {part}"}
    export(WEIGHTS, network, path, about)
    ready = _file(WEIGHTS, request.out)
    export(WEIGHTS, network, ready, about)
    return ready


def _generator_file(part: str, request: Request) -> Path:
    if _round(part) > 1:
        # A critic of the second round judges what the first round has made.
        return _file(f"adversarial{_before(part)}", request.out)
    return request.start if request.start is not None else _file("generator", request.out)


def _read_generator(path: Path) -> ColorUNet:
    settings = read_metadata(path).get("settings", {})
    network = construct("ColorUNet", settings)
    network.load_state_dict(fitted(read_safetensors(path), layout_of(network), str(path)))
    return cast(ColorUNet, network)


def _read_critic(path: Path) -> PatchCritic:
    critic = color_critic(int(read_metadata(path).get("settings", {}).get("critic_width", 0)))
    critic.load_state_dict(fitted(read_safetensors(path), layout_of(critic), str(path)))
    return critic


def _round(part: str) -> int:
    return 1 if base(part) == part else int(part.rpartition("-")[2])


def _suffix(part: str) -> str:
    return part.removeprefix(base(part))


def _before(part: str) -> str:
    number = _round(part) - 1
    return f"-{number}" if number > 1 else ""


def _file(name: str, out: Path) -> Path:
    return out / f"{name}.safetensors"
