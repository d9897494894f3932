"""Colour networks to be measured: one of the product's models, or a file a training has written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import torch

from models.color.choices import CHOICES, DEFAULT_MODEL, Choice, resolved
from models.color.colorizer import Colorizer
from models.color.generator import ColorUNet
from models.color.prediction import Predict
from models.color.predictor import NetworkPredictor
from models.color.working_copy import chosen_render_factor
from models.weights import build, load, sha256_of
from models.weights.errors import WeightsMismatch, WeightsMissing
from models.weights.networks import construct, layout_of
from models.weights.store import file_sha256, fitted, read_metadata, read_safetensors


@dataclass(frozen=True, slots=True)
class ColorNetwork:
    """A network ready to predict chroma, and how the stage uses it.

    `multiple` is what sides of its input must be multiples of, `weights` each file's name to its
    sha256.
    """

    name: str
    predict: Predict
    choice: Choice
    multiple: int = ColorUNet.multiple
    weights: Mapping[str, str] = field(default_factory=dict)

    def colorizer(self) -> Colorizer:
        """What the stage colourizes with."""
        return Colorizer(self.predict, self.choice, self.weights, self.multiple)

    def render_factor(self, width: int, height: int) -> int:
        """What the stage chooses for a photograph of `width` x `height` pixels."""
        return min(chosen_render_factor(width, height), self.choice.finest)


def network_of_model(model: str = "auto", device: str = "auto") -> ColorNetwork:
    """The network of a model of the stage, by its name.

    Raises `BadStageInput` for an unknown name, `WeightsError` for weights that are missing or
    altered, `BadDevice` for a device that is not there.
    """
    name = resolved(model)
    if name is None:
        raise WeightsMissing(
            f"no colour weights are embedded (model {DEFAULT_MODEL}): give --weights FILE, or a "
            "published model"
        )
    choice = CHOICES[name]
    sha256 = sha256_of(choice.weights)
    network = build(choice.weights)
    assert isinstance(network, ColorUNet)
    load(choice.weights, network)
    return _ready(name, network, choice, {choice.weights: sha256}, device)


def network_of_file(path: Path, device: str = "auto") -> ColorNetwork:
    """The network whose weights a training has written to `path`, named after the file, used as
    the embedded one is. Its metadata say how it is built.

    Raises `WeightsMissing` for no file, `WeightsMismatch` for one of another network,
    `WeightsTruncated` for what is no safetensors, `BadDevice`.
    """
    if not path.is_file():
        raise WeightsMissing(f"there are no weights {path}")
    about = read_metadata(path)
    if about.get("network") != ColorUNet.__name__:
        raise WeightsMismatch(
            f"{path} holds weights of {about.get('network', 'a network it does not name')}, not "
            f"of {ColorUNet.__name__}: give a file that 'albumen train color' has written"
        )
    network = construct(ColorUNet.__name__, about.get("settings", {}))
    assert isinstance(network, ColorUNet)
    tensors = fitted(read_safetensors(path), layout_of(network), f"weights {path}")
    network.load_state_dict(tensors, strict=True)
    sha256 = file_sha256(path)
    choice = replace(CHOICES[DEFAULT_MODEL], weights=path.stem)
    return _ready(path.stem, network, choice, {path.name: sha256}, device)


def use_threads(threads: int) -> None:
    """Let torch and OpenCV use so many threads on the CPU, in this process."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


def _ready(
    name: str, network: ColorUNet, choice: Choice, weights: Mapping[str, str], device: str
) -> ColorNetwork:
    predictor = NetworkPredictor(network, device)
    return ColorNetwork(name, predictor, choice, predictor.multiple, weights)
