"""A run over hosts with networks of their own: one for the cluster, one for storage.

The driver's host is the head of a Ray cluster of two worker hosts, on which Albumen is not
installed; the S3 service is a host that only the storage network leads to.
"""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest
from bare_python import bare_python
from cli import COMMAND, Cli
from network_hosts import Host, hosts
from PIL import Image

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

_SECONDS = 400
_SCANS = 12
_WORKERS = ("worker1", "worker2")
_NETWORKS = {"cluster": ("driver", *_WORKERS), "storage": ("store", "driver", *_WORKERS)}


@dataclass(frozen=True)
class Seen:
    """What a run left, and the bytes that links carried (in and out) between the first
    derivative's being there and the end: `cluster` and `storage` by host."""

    code: int
    output: str
    cluster: Mapping[str, int]
    storage: Mapping[str, int]
    prefect_listens: list[str]
    source: Mapping[str, int]
    derivatives: Mapping[str, int]
    rows: pd.DataFrame
    run: Mapping[str, Any]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    base = tmp_path_factory.mktemp("hosts")
    with hosts(_NETWORKS) as all_hosts, ExitStack() as stack:
        driver, store = all_hosts["driver"], all_hosts["store"]
        variables = _variables(base, store)
        logs = {name: stack.enter_context((base / f"{name}.log").open("w+")) for name in all_hosts}

        def start(host: Host, *command: object) -> subprocess.Popen[str]:
            return stack.enter_context(_ending(host.start(command, variables, logs[host.name])))

        start(store, COMMAND.with_name("python"), "-m", "moto.server",
              "-H", store.addresses["storage"], "-p", 5000)  # fmt: skip
        node = bare_python(base / "node")
        _start_ray(all_hosts, node, start, logs)
        with store.entered():
            client = _client(store)
            _until(lambda: _makes_bucket(client), "the S3 service does not answer", logs["store"])
            source = _upload_scans(client)
        run = start(
            driver, COMMAND, "restore", "s3://museum/scans", "s3://museum/out",
            "--stages", "damage", "--damage-model", "classical", "--lanes", 2,
            "--ray-address", f"{driver.addresses['cluster']}:6379",
        )  # fmt: skip
        log = logs["driver"]
        with store.entered():
            _until(lambda: run.poll() is not None or _sizes(client, "out/restored/"), "none", log)
        before = _traffic(all_hosts)
        listening = [address for address, who in driver.listeners() if _is_prefect(who)]
        _until(lambda: run.poll() is not None, "the run does not end", log)
        after = _traffic(all_hosts)
        carried = {
            network: {name: bytes_ - before[network][name] for name, bytes_ in of_network.items()}
            for network, of_network in after.items()
        }
        with store.entered():
            yield Seen(
                run.returncode,
                Path(log.name).read_text(),
                carried["cluster"],
                carried["storage"],
                listening,
                source,
                _sizes(client, "out/restored/"),
                pd.read_parquet(io.BytesIO(_content(client, "out/manifest.parquet"))),
                json.loads(_content(client, next(iter(_sizes(client, "out/.albumen/runs/"))))),
            )


def test_every_scan_is_restored_once(seen: Seen) -> None:
    assert seen.code == 0, seen.output
    assert sorted(seen.rows.relative_path) == sorted(seen.source)
    assert set(seen.rows.status) == {"restored"}
    written = {
        output["path"].removeprefix("restored/"): output["bytes"]
        for outputs in seen.rows.outputs
        for output in outputs
        if output["kind"] == "restored"
    }
    assert written == {key.removeprefix("out/restored/"): n for key, n in seen.derivatives.items()}
    assert seen.run["planned"] == _SCANS


def test_workers_read_and_write_by_themselves(seen: Seen) -> None:
    for name in _WORKERS:
        assert seen.storage[name] > 0.2 * sum(seen.derivatives.values())


def test_nothing_but_references_crosses_the_driver(seen: Seen) -> None:
    by_workers = sum(seen.storage[name] for name in _WORKERS)
    assert seen.storage["driver"] < 0.2 * by_workers
    assert seen.cluster["driver"] < 0.2 * by_workers


