"""Throughput over lanes: 1, 2 and 4 of them, each on a Ray node of its own, all on this machine.

    python bench/lanes.py [--seconds S] [--scans N] [--partition N] [--lanes 1 2 4]

`albumen restore` runs as users run it, Prefect's server and the commits of its rows included; only
the stage is replaced by one that waits S seconds a page, as a host waits for its GPU. N scans for
every lane. What is counted begins with the first page in a stage and ends with the last: changes
of partitions and the uneven end are in it, the start of servers and processes is not.
The last two rows are one GPU with a stage that needs it for half of its time: one lane on it, and
two that share it, over as many scans. How many cores were busy tells whether this machine was what
limited them.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

_HERE = Path(__file__).parent
_STORE = 100 << 20
_OPTIONS = ("--stages", "damage", "--damage-model", "classical")


@dataclass(frozen=True)
class Measured:
    """What the stages of a run noted: pages, from the first's begin to the last's end, and the
    longest that a stage had nothing to do in between; and how many cores of the machine were
    busy meanwhile."""

    lanes: int
    pages: int
    span: float
    longest_pause: float
    cores: float

    @property
    def rate(self) -> float:
        """Pages a second."""
        return self.pages / self.span


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--scans", type=int, default=120)
    parser.add_argument("--partition", type=int, default=40)
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder,
        _cluster(max(given.lanes)) as address,
    ):
        runs = _Runs(Path(folder), address, given.seconds, given.partition)
        table = [
            runs.measure(n, n * given.scans, "--lanes", f"{n}", "--gpus-per-lane", "1")
            for n in given.lanes
        ]
        shared = [
            runs.measure(n, given.scans, "--lanes", f"{n}", "--lanes-per-gpu", f"{n}", busy=0.5)
            for n in (1, 2)
        ]
    ideal, one = 1 / given.seconds, table[0].rate / table[0].lanes
    print(f"\nLanes: a stage of {given.seconds:g} s a page, {given.scans} scans a lane, ", end="")
    print(f"{given.partition} or fewer a partition")
    print(f"{'':26}{'scans/s':>9}{'of stage alone':>16}{'scaling':>9}", end="")
    print(f"{'longest pause s':>17}{'cores busy':>12}")
    for line in table:
        _print(f"{line.lanes} lanes", line, ideal * line.lanes, one * line.lanes)
    print("one GPU, which the stage needs for half of its time")
    for line, name in zip(shared, ("one lane on it", "two lanes sharing it"), strict=True):
        _print(name, line, ideal * line.lanes, shared[0].rate * line.lanes)


def _print(name: str, line: Measured, ideal: float, scaled: float) -> None:
    print(
        f"{name:26}{line.rate:9.2f}{line.rate / ideal:16.3f}{line.rate / scaled:9.3f}"
        f"{line.longest_pause:17.2f}{line.cores:12.2f}",
        flush=True,
    )


class _Runs:
    """Runs of the command, each over a collection and a destination of its own."""

    def __init__(self, base: Path, address: str, seconds: float, partition: int) -> None:
        self._base, self._address = base, address
        self._seconds, self._partition = seconds, partition
        self._count = 0

    def measure(self, lanes: int, scans: int, *options: str, busy: float = 1.0) -> Measured:
        """One run to its end."""
        self._count += 1
        place = self._base / f"run-{self._count}"
        (place / "notes").mkdir(parents=True)
        _pictures(place / "scans", scans)
        command = [
            sys.executable, _HERE / "fixed_cost.py", f"{self._seconds}", f"{busy}",
            place / "notes", "restore", place / "scans", place / "out", *_OPTIONS, *options,
            "--partition-scans", f"{self._partition}", "--ray-address", self._address,
        ]  # fmt: skip
        environment = os.environ | {"PREFECT_HOME": str(self._base / "prefect")}
        samples: list[tuple[float, float]] = []
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                samples.append((time.monotonic(), _busy_seconds()))
                time.sleep(0.25)
        if process.returncode:
            sys.exit(f"albumen ended with {process.returncode}")
        return _measured(lanes, place / "notes", np.array(samples))


def _measured(lanes: int, notes: Path, samples: NDArray[np.float64]) -> Measured:
    pages = [np.loadtxt(path, ndmin=2) for path in notes.glob("*.pages")]
    if len(pages) != lanes:
        print(f"only {len(pages)} of {lanes} lanes had work", file=sys.stderr)
    pauses = [float((one[1:, 0] - one[:-1, 1]).max(initial=0)) for one in pages]
    first, last = min(one[0, 0] for one in pages), max(one[-1, 1] for one in pages)
    begun, ended = np.interp([first, last], *samples.T)
    span = float(last - first)
    return Measured(lanes, sum(map(len, pages)), span, max(pauses), float(ended - begun) / span)


def _busy_seconds() -> float:
    """Of all cores of the machine since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _pictures(folder: Path, count: int) -> None:
    """Small, so that two cores feed four lanes."""
    folder.mkdir()
    for number in range(count):
        grain = np.random.default_rng(number).integers(90, 110, (96, 128), np.uint8)
        Image.fromarray(grain).save(folder / f"{number:04}.jpg", quality=90)


@contextmanager
def _cluster(nodes: int) -> Iterator[str]:
    """A head that lends its CPUs to no lane, and nodes with a GPU that is only counted."""
    from ray.cluster_utils import Cluster

    # Short: the paths of sockets below it may have 107 bytes. Not `temp_dir`: Cluster writes its
    # address below the default folder whatever it is told, and that need not exist.
    folder = os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray-")
    given: dict[str, Any] = {"object_store_memory": _STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **given})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=4, num_gpus=1, **given)
        yield cluster.address
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
