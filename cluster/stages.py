"""Which stage a lane builds, and with which settings: where recipes meet models."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Any

from cluster.lanes import Builder
from cluster.resources import LaneResources
from models.contract import BadStageInput
from models.faces import detectors
from models.registry import LOOK_REVISION, build_stage, describe
from models.weights.errors import WeightsError
from tasks.errors import UsageError

_THREADED = ("damage", "faces", "color")


def builders(
    stages: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    lane: LaneResources,
    on_cpu: Container[str] = (),
) -> dict[str, Builder]:
    """What builds each of `stages` in its actor.

    `options` are keywords of the builders by stage. Ray sets OMP_NUM_THREADS=1 for actors of
    at most one CPU, so the stages that can use the threads of their `lane` are told of them. Ray
    hides no GPU from an actor that asked for none, so the stages `on_cpu` are told.
    """
    return {
        stage: partial(
            build_stage,
            stage,
            **options.get(stage, {}),
            **({"threads": lane.threads_of(stage)} if stage in _THREADED else {}),
            **({"device": "cpu"} if stage in _THREADED and stage in on_cpu else {}),
        )
        for stage in stages
    }


def revisions(stages: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The revision of each stage and of the look before it, for the recipe.

    `options` as for `builders`. Raises UsageError for a model whose weights are not there.
    """
    return {
        stage: f"{LOOK_REVISION} {described(stage, options.get(stage, {}))[0]}" for stage in stages
    }


def weights(stages: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Every weight file of the stages and its sha256, for the recipe; as `revisions`."""
    return {
        name: sha
        for stage in stages
        for name, sha in described(stage, options.get(stage, {}))[1].items()
    }


def described(stage: str, options: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """Revision and weights of a stage with these options. Raises UsageError."""
    try:
        return describe(stage, **options)
    except (BadStageInput, WeightsError) as error:
        raise UsageError(str(error)) from error


def detector_described(detector: str) -> tuple[str | None, Mapping[str, str]]:
    """Revision and weights of a face detector; none of the default. Raises UsageError."""
    try:
        return detectors.described(detector)
    except (BadStageInput, WeightsError) as error:
        raise UsageError(str(error)) from error
