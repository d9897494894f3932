"""Images and megapixels per second from end to end, and what every step alone would allow.

    python bench/end_to_end.py [--jpegs N] [--tiffs N] [--threads N] [--damage-model NAME]
                               [--also OPTIONS]

Two collections, JPEGs of 3 megapixels and 16-bit TIFFs of 24, through all stages as
`albumen restore` runs them, through the same steps in one plain loop and in Ray Data, one after
the other on the same machine. The ideal is cores / (CPU seconds that one scan takes in the plain
loop with one thread, all steps together); as many such loops as cores, side by side, show how much
of it the cores give when all are at work. Rates count the first scan's way and the last's, except
for that of each further scan: some of the scans are restored once more, and the difference counts.
Those, and what the loops take, are a third of the scans at most, in whole rounds of the three
photographs that they are made from, which differ in what they cost: three scans at least.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from bench_scans import three_megapixel_scans, twenty_four_megapixel_scans
from process_tree import Tree, measure

from cluster.session import WORKER_ENVIRONMENT

_HERE = Path(__file__).parent
_STEPS = ("read", "look", "damage", "faces", "color", "write")
_PROCESSES = 10
_PHOTOGRAPHS = 3
_SHARE_OF_LOOPS = 3

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LOOK_SECONDS = 1.0
"""Reading /proc takes CPU seconds itself, of the cores that are measured."""


@dataclass(frozen=True)
class Collection:
    """One of the two, `count` scans of it."""

    title: str
    megapixels: float
    make: Callable[[Path, int], None]
    count: int


@dataclass(frozen=True)
class Speed:
    """How quick one way of restoring is: `seconds` of so many scans, CPU of all its processes,
    those that start it included."""

    name: str
    scans: int
    seconds: float
    cpu: float = math.nan


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jpegs", type=int, default=24)
    parser.add_argument("--tiffs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the networks")
    parser.add_argument("--damage-model", default="auto")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="restore once more with these options, such as --also='--actors damage=1'",
    )
    given = parser.parse_args()
    for name, usual in WORKER_ENVIRONMENT.items():  # for the loops as well
        os.environ.setdefault(name, usual)
    for collection in (
        Collection("JPEGs of 3 megapixels", 3.0, three_megapixel_scans, given.jpegs),
        Collection("16-bit TIFFs of 24 megapixels", 24.0, twenty_four_megapixel_scans, given.tiffs),
    ):
        if collection.count:
            with tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder:
                _compare(collection, Path(folder), given)


def _compare(collection: Collection, base: Path, given: argparse.Namespace) -> None:
    scans, count, threads = base / "scans", collection.count, given.threads
    collection.make(scans, count)
    rounds = max(1, count // _SHARE_OF_LOOPS // _PHOTOGRAPHS)
    some = _some_of(scans, base / "some", rounds * _PHOTOGRAPHS)
    options = ["--damage-model", given.damage_model]

    def script(name: str, source: Path, out: str, used: int) -> tuple[dict[str, Any], Tree]:
        command = [sys.executable, str(_HERE / name), str(source), str(base / out)]
        limits = dict.fromkeys(_THREAD_LIMITS, "1") if used == 1 else {}
        tree = _run([*command, "--threads", str(used), *options], limits)
        return json.loads(tree.output.splitlines()[-1]), tree

    alone, _ = script("plain_loop.py", some, "alone", 1)
    loop, _ = script("plain_loop.py", some, "loop", threads)
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        begun = [
            pool.submit(script, "plain_loop.py", some, f"loop-{number}", 1)
            for number in range(cores)
        ]
        loops = [one.result()[0] for one in begun]
    others, others_tree = script("ray_data.py", scans, "ray-data", threads)
    first, shorter, _ = _restored(some, base / "shorter", options)
    flow, restoring, rows = _restored(scans, base / "flow", options)
    if len(rows) != count or not rows["status"].isin(["restored", "unchanged"]).all():
        raise SystemExit(f"a scan failed:\n{rows[['relative_path', 'status', 'error_message']]}")
    further = []
    for number, text in enumerate(given.also):
        tree, seconds, _ = _restored(scans, base / f"flow-{number}", [*options, *text.split()])
        further.append(Speed(f"the same, {text}", count, seconds, tree.cpu))
    needed = sum(cpu for _, cpu in alone["steps"].values()) / alone["scans"]
    each = Speed(
        "albumen restore, each further scan",
        count - loop["scans"],
        restoring - shorter,
        flow.cpu - first.cpu,
    )

    print(f"\n{collection.title}: {count} scans, all stages, {cores} cores")
    _print_speeds(
        collection,
        cores / needed,
        Speed("plain loop, one thread", alone["scans"], alone["wall"], alone["cpu"]),
        Speed(f"plain loop, {threads} threads", loop["scans"], loop["wall"], loop["cpu"]),
        Speed(
            f"plain loops, {cores} side by side",
            sum(one["scans"] for one in loops),
            max(one["wall"] for one in loops),
            sum(one["cpu"] for one in loops),
        ),
        Speed("Ray Data", count, others["wall"], others_tree.cpu),
        Speed("albumen restore, once its lane is open", count, restoring, flow.cpu),
        Speed("albumen restore, the whole command", count, flow.wall, flow.cpu),
        each,
        *further,
    )
    _print_steps(count, alone, loop, rows, restoring)
    slowest, name = max((wall, name) for name, (wall, _) in loop["steps"].items())
    slowest /= loop["scans"]
    print(f"\nslowest step alone, {name}: {1 / slowest:.4f} images/s")
    print(f"  end to end / that: {slowest * count / restoring:.2f}")
    print(f"ideal, {cores} cores / {needed:.2f} CPU s a scan: {cores / needed:.4f} images/s")
    print(f"  end to end / that: {count * needed / cores / restoring:.2f}")
    print(f"cores busy while a further scan is restored: {each.cpu / each.seconds:.2f} of {cores}")
    _print_processes(flow)


def _restored(scans: Path, out: Path, options: list[str]) -> tuple[Tree, float, pd.DataFrame]:
    """What a run used, its seconds from the first partition to the last row, and its rows."""
    command = [sys.executable, "-m", "flows.cli", "restore", str(scans), str(out)]
    tree = _run([*command, *options])
    (record,) = (json.loads(p.read_text()) for p in (out / ".albumen/runs").iterdir())
    return tree, record["phases"]["restoration"], pd.read_parquet(out / "manifest.parquet")


def _some_of(scans: Path, some: Path, count: int) -> Path:
    """The first of the scans once more, in a folder of their own."""
    some.mkdir()
    for path in sorted(scans.iterdir())[:count]:
        os.link(path, some / path.name)
    return some


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> Tree:
    tree = measure(command, every=_LOOK_SECONDS, environment=environment)
    if tree.exit_code:
        raise SystemExit(f"{' '.join(command)} ended with exit code {tree.exit_code}")
    return tree


def _print_speeds(collection: Collection, ideal: float, *speeds: Speed) -> None:
    print(f"{'':40}{'images/s':>10}{'MP/s':>8}{'CPU s/scan':>12}{'of the ideal':>14}")
    for speed in speeds:
        rate = speed.scans / speed.seconds
        print(
            f"{speed.name:40}{rate:10.4f}{rate * collection.megapixels:8.2f}"
            f"{speed.cpu / speed.scans:12.2f}{rate / ideal:14.2f}"
        )


def _print_steps(
    count: int, alone: dict[str, Any], loop: dict[str, Any], rows: pd.DataFrame, seconds: float
) -> None:
    """Seconds a scan; `busy` is the share of the restoration in which the step was under way,
    above 1 where several were at once."""
    print(f"\n{'':12}{'one thread':>20}{'in the loop':>20}{'in albumen restore':>26}")
    print(f"{'step':12}{'s':>10}{'CPU s':>10}{'s':>10}{'CPU s':>10}{'s':>13}{'busy':>13}")
    for step in _STEPS:
        figures = [*alone["steps"][step], *loop["steps"][step]]
        spent = rows[f"seconds_{step}"].sum()
        line = "".join(f"{figure / alone['scans']:10.3f}" for figure in figures)
        print(f"{step:12}{line}{spent / count:13.3f}{spent / seconds:13.2f}")


def _print_processes(tree: Tree) -> None:
    print("\nCPU seconds of albumen restore by process, from start to end:")
    spent = sorted(tree.cpu_by_process.items(), key=lambda item: -item[1])
    for name, seconds in spent[:_PROCESSES]:
        print(f"  {name[:40]:40}{seconds:8.1f}")
    print(f"  {'the others':40}{sum(seconds for _, seconds in spent[_PROCESSES:]):8.1f}")


if __name__ == "__main__":
    main()
