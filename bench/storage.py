"""Reading and writing S3: Albumen's storage, `s3fs` used plainly, and the service's own limit.

    python bench/storage.py [--small 400] [--large 6] [--workers 4] [--repeat 3]

Small objects are 1 MB (JPEGs), large ones 150 MB (TIFFs). Each is put from a file and fetched
to a file, as the writing and reading of a scan do, by as many threads as `--workers`. The
service runs in another process on the same cores (`object_server.py`, objects in the shared
memory of /dev/shm where there is one). `s3fs` is its `put_file` and `get_file`; the limit is
bare HTTP (`http.client`) with as many connections, without signature, checksum or etag, bodies
sent as they are. Each is measured in turn, `--repeat` times, and the best is taken.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fsspec

from tasks.inventory import take_inventory
from tasks.records import Scan
from tasks.storage import Location, local_copy, put_file

_SMALL, _LARGE = 1_000_000, 150_000_000
_OPTIONS = {"key": "none", "secret": "none", "region": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Way:
    """A client: puts a file under a name, fetches a name to a file."""

    name: str
    put: Callable[[str, Path], None]
    get: Callable[[str, Path], None]


def albumen(endpoint: str, bucket: str) -> Way:
    """The storage of the product."""
    location = Location.parse(f"s3://{bucket}", _OPTIONS | {"endpoint_url": endpoint})
    scans: dict[str, Scan] = {}

    def put(name: str, file: Path) -> None:
        put_file(location, name, file, "restored", "")

    def get(name: str, _copy: Path) -> None:
        if not scans:  # as the inventory hands them to a lane
            scans.update((scan.relative_path, scan) for scan in take_inventory(location).scans())
        with local_copy(location, scans[name]):
            pass

    return Way("albumen", put, get)


def plain_s3fs(endpoint: str, bucket: str) -> Way:
    """`s3fs` with the options of its documentation."""
    files = fsspec.filesystem(
        "s3",
        key="none",
        secret="none",
        endpoint_url=endpoint,
        use_listings_cache=False,
        client_kwargs={"region_name": "us-east-1"},
    )
    return Way(
        "s3fs",
        lambda name, file: files.put_file(str(file), f"{bucket}/{name}"),
        lambda name, copy: files.get_file(f"{bucket}/{name}", str(copy)),
    )


def bare_http(endpoint: str, bucket: str) -> Way:
    """What the service itself can do."""
    host = endpoint.removeprefix("http://")

    def put(name: str, file: Path) -> None:
        connection = http.client.HTTPConnection(host)
        with file.open("rb") as body:
            connection.request(
                "PUT", f"/{bucket}/{name}", body, {"Content-Length": str(file.stat().st_size)}
            )
        connection.getresponse().read()
        connection.close()

    def get(name: str, copy: Path) -> None:
        connection = http.client.HTTPConnection(host)
        connection.request("GET", f"/{bucket}/{name}")
        answer = connection.getresponse()
        with copy.open("wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
        connection.close()

    return Way("limit", put, get)


def seconds(do: Callable[[str, Path], None], names: list[str], at: Path, workers: int) -> float:
    """Wall time of `do` for all names, each worker with a file of its own where it needs one."""
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda name: do(name, at if at.is_file() else at / name), names):
            pass
    return time.perf_counter() - began


def measure(way: Way, size: int, count: int, folder: Path, workers: int) -> tuple[float, float]:
    """Seconds to write and to read so many objects."""
    file = folder / f"content {size}.jpg"
    if not file.exists():
        file.write_bytes(os.urandom(size))
    copies = folder / "copies"
    copies.mkdir(exist_ok=True)
    names = [f"{n:05d}.jpg" for n in range(count)]
    way.put("00000.jpg", file)  # connections and credentials are there
    written = seconds(way.put, names, file, workers)
    way.get(names[0], copies / "first")
    read = seconds(way.get, names, copies, workers)
    for copy in copies.iterdir():
        if copy.stat().st_size != size:
            raise SystemExit(f"{way.name}: {copy} is not whole")
        copy.unlink()
    return written, read


def served(make: Callable[[str, str], Way], size: int, count: int, workers: int) -> list[float]:
    """Seconds to write and to read with a service of its own, whose objects go with it."""
    shared = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder,
        tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as objects,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("object_server.py")), objects],
            stdout=subprocess.PIPE,
        ) as server,
    ):
        assert server.stdout is not None
        try:
            endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
            way = make(endpoint, "bench")
            return list(measure(way, size, count, Path(folder), workers))
        finally:
            server.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", type=int, default=400)
    parser.add_argument("--large", type=int, default=6)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    ways = (bare_http, plain_s3fs, albumen)
    print(
        f"{options.workers} workers{'':29}{'MB/s':>8}{'objects/s':>11}{'/ s3fs':>8}{'/ limit':>9}"
    )
    for what, size, count in (
        ("1 MB", _SMALL, options.small),
        ("150 MB", _LARGE, options.large),
    ):
        best: dict[str, list[float]] = {}
        for _ in range(options.repeat):
            for make in ways:
                found = served(make, size, count, options.workers)
                before = best.get(make.__name__, found)
                best[make.__name__] = [min(a, b) for a, b in zip(found, before, strict=True)]
        for step, verb in enumerate(("write", "read")):
            for make in ways:
                took = best[make.__name__][step]
                by_s3fs = best["plain_s3fs"][step] / took
                by_limit = best["bare_http"][step] / took
                name = f"{verb} {count} of {what}, {make.__name__.replace('_', ' ')}"
                rates = f"{size * count / took / 1e6:8.0f}{count / took:11.1f}"
                print(f"{name:38}{rates}{by_s3fs:8.2f}{by_limit:9.2f}", flush=True)


if __name__ == "__main__":
    main()
