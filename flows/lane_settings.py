"""What was asked of the lanes, read from options and settings files, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flows.settings import RestoreSettings
from tasks.errors import UsageError
from tasks.records import STAGE_NAMES

if TYPE_CHECKING:
    from cluster.placement import LaneWishes

BY_STAGE = ("gpus_per_stage", "actors")
"""Settings with a number for each stage: `damage=0.4,color=0.4`, or a table of a file."""


def by_stage(option: str, given: str | Mapping[str, Any]) -> dict[str, Any]:
    """`damage=2,color=1` as numbers by stage. Raises UsageError for anything else."""
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",") if part.strip()]
        if not pairs or not all(sign for _, sign, _ in pairs):
            raise UsageError(f"{option} wants stage=number, such as damage=2, not {given!r}.")
        named = {stage.strip(): number.strip() for stage, _, number in pairs}
        if len(named) < len(pairs):
            raise UsageError(f"{option} {given}: a stage is named twice.")
    else:
        named = dict(given)
    for stage, number in named.items():
        if stage not in STAGE_NAMES:
            raise UsageError(f"{option}: {stage!r} is none of {', '.join(STAGE_NAMES)}.")
        try:
            float(number)
        except (TypeError, ValueError):
            raise UsageError(f"{option}: {stage} wants a number, not {number!r}.") from None
    return named


def lane_wishes(settings: RestoreSettings) -> LaneWishes:
    """The settings that concern lanes, as the cluster is told them."""
    from cluster.placement import LaneWishes  # with Ray, which most commands do not need

    return LaneWishes(
        lanes=settings.lanes,
        gpus_per_lane=settings.gpus_per_lane,
        lanes_per_gpu=settings.lanes_per_gpu,
        gpus_per_stage={str(stage): part for stage, part in settings.gpus_per_stage.items()},
        actors={str(stage): count for stage, count in settings.actors.items()},
        io_nodes=settings.io_nodes,
        wait_seconds=settings.wait_for_nodes,
    )


def check_lanes(settings: RestoreSettings, stages: Sequence[str]) -> None:
    """Raise UsageError for what no cluster could do, whatever its nodes."""
    if settings.gpus_per_lane is not None and settings.lanes_per_gpu is not None:
        raise UsageError("--gpus-per-lane and --lanes-per-gpu say the same: give one of them.")
    if settings.ray_address is None:
        for option, given in (
            ("--wait-for-nodes", settings.wait_for_nodes),
            ("--io-nodes", settings.io_nodes),
        ):
            if given is not None:
                raise UsageError(f"{option} is for a cluster: it needs --ray-address.")
    lane_wishes(settings).gpus(stages, has_gpus=settings.gpus_per_lane != 0)
