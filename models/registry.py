"""Which class is each stage, built from flat keywords; known without building anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.color import choices as color_choices
from models.contract import BadStageInput, Stage
from models.damage.choices import CHOICES, resolved
from models.faces import choices as face_choices
from models.weights.table import sha256_of

_NO_WEIGHTS: Mapping[str, str] = {}


def _damage(
    mode: str = "repair",
    strength: float | None = None,
    keep_mask: bool = False,
    threads: int = 1,
    model: str = "auto",
    device: str = "auto",
    tone_strength: float | None = None,
) -> Stage:
    given: dict[str, Any] = {"mode": mode, "keep_mask": keep_mask, "threads": threads}
    if strength is not None:  # every model has a strength of its own to start from
        given["strength"] = strength
    name = resolved(model)
    if name not in CHOICES:
        from models.classical import ClassicalRestorer

        return ClassicalRestorer(**given)
    from models.damage.restorer import DamageRestorer

    if tone_strength is not None:
        given["tone_strength"] = tone_strength
    return DamageRestorer(model=name, device=device, **given)


def _faces(
    faces: str = "enhance",
    strength: float | None = None,
    model: str = "auto",
    device: str = "auto",
    threads: int = 1,
) -> Stage:
    from models.faces.restorer import FaceRestorer

    return FaceRestorer(
        face_choices.handling(faces),
        1.0 if strength is None else strength,
        face_choices.resolved(model),
        device,
        threads,
    )


def _color(
    colorize: str = "auto",
    model: str = "auto",
    device: str = "auto",
    threads: int = 1,
    render_factor: int | None = None,
    saturation: float | None = None,
    keep_uncertainty: bool = False,
) -> Stage:
    from models.color.restorer import ColorRestorer

    return ColorRestorer(
        color_choices.wish(colorize),
        model,
        device,
        threads,
        "auto" if render_factor is None else render_factor,
        saturation,
        keep_uncertainty,
    )


BUILDERS: Mapping[str, Callable[..., Stage]] = {
    "damage": _damage,
    "faces": _faces,
    "color": _color,
}

LOOK_REVISION = "look/5"
"""Of what every stage is told beforehand: photograph area, tone, faces."""

REVISIONS: Mapping[str, str] = {
    "damage": "classical/1",
    "faces": face_choices.DETECT_REVISION,
    "color": color_choices.DECISION_REVISION,
}
"""Of stages without networks (the damage stage being classical, faces only detected, colour only
measured). Repeated here so that planning a million scans imports neither OpenCV nor dlib; a test
holds them to the classes' own."""


def describe(name: str, **options: Any) -> tuple[str, Mapping[str, str]]:
    """(revision, sha256 of each weight file by name) of a stage, for the recipe.

    `options` are those `build_stage` would be given; of the damage stage `model` counts, of the
    face stage `faces` and `model`, of the colour stage `colorize` and `model`.
    Constructs nothing and loads no weights. Raises `BadStageInput` for an unknown stage or
    model, `WeightsMissing` for a model whose weights are not there.
    """
    if _known(name) == "damage":
        model = resolved(options.get("model", "auto"))
        if model in CHOICES:
            choice = CHOICES[model]
            return choice.revision, {weight: sha256_of(weight) for weight in choice.weights}
    if name == "faces" and face_choices.handling(options.get("faces", "enhance")) == "enhance":
        enhancer = face_choices.CHOICES[face_choices.resolved(options.get("model", "auto"))]
        return enhancer.revision, {enhancer.weights: sha256_of(enhancer.weights)}
    if name == "color" and color_choices.wish(options.get("colorize", "auto")) != "never":
        network = color_choices.resolved(options.get("model", "auto"))
        if network is not None:
            colorizer = color_choices.CHOICES[network]
            return colorizer.revision, {colorizer.weights: sha256_of(colorizer.weights)}
    return REVISIONS[name], _NO_WEIGHTS


def build_stage(name: str, **options: Any) -> Stage:
    """The stage `name`, loaded and ready, from the keywords of its class.

    damage: `mode` (repair or revive), `strength` (0 to 1), `keep_mask`, `threads`, `model` (see
    `models.damage.choices`), `device` (auto, cpu, cuda, cuda:N), `tone_strength` (0 to 1);
    faces: `faces` (off, detect or enhance), `strength` (0 to 1), `model` (see
    `models.faces.choices`), `device`, `threads`; color: `colorize` (auto, always or never),
    `model` (see `models.color.choices`), `device`, `threads`, `render_factor` (4 to 64, None: by
    the scan's size), `saturation` (0 to 2, None: the model's own), `keep_uncertainty`.
    Raises `BadStageInput` for an unknown stage, keyword or value, `WeightsError` where a model's
    weights are missing or altered, `BadDevice` for a device that is not there.
    """
    builder = BUILDERS[_known(name)]
    try:
        return builder(**options)
    except TypeError as error:
        raise BadStageInput(f"stage {name} was given wrong options: {error}") from error


def _known(name: str) -> str:
    if name not in BUILDERS:
        raise BadStageInput(f"no stage {name!r}; there are {', '.join(BUILDERS)}")
    return name
