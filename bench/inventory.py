"""Inventory, plan and a no-op night over a million objects: seconds and peak memory.

    python bench/inventory.py [--objects 1000000]

The source is a synthetic fsspec listing (a thousand objects a folder); manifest, ledger and
plan are the real ones, on a local disk. Each line is measured in a process of its own: peak
memory is its whole resident set, of which the interpreter and libraries are the first line.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem

from tasks import current, ledger
from tasks.done import read_done
from tasks.inventory import take_inventory
from tasks.manifest import SCHEMA
from tasks.partition import Plan, plan
from tasks.paths import derivative_path
from tasks.recipe import Recipe
from tasks.storage import Listed, Location

_FOLDER = 1000
_TIME = 1_700_000_000
_PART = 50


class Synthetic(AbstractFileSystem):  # type: ignore[misc]
    """A collection of TIFFs that exists in its listing alone."""

    protocol = "synthetic"
    objects = 1_000_000

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The folders of the collection, or the files of a folder."""
        name = self._strip_protocol(path).strip("/")
        if name == "collection":
            folders = range(0, self.objects, _FOLDER)
            entries = [
                {"name": f"collection/box {first // _FOLDER:05d}", "size": 0, "type": "directory"}
                for first in folders
            ]
        else:
            first = int(name.rpartition(" ")[2]) * _FOLDER
            entries = [
                {
                    "name": f"{name}/scan {number:08d}.tif",
                    "size": size_of(number),
                    "type": "file",
                    "mtime": _TIME + number,
                    "ETag": f"{number:032x}",
                }
                for number in range(first, min(first + _FOLDER, self.objects))
            ]
        return entries if detail else [entry["name"] for entry in entries]


def size_of(number: int) -> int:
    """Bytes of an object: 5 to 105 MB, unevenly."""
    return 5_000_000 + number * 7919 % 100_000_000


def path_of(number: int) -> str:
    """The relative path of an object."""
    return f"box {number // _FOLDER:05d}/scan {number:08d}.tif"


def derivatives(objects: int) -> Iterator[Listed]:
    """The listing of what a first night would have written: two files a scan."""
    for kind in ("restored", "preview"):
        for number in range(objects):
            path = derivative_path(kind, path_of(number))
            yield Listed(path, 1000 + number, (_TIME + number) * 1_000_000, None)


def rows(first: int, end: int, recipe: Recipe) -> pa.Table:
    """Rows of scans as the lanes would have written them, columns that planning reads only."""
    records = [
        {
            "relative_path": path_of(number),
            "source_uri": f"synthetic://collection/{path_of(number)}",
            "page": 0,
            "recipe": recipe.digest,
            "requested": recipe.requested_json,
            "settings": recipe.settings_json,
            "source_sha256": f"{number:064x}",
            "source_bytes": size_of(number),
            "source_modified": (_TIME + number) * 1_000_000,
            "source_etag": f"{number:032x}",
            "status": "restored",
            "seconds_damage": 2.0,
            "outputs": [
                {
                    "kind": kind,
                    "path": derivative_path(kind, path_of(number)),
                    "sha256": f"{number:064x}",
                    "bytes": 1000 + number,
                    "modified": (_TIME + number) * 1_000_000,
                }
                for kind in ("restored", "preview")
            ],
        }
        for number in range(first, end)
    ]
    return pa.Table.from_pylist(records, SCHEMA)


def planned(destination: Location, objects: int, listing: Iterator[Listed] | None) -> Plan:
    """The plan of the synthetic collection."""
    Synthetic.objects = objects
    fsspec.register_implementation("synthetic", Synthetic, clobber=True)
    inventory = take_inventory(Location.parse("synthetic://collection"))
    return plan(inventory, read_done(destination, listing), Recipe())


def empty(_folder: Path, _objects: int) -> str:
    """What any process of this program takes."""
    return "imports only"


def take(_folder: Path, objects: int) -> str:
    """The inventory alone."""
    Synthetic.objects = objects
    fsspec.register_implementation("synthetic", Synthetic, clobber=True)
    scans = take_inventory(Location.parse("synthetic://collection")).scans()
    return f"{sum(1 for _ in scans):,} scans"


def first_night(folder: Path, objects: int) -> str:
    """Inventory and plan where nothing is done, and every partition unpacked once."""
    found = planned(Location.parse(str(folder / "empty")), objects, None)
    jobs = sum(len(part.jobs) for part in found.partitions())
    return f"{found.partition_count:,} partitions of {jobs:,} scans"


def write_manifest(folder: Path, objects: int) -> str:
    """Not measured against anything: the manifest that the next lines work on."""
    destination = Location.parse(str(folder / "done"))
    run = ledger.start_run(destination, "first")
    (folder / "done").mkdir(exist_ok=True)
    metadata = {b"albumen.runs": json.dumps([run.name])}
    file = folder / "done" / current.MANIFEST
    with pq.ParquetWriter(file, SCHEMA.with_metadata(metadata), compression="zstd") as writer:
        for first in range(0, objects, 16_384):
            writer.write_table(rows(first, min(first + 16_384, objects), Recipe()))
    return f"{file.stat().st_size / 1e6:,.0f} MB"


def no_op_night(folder: Path, objects: int) -> str:
    """Everything is done: inventory, listing of the derivatives, manifest, plan, close."""
    destination = Location.parse(str(folder / "done"))
    ledger.start_run(destination)
    found = planned(destination, objects, derivatives(objects))
    rewritten = current.rewrite_manifest(destination)
    return f"{found.done:,} done, {found.scans:,} to do, manifest rewritten: {rewritten}"


def small_night(folder: Path, objects: int) -> str:
    """A thousand scans were restored: the close lays their rows over the manifest."""
    destination = Location.parse(str(folder / "done"))
    run = ledger.start_run(destination)
    for part in range(min(20, objects // _PART)):
        table = rows(part * _PART, (part + 1) * _PART, Recipe())
        ledger.write_part(destination, run, "p", part, table.to_pylist())
    current.rewrite_manifest(destination)
    count = pq.ParquetFile(folder / "done" / current.MANIFEST).metadata.num_rows
    return f"{count:,} rows"


STEPS: dict[str, Callable[[Path, int], str]] = {
    "nothing": empty,
    "inventory": take,
    "inventory and plan, first night": first_night,
    "(manifest made for the next lines)": write_manifest,
    "no-op night": no_op_night,
    "close after 1,000 scans": small_night,
}


def measure(step: str, folder: Path, objects: int) -> None:
    """Run one step in this process and print its figures as JSON."""
    began = time.perf_counter()
    outcome = STEPS[step](folder, objects)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "outcome": outcome}))


def main() -> None:
    """Measure every step in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        measure(options.step, options.folder, options.objects)
        return
    print(f"{options.objects:,} objects\n{'':36}{'seconds':>8} {'peak MB':>8} {'+ MB':>6}")
    base = 0
    with tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder:
        for step in STEPS:
            command = [sys.executable, __file__, "--objects", str(options.objects)]
            answer = subprocess.run(
                [*command, "--step", step, "--folder", folder], check=True, stdout=subprocess.PIPE
            )
            found = json.loads(answer.stdout)
            base = base or found["peak"]
            peak, more = found["peak"] / 1e6, (found["peak"] - base) / 1e6
            print(
                f"{step:36}{found['seconds']:8.1f} {peak:8.0f} {more:6.0f}  {found['outcome']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
