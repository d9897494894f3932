"""Nights without image work: derivatives and rows are really written, their pixels are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks import current, done, inventory, ledger, partition, storage
from tasks.partition import Job, Plan
from tasks.paths import derivative_path
from tasks.recipe import Recipe
from tasks.records import Derivative, Row
from tasks.storage import Location

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def scans_in(folder: Path, names: Iterable[str], content: bytes = b"scan") -> None:
    """Files of a collection; nothing here ever decodes them."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content + name.encode(errors="surrogateescape"))


def time_of(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def row_of(job: Job, outputs: Iterable[Derivative] = (), **columns: Any) -> Row:
    """A row as the lanes write it."""
    scan = job.scan
    return {
        "recipe": job.recipe.digest,
        "requested": job.recipe.requested_json,
        "settings": job.recipe.settings_json,
        "source_uri": scan.uri,
        "relative_path": scan.relative_path,
        "page": 0,
        "source_bytes": scan.size,
        "source_modified": time_of(scan.modified_us),
        "source_etag": scan.etag,
        "status": "restored",
        "seconds_read": 0.5,
        "seconds_damage": 1.5,
        "outputs": [
            {
                "kind": output.kind,
                "path": output.path,
                "sha256": output.sha256,
                "bytes": output.bytes,
                "etag": output.etag,
                "modified": time_of(output.modified_us),
            }
            for output in outputs
        ],
    } | columns


def restored(destination: Location, job: Job) -> list[Row]:
    """Write a scan's derivatives; its row."""
    content = job.scan.relative_path.encode()
    preview = derivative_path("preview", job.scan.relative_path)
    outputs = [
        storage.put_bytes(destination, job.restored_path, b"restored " + content, "restored"),
        storage.put_bytes(destination, preview, b"preview " + content, "preview"),
    ]
    return [row_of(job, outputs)]


def failed(error_class: str, transient: bool = False) -> Callable[[Location, Job], list[Row]]:
    """What a scan that fails leaves."""
    return lambda _destination, job: [
        row_of(job, status="failed", error_class=error_class, transient=transient)
    ]


def plan_of(
    source: Location, destination: Location, recipe: Recipe | None = None, **options: Any
) -> Plan:
    """The plan of the whole source."""
    return partition.plan(
        inventory.take_inventory(source),
        done.read_done(destination),
        recipe or Recipe(),
        **options,
    )


def night(
    source: Location,
    destination: Location,
    recipe: Recipe | None = None,
    ends: dict[str, Callable[[Location, Job], list[Row]]] | None = None,
    close: bool = True,
    **options: Any,
) -> Plan:
    """A whole run; `ends` says what becomes of single scans, by relative path."""
    run = ledger.start_run(destination)
    plan = plan_of(source, destination, recipe, **options)
    for part in plan.partitions():
        rows: list[Row] = []
        for job in part.jobs:
            rows += (ends or {}).get(job.scan.relative_path, restored)(destination, job)
        ledger.write_part(destination, run, part.id, 0, rows)
    if close:
        current.rewrite_manifest(destination)
        ledger.end_run(destination, run, "completed", {"planned": plan.scans})
    return plan
