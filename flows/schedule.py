"""`albumen schedule`: restore collections night after night."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from flows import logs
from flows.collection import (
    STORAGE_VARIABLE,
    Collection,
    check_different,
    collection,
    collections_in,
)
from flows.exit_codes import ExitCode
from flows.given import chosen
from flows.schedule_options import OWN, with_options_of
from tasks.errors import AlbumenError, ServerError, UsageError
from tasks.location import Location

if TYPE_CHECKING:
    from flows.orphans import OrphanWatch

_LOOK_SECONDS = 60.0
_LOOKS_AN_HOUR = 60


def register(app: typer.Typer, restore: Callable[..., int]) -> None:
    """Add the command; it takes the options of `restore` as well."""

    @app.command()
    @with_options_of(restore)
    def schedule(**given: Any) -> int:
        """Restore collections every night: serve until stopped, or register on a work pool.

        Every night reads the settings file again. A night that overruns is not joined by a second
        one. Needs a Prefect server (PREFECT_API_URL).
        """
        return _schedule(given)


def _schedule(given: dict[str, Any]) -> int:
    own = {name: given.pop(name) for name in OWN}
    given.pop("verbose", None)
    logs.hand_on(given.pop("log_format", None), given.pop("log_file", None))
    options = given.pop("storage_option", None)
    if options:
        if own["work_pool"]:
            raise UsageError(
                "--storage-option cannot be given with --work-pool: it may be a secret, and would "
                "lie in Prefect's database. Set the usual AWS variables where the workers run."
            )
        os.environ[STORAGE_VARIABLE] = json.dumps(options)
    found = _collections(own, given)
    _need_server()
    from flows.server import reach_server

    if not own["work_pool"]:  # there, places are those of the workers
        _check(found)
    reach_server()
    _check_blocks(found)
    if own["work_pool"]:
        return _deploy(found, own["work_pool"])
    return _serve(found)


def _collections(own: Mapping[str, Any], given: dict[str, Any]) -> Sequence[Collection]:
    if own["collections"]:
        more = [n for n in ("source", "destination", "name") if own[n]]
        more += chosen(given)
        if more:
            named = ", ".join(name.replace("_", "-") for name in more)
            raise UsageError(f"--collections takes its settings from the files: leave out {named}.")
        return collections_in(own["collections"], own["cron"], own["timezone"])
    places = {n: own[n] for n in ("source", "destination") if own[n]}
    file: Path | None = given.pop("settings_file", None)
    found = [collection(places | given, file, own["cron"], own["timezone"], own["name"])]
    check_different(found)
    return found


def _check(found: Sequence[Collection]) -> None:
    """Answer a mistyped path now, and not at two in the morning. Raises AlbumenError."""
    from flows.planning import check_settings

    for one in found:
        try:
            check_settings(one.settings())
        except AlbumenError as error:
            if one.settings_file is None:
                raise
            raise type(error)(f"{one.settings_file}: {error}") from error


def _has_server() -> bool:
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def _need_server() -> None:
    if not _has_server():
        raise ServerError(
            "a schedule needs a Prefect server that stays: start one with `prefect server start`, "
            "and set PREFECT_API_URL=http://127.0.0.1:4200/api for this command."
        )


def _check_blocks(found: Sequence[Collection]) -> None:
    from flows.notify import load_block

    for name in sorted({name for one in found if (name := one.settings().notify)}):
        load_block(name)


def _deployment(one: Collection, **more: Any) -> Any:
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.nightly import nightly

    return nightly.to_deployment(
        name=one.name,
        schedule=Cron(one.cron, timezone=one.timezone),
        parameters=one.parameters(),
        description=f"Restores {one.settings().source} into {one.settings().destination}",
        tags=["albumen"],
        entrypoint_type=EntrypointType.MODULE_PATH,
        **more,
    )


def _deploy(found: Sequence[Collection], pool: str) -> int:
    """Register the nights on a work pool. They hold no slot of Prefect's, which nobody would give
    back after `kill -9` there: the lease of the destination keeps a second night away."""
    for one in found:
        deployment = _deployment(one, work_pool_name=pool)
        try:
            deployment.apply()
        except Exception as error:  # ObjectNotFound, or ValueError around it
            raise UsageError(f"--work-pool {pool}: {' '.join(str(error).split())}") from error
        print(f"nightly/{one.name}: {one.cron} ({one.timezone}) on the work pool {pool}")
    return ExitCode.OK


def _serve(found: Sequence[Collection]) -> int:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    from flows.orphans import OrphanWatch
    from flows.serving import serve

    limit = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    deployments = [_deployment(one, concurrency_limit=limit) for one in found]
    watch = OrphanWatch(lambda: _destinations(found))
    watch.mark()
    ended = threading.Event()
    thread = threading.Thread(
        target=_keep_looking, args=(watch, [one.name for one in found], ended), daemon=True
    )
    thread.start()
    for one in found:
        print(f"nightly/{one.name}: {one.cron} ({one.timezone})", flush=True)
    print("Serving. Ctrl-C ends it, once the scans in flight are done.", file=sys.stderr)
    try:
        # Twice the collections: a new night has to begin to be found one too many.
        serve(deployments, limit=2 * len(found))
    finally:
        ended.set()
    return ExitCode.OK


def _destinations(found: Sequence[Collection]) -> dict[str, Location]:
    places = {}
    for one in found:
        try:
            places[one.name] = one.settings().locations()[1]
        except AlbumenError as error:  # the file is being edited, say
            print(f"albumen: {one.name}: {error}", file=sys.stderr, flush=True)
    return places


def _keep_looking(watch: OrphanWatch, names: Sequence[str], ended: threading.Event) -> None:
    """Until the command ends: give back the slots of dead runs, and see that nights are planned."""
    from flows.upcoming import without_next_night

    looks = 0
    while not ended.wait(_LOOK_SECONDS):
        try:
            watch.mark()
            if looks % _LOOKS_AN_HOUR == 0:
                for name in without_next_night(names):
                    print(
                        f"albumen: Prefect's server has planned NO next night for {name}: its "
                        f"scheduler does not work (see the server's log), or it was paused there.",
                        file=sys.stderr,
                        flush=True,
                    )
        except Exception as error:  # a server that is away comes back
            print(
                f"albumen: runs could not be looked after: {error!r}", file=sys.stderr, flush=True
            )
        looks += 1
