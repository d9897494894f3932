"""The command `albumen`."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from flows import (
    console,
    degrade,
    evaluate,
    lane_options,
    logs,
    network_options,
    options,
    schedule,
    train,
    weights,
    withdraw,
)
from flows.exit_codes import ExitCode, exit_code_for
from flows.given import location as _location
from flows.given import settings as _settings
from tasks.errors import AlbumenError

_HELP = """Restore collections of scanned photographs.

Masters are only ever read. Everything made lies under DESTINATION: restored/ (and colorized/,
masks/, uncertainty/, previews/), manifest.parquet with a row for every page, and
report/index.html. Run the same command again at any time: it does what is new, changed, or asked
for differently.

Exit codes: 0 everything is done; 2 the command makes no sense; 3 done, but some scans failed
(their rows and the report say why); 4 a location, the cluster or the manifest cannot be used;
5 another run holds DESTINATION; 6 the run failed: partitions were lost or --max-failed was
exceeded; 7 verify found differences, or --verify-source an altered master; 8 stopped at --until
with scans left; 130 interrupted; 1 an error nobody foresaw.
"""

app = typer.Typer(
    help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.command()
def restore(
    source: options.Source,
    destination: options.Destination,
    include: options.Include = None,
    exclude: options.Exclude = None,
    list_file: options.ListFile = None,
    limit: options.Limit = None,
    sample: options.Sample = None,
    stages: options.Stages = None,
    mode: options.Mode = None,
    damage_model: network_options.DamageModelName = None,
    strength: network_options.Strength = None,
    tone_strength: network_options.ToneStrength = None,
    colorize: network_options.Colorize = None,
    color_model: network_options.ColorModelName = None,
    render_factor: network_options.RenderFactor = None,
    saturation: network_options.Saturation = None,
    keep_uncertainty: network_options.KeepUncertainty = False,
    faces: network_options.Faces = None,
    face_detector: network_options.FaceDetectorName = None,
    face_model: network_options.FaceModelName = None,
    face_strength: network_options.FaceStrength = None,
    format: options.Format = None,  # noqa: A002  named as the option is
    keep_masks: options.KeepMasks = False,
    skip_unchanged: options.SkipUnchanged = False,
    refresh: options.Refresh = False,
    retry_failed: options.RetryFailed = False,
    restore_withdrawn: options.RestoreWithdrawn = False,
    partition_bytes: options.PartitionBytes = None,
    partition_scans: options.PartitionScans = None,
    lanes: lane_options.Lanes = None,
    gpus_per_lane: lane_options.GpusPerLane = None,
    lanes_per_gpu: lane_options.LanesPerGpu = None,
    gpus_per_stage: lane_options.GpusPerStage = None,
    actors: lane_options.Actors = None,
    io_nodes: lane_options.IoNodes = None,
    wait_for_nodes: lane_options.WaitForNodes = None,
    ray_address: options.RayAddress = None,
    object_store: options.ObjectStore = None,
    step_seconds: options.StepSeconds = None,
    max_failed: options.MaxFailed = None,
    until: options.Until = None,
    verify_source: options.VerifySource = None,
    notify: options.Notify = None,
    storage_option: options.StorageOption = None,
    settings_file: options.SettingsFile = None,
    log_format: options.LogFormat = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> int:
    """Restore the scans of SOURCE into DESTINATION: what is new, changed or asked for anew."""
    settings = _settings(dict(locals()))
    from flows.planning import check_request

    check_request(settings)  # a mistyped path is answered before any server starts
    from flows.restore import restore as flow
    from flows.server import kept_in_touch, reach_server

    if not verbose:
        console.silence_prefect()
    logs.open_log(log_format, log_file)
    try:
        reach_server()
        if settings.notify is not None:
            from flows.notify import load_block

            load_block(settings.notify)  # a mistyped one is answered now, not in the morning
        with kept_in_touch():
            summary = flow(settings)
    except KeyboardInterrupt:  # here, since Typer would swallow it without a word
        return _abandoned()
    print("\n".join(summary.lines()))
    return summary.exit_code


@app.command()
def plan(
    source: options.Source,
    destination: options.Destination,
    include: options.Include = None,
    exclude: options.Exclude = None,
    list_file: options.ListFile = None,
    limit: options.Limit = None,
    sample: options.Sample = None,
    stages: options.Stages = None,
    mode: options.Mode = None,
    damage_model: network_options.DamageModelName = None,
    strength: network_options.Strength = None,
    tone_strength: network_options.ToneStrength = None,
    colorize: network_options.Colorize = None,
    color_model: network_options.ColorModelName = None,
    render_factor: network_options.RenderFactor = None,
    saturation: network_options.Saturation = None,
    keep_uncertainty: network_options.KeepUncertainty = False,
    faces: network_options.Faces = None,
    face_detector: network_options.FaceDetectorName = None,
    face_model: network_options.FaceModelName = None,
    face_strength: network_options.FaceStrength = None,
    format: options.Format = None,  # noqa: A002
    keep_masks: options.KeepMasks = False,
    skip_unchanged: options.SkipUnchanged = False,
    refresh: options.Refresh = False,
    retry_failed: options.RetryFailed = False,
    restore_withdrawn: options.RestoreWithdrawn = False,
    partition_bytes: options.PartitionBytes = None,
    partition_scans: options.PartitionScans = None,
    storage_option: options.StorageOption = None,
    settings_file: options.SettingsFile = None,
    as_json: options.Json = False,
) -> int:
    """Say what `restore` would do: counts, bytes, partitions, hours. Restores nothing."""
    settings = _settings(dict(locals()))
    from flows.inspection import show_plan

    return show_plan(settings, as_json)


@app.command()
def status(
    destination: options.Destination,
    storage_option: options.StorageOption = None,
    as_json: options.Json = False,
    watch: options.Watch = False,
) -> int:
    """Say what DESTINATION holds, how its last runs ended, and whether one is under way."""
    if watch:
        from flows.watching import watch as watch_run

        return watch_run(_location(destination, storage_option), as_json)
    from flows.inspection import show_status

    return show_status(_location(destination, storage_option), as_json)


@app.command()
def verify(
    destination: options.Destination,
    storage_option: options.StorageOption = None,
    as_json: options.Json = False,
) -> int:
    """Hash every derivative again and compare with the manifest: missing, altered, stray files."""
    from flows.inspection import show_verification

    return show_verification(_location(destination, storage_option), as_json)


@app.command()
def report(destination: options.Destination, storage_option: options.StorageOption = None) -> int:
    """Write DESTINATION/report/index.html again from the manifest."""
    from flows.inspection import rewrite_report

    return rewrite_report(_location(destination, storage_option))


schedule.register(app, restore)
for _more in (withdraw, weights, train, evaluate, degrade):
    _more.register(app)


def _usage(error: TyperException) -> str:
    """What is wrong with a command line, in one line; or the help, where nothing was given."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "albumen"
    return message if "\n" in message else f"albumen: {message} Try '{command} --help'."


def _abandoned() -> ExitCode:
    logs.complain("abandoned. What has a row is done; the same command goes on from there.")
    return ExitCode.INTERRUPTED


def main() -> None:
    """Run the command line; every foreseeable error is one line on standard error."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        print(_usage(error), file=sys.stderr)
        code = ExitCode.USAGE
    except AlbumenError as error:
        logs.complain(str(error))
        code = exit_code_for(error)
    except (KeyboardInterrupt, typer.Abort):
        code = _abandoned()
    sys.exit(int(code or 0))


if __name__ == "__main__":
    main()