def test_workers_need_no_route_to_prefect(seen: Seen) -> None:
    assert seen.prefect_listens, "Prefect's server was not seen on the driver's host"
    assert all(address.startswith("127.0.0.1:") for address in seen.prefect_listens)


def _variables(base: Path, store: Host) -> dict[str, str]:
    """The environment on every host: credentials, Ray's token, and no proxy."""
    own = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": _endpoint(store),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    inherited = Cli(base, own).variables()
    return {k: v for k, v in inherited.items() if not k.lower().endswith("_proxy")}


def _start_ray(all_hosts: Mapping[str, Host], node: Path, start: Any, logs: Any) -> None:
    """The head on the driver's host, then the workers."""
    ray = (node, "-m", "ray.scripts.scripts", "start", "--block", "--object-store-memory=200000000")
    head = all_hosts["driver"]
    address = head.addresses["cluster"]
    start(
        head, *ray, "--head", "--port=6379", f"--node-ip-address={address}", "--num-cpus=0",
        "--include-dashboard=false", f"--temp-dir={head.ray_folder}",
    )  # fmt: skip
    _await_ray(head, logs)
    for name in _WORKERS:
        host = all_hosts[name]
        start(
            host, *ray, f"--address={address}:6379", "--num-cpus=2",
            f"--node-ip-address={host.addresses['cluster']}",
        )  # fmt: skip
    for name in _WORKERS:
        _await_ray(all_hosts[name], logs)


def _await_ray(host: Host, logs: Any) -> None:
    log = Path(logs[host.name].name)
    runs = "Ray runtime started"
    _until(lambda: runs in log.read_text(), f"Ray does not start on {host.name}", logs[host.name])


def _until(true: Any, complaint: str, log: Any) -> None:
    deadline = time.monotonic() + _SECONDS
    while not true():
        assert time.monotonic() < deadline, f"{complaint}\n{Path(log.name).read_text()}"
        time.sleep(0.3)


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _endpoint(store: Host) -> str:
    return f"http://{store.addresses['storage']}:5000"


def _client(store: Host) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=_endpoint(store),
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        region_name="us-east-1",
        config=boto3.session.Config(proxies={}, retries={"max_attempts": 0}),
    )


def _makes_bucket(client: Any) -> bool:
    try:
        client.create_bucket(Bucket="museum")
    except Exception:  # not there yet
        return False
    return True


def _upload_scans(client: Any) -> dict[str, int]:
    """Large enough that pixels would show beside what a cluster says to itself."""
    sizes = {}
    for number in range(_SCANS):
        file = io.BytesIO()
        Image.fromarray(_scratched(number)).save(file, "PNG", compress_level=1)
        name = f"box {number % 3}/{number:02}.png"
        client.put_object(Bucket="museum", Key=f"scans/{name}", Body=file.getvalue())
        sizes[name] = len(file.getvalue())
    return sizes


def _scratched(number: int) -> Any:
    """Soft tones with grain, which no format makes small, and a scratch across."""
    y, x = np.mgrid[0:900, 0:1200]
    tones = 110 + 60 * np.sin(x / 129) * np.cos(y / 131)
    grain = np.random.default_rng(number).normal(0, 3, (*x.shape, 3))
    pixels = (tones[..., None] + grain).astype(np.uint8)
    for width in range(2):
        pixels[y[:, 0], 100 + 20 * number + width + y[:, 0] // 5] = 250
    return pixels


def _sizes(client: Any, prefix: str) -> dict[str, int]:
    found = client.list_objects_v2(Bucket="museum", Prefix=prefix).get("Contents", ())
    return {item["Key"]: item["Size"] for item in found}


def _content(client: Any, key: str) -> bytes:
    content: bytes = client.get_object(Bucket="museum", Key=key)["Body"].read()
    return content


def _traffic(all_hosts: Mapping[str, Host]) -> dict[str, dict[str, int]]:
    return {
        network: {name: sum(all_hosts[name].traffic(network)) for name in joined}
        for network, joined in _NETWORKS.items()
    }


def _is_prefect(processes: str) -> bool:
    ids = [part.split(",")[0] for part in processes.split("pid=")[1:]]
    commands = [Path("/proc", pid, "cmdline") for pid in ids]
    return any(b"prefect" in path.read_bytes() for path in commands if path.exists())
