"""Locations, recipe and plan of a restoration: the steps that `restore` and `plan` share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.address import check_address
from cluster.stages import detector_described, revisions, weights
from flows.lane_settings import check_lanes
from flows.settings import RestoreSettings
from tasks.done import read_done
from tasks.inventory import Inventory, take_inventory
from tasks.lease import refuse_held
from tasks.location import Location
from tasks.partition import Plan, plan
from tasks.recipe import Recipe, in_order
from tasks.records import StageName
from tasks.selection import Selection, read_list
from tasks.storage import check_destination, check_source, refuse_nesting


def open_locations(settings: RestoreSettings) -> tuple[Location, Location]:
    """Source and destination, checked. Raises StorageError, UsageError; makes nothing."""
    source, destination = settings.locations()
    refuse_nesting(source, destination)
    check_source(source)
    check_destination(destination)
    return source, destination


def check_request(settings: RestoreSettings) -> None:
    """Answer at once what a run would find out only once its servers have started.

    Raises StorageError, UsageError (also for weights that are not there), ClusterError, and
    LeaseHeld where a run on this machine holds the destination; makes nothing.
    """
    check_settings(settings)
    refuse_held(settings.locations()[1])


def check_settings(settings: RestoreSettings) -> None:
    """Check what does not depend on whether a run is under way; raises as `check_request`."""
    open_locations(settings)
    selection = read_selection(settings)
    weights(stages_needed(settings, selection), stage_options(settings))
    face_network(settings, selection)
    face_detector(settings, selection)
    color_network(settings, selection)
    if settings.ray_address is not None:
        check_address(settings.ray_address)
    check_lanes(settings, stages_needed(settings, selection))


def read_selection(settings: RestoreSettings) -> Selection:
    """The scans the user chose. Raises UsageError."""
    if settings.list_file is None:
        return Selection(sample=settings.sample)
    return read_list(Path(settings.list_file), settings.sample)


def stages_needed(settings: RestoreSettings, selection: Selection) -> tuple[StageName, ...]:
    """Every stage that some scan goes through, in order."""
    return in_order({*settings.stages, *selection.stages})


def plan_restoration(
    settings: RestoreSettings, source: Location, destination: Location
) -> tuple[Plan, Inventory]:
    """Take inventory of the source and leave out what the manifest says is done.

    Raises StorageError, UsageError, ManifestError.
    """
    selection = read_selection(settings)
    stages = stages_needed(settings, selection)
    options = stage_options(settings)
    face_revision, face_weights = face_network(settings, selection)
    detector_revision, detector_weights = face_detector(settings, selection)
    color_revision, color_weights = color_network(settings, selection)
    recipe = Recipe(
        stages=settings.stages,
        mode=settings.mode,
        damage_model=settings.damage_model,
        strength=settings.strength,
        tone_strength=settings.tone_strength,
        colorize=settings.colorize,
        faces=settings.faces,
        face_detector=settings.face_detector,
        face_model=settings.face_model,
        face_strength=settings.face_strength,
        color_model=settings.color_model,
        render_factor=settings.render_factor,
        saturation=settings.saturation,
        keep_uncertainty=settings.keep_uncertainty,
        format=settings.format,
        keep_masks=settings.keep_masks,
        skip_unchanged=settings.skip_unchanged,
        revisions=revisions(stages, options | _WITHOUT_NETWORKS),
        weights=weights(stages, options | _WITHOUT_NETWORKS),
        face_revision=face_revision,
        face_weights=face_weights,
        detector_revision=detector_revision,
        detector_weights=detector_weights,
        color_revision=color_revision,
        color_weights=color_weights,
        requested=settings.requested(),
    )
    inventory = take_inventory(source, settings.include, settings.exclude)
    planned = plan(
        inventory,
        read_done(destination),
        recipe,
        selection=selection,
        limit=settings.limit,
        refresh=settings.refresh,
        retry_failed=settings.retry_failed,
        restore_withdrawn=settings.restore_withdrawn,
        partition_scans=settings.partition_scans,
        partition_bytes=settings.partition_bytes,
        lanes=settings.lanes or 1,
    )
    return planned, inventory


_WITHOUT_NETWORKS: dict[str, dict[str, Any]] = {
    "faces": {"faces": "detect"},
    "color": {"colorize": "never"},
}
"""What these stages are without their networks, which count where a scan's faces are enhanced,
and where it may be colorized."""


def face_network(
    settings: RestoreSettings, selection: Selection
) -> tuple[str | None, Mapping[str, str]]:
    """Revision and weights of the network that enhances faces; none where no scan wants it.

    Raises UsageError for weights that are not there.
    """
    if "faces" not in stages_needed(settings, selection):
        return None, {}
    if "enhance" not in {settings.faces, *selection.faces}:
        return None, {}
    options = {"faces": stage_options(settings)["faces"] | {"faces": "enhance"}}
    return revisions(("faces",), options)["faces"], weights(("faces",), options)


def face_detector(
    settings: RestoreSettings, selection: Selection
) -> tuple[str | None, Mapping[str, str]]:
    """Revision and weights of a chosen face detector; none of the default, nor where no scan's
    faces are looked for.

    Raises UsageError for weights that are not there.
    """
    if {settings.faces, *selection.faces} == {"off"}:
        return None, {}
    if {"damage", "faces"}.isdisjoint(stages_needed(settings, selection)):
        return None, {}
    return detector_described(settings.face_detector)


def color_network(
    settings: RestoreSettings, selection: Selection
) -> tuple[str | None, Mapping[str, str]]:
    """Revision and weights of the network that colorizes; none where no scan wants it, nor where
    the model is `auto` and no weights are embedded.

    Raises UsageError for weights that are not there.
    """
    if "color" not in stages_needed(settings, selection):
        return None, {}
    if {settings.colorize, *selection.colorize} == {"never"}:
        return None, {}
    options = {"color": stage_options(settings)["color"] | {"colorize": "auto"}}
    found = weights(("color",), options)
    return (revisions(("color",), options)["color"], found) if found else (None, {})


def stage_options(settings: RestoreSettings) -> dict[str, dict[str, Any]]:
    """Keywords for the builder of each stage."""
    return {
        "damage": {
            "mode": settings.mode,
            "keep_mask": settings.keep_masks,
            "model": settings.damage_model,
            "strength": settings.strength,
            "tone_strength": settings.tone_strength,
        },
        "faces": {
            "faces": settings.faces,
            "model": settings.face_model,
            "strength": settings.face_strength,
        },
        "color": {
            "colorize": settings.colorize,
            "model": settings.color_model,
            "render_factor": settings.render_factor,
            "saturation": settings.saturation,
            "keep_uncertainty": settings.keep_uncertainty,
        },
    }


def notes_on(plan: Plan, inventory: Inventory) -> tuple[str, ...]:
    """What a careful person would point out about a plan: nothing is left out in silence."""
    notes = []
    if plan.missing:
        named = ", ".join(plan.missing[:5])
        notes.append(f"{len(plan.missing)} listed scans are not in the source: {named}")
    if plan.withheld:
        notes.append(
            f"{plan.withheld} scans failed before and have not changed: --retry-failed tries "
            f"them again"
        )
    if plan.outdated:
        notes.append(
            f"{plan.outdated} scans would be restored differently since an upgrade: --refresh "
            f"does it"
        )
    if plan.deferred:
        notes.append(f"{plan.deferred} scans lie beyond --limit and wait for another run")
    if plan.vanished:
        notes.append(
            f"{plan.vanished} scans of the manifest are no longer in the source: `albumen withdraw "
            f"--gone` lists them, and takes their derivatives away"
        )
    if plan.withdrawn:
        notes.append(
            f"{plan.withdrawn} scans are withdrawn and stay so: --restore-withdrawn restores them"
        )
    if plan.altered:
        notes.append(
            f"{plan.altered} scans are left as they are, since their MASTERS WERE ALTERED although "
            f"size and time are the same (flag 'master altered'): compare them with a backup"
        )
    for what, noted in (
        ("links to folders were not followed", inventory.not_followed),
        ("folders could not be listed", inventory.unreadable),
    ):
        if noted.count:
            path, reason = noted.examples[0]
            notes.append(f"{noted.count} {what}, such as {path}: {reason}")
    return tuple(notes)
