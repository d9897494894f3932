"""Inventory, plan and a no-op night over a million objects: seconds and peak memory.

    python bench/inventory.py [--objects 1000000] [--plain]

Manifest, ledger and plan are the real ones. The collection is made up (a thousand objects a
folder, three derivatives a scan): in the first lines listed by the process itself; then as XML
pages of an S3 service in another process (`listing_server.py`), read by the real store, source
and destination; last as real files on the disk of the temporary folder (many names of a few
files). Each line is measured in a process of its own, imports included: CPU seconds are of that
process; peak memory is its whole resident set, of which the first line is the interpreter and
libraries. `--plain` lists S3 page after page, to compare with pages side by side.
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

import fsspec
import pyarrow.parquet as pq
from synthetic import Kind, Synthetic, derivatives, files, rows

from tasks import current, ledger, storage_s3_listing
from tasks.done import read_done
from tasks.inventory import take_inventory
from tasks.manifest import SCHEMA
from tasks.partition import Plan, plan
from tasks.paths import MANIFEST
from tasks.recipe import Recipe
from tasks.storage import Listed, Location

_PART = 50
_LISTING, _DISK, _S3 = Kind("listing"), Kind("disk"), Kind("s3")


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
    """The manifest that the no-op night works on."""
    return _write_manifest(_LISTING, folder / "done", objects)


def _write_manifest(kind: Kind, folder: Path, objects: int) -> str:
    destination = Location.parse(str(folder))
    run = ledger.start_run(destination, "first")
    metadata = {b"albumen.runs": json.dumps([run.name])}
    file = folder / MANIFEST
    with pq.ParquetWriter(file, SCHEMA.with_metadata(metadata), compression="zstd") as writer:
        for first in range(0, objects, 16_384):
            writer.write_table(rows(kind, first, min(first + 16_384, objects), Recipe()))
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
        table = rows(_LISTING, part * _PART, (part + 1) * _PART, Recipe())
        ledger.write_part(destination, run, "p", part, table.to_pylist())
    current.rewrite_manifest(destination)
    count = pq.ParquetFile(folder / "done" / MANIFEST).metadata.num_rows
    return f"{count:,} rows"


def write_files(folder: Path, objects: int) -> str:
    """The collection, its derivatives and the manifest as real files."""
    files(folder / "scans", folder / "on disk", objects)
    return _write_manifest(_DISK, folder / "on disk", objects)


def night_on_disk(folder: Path, objects: int) -> str:  # noqa: ARG001
    """A no-op night over real files, source and destination."""
    return _night(Location.parse(str(folder / "scans")), Location.parse(str(folder / "on disk")))


def write_s3_manifest(folder: Path, objects: int) -> str:
    """The manifest that the listing server hands out."""
    return _write_manifest(_S3, folder / "s3", objects)


def night_on_s3(folder: Path, objects: int) -> str:
    """A no-op night over listings that a server in another process answers with."""
    return _served(folder, objects, milliseconds=0)


def night_on_distant_s3(folder: Path, objects: int) -> str:
    """The same, where every answer takes 50 ms on its way."""
    return _served(folder, objects, milliseconds=50)


def _served(folder: Path, objects: int, milliseconds: int) -> str:
    manifest = folder / "s3" / MANIFEST
    command = [sys.executable, str(Path(__file__).with_name("listing_server.py"))]
    command += [str(objects), str(manifest), "--milliseconds", str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        options = {
            "endpoint_url": f"http://127.0.0.1:{int(server.stdout.readline())}",
            "key": "none",
            "secret": "none",
            "region": "us-east-1",
        }
        try:
            return _night(
                Location.parse("s3://collection/scans", options),
                Location.parse("s3://collection/out", options),
            )
        finally:
            server.kill()


def _night(source: Location, destination: Location) -> str:
    found = plan(take_inventory(source), read_done(destination), Recipe())
    rewritten = current.rewrite_manifest(destination)
    return f"{found.done:,} done, {found.scans:,} to do, manifest rewritten: {rewritten}"


STEPS: dict[str, Callable[[Path, int], str]] = {
    "nothing": empty,
    "inventory": take,
    "inventory and plan, first night": first_night,
    "(manifest made for the next lines)": write_manifest,
    "no-op night": no_op_night,
    "close after 1,000 scans": small_night,
    "(manifest made for the listing server)": write_s3_manifest,
    "no-op night, S3": night_on_s3,
    "no-op night, S3, 50 ms an answer": night_on_distant_s3,
    "(files made)": write_files,
    "no-op night, disk": night_on_disk,
}


def measure(step: str, folder: Path, objects: int) -> None:
    """Run one step in this process and print its figures as JSON."""
    began = time.perf_counter()
    outcome = STEPS[step](folder, objects)
    seconds, cpu = time.perf_counter() - began, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "outcome": outcome}))


def main() -> None:
    """Measure every step in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--plain", action="store_true", help="list S3 page after page")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        storage_s3_listing._PLAIN_PAGES = sys.maxsize
    if options.step:
        measure(options.step, options.folder, options.objects)
        return
    print(f"{options.objects:,} objects")
    print(f"{'':40}{'seconds':>8} {'CPU s':>7} {'peak MB':>8} {'+ MB':>6}")
    base = 0
    with tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder:
        for step in STEPS:
            command = [sys.executable, __file__, "--objects", str(options.objects)]
            command += ["--plain"] * options.plain
            answer = subprocess.run(
                [*command, "--step", step, "--folder", folder], check=True, stdout=subprocess.PIPE
            )
            found = json.loads(answer.stdout)
            base = base or found["peak"]
            peak, more = found["peak"] / 1e6, (found["peak"] - base) / 1e6
            print(
                f"{step:40}{found['seconds']:8.1f} {found['cpu']:7.1f} {peak:8.0f} {more:6.0f}  "
                f"{found['outcome']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
