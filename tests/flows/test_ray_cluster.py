"""Joining a Ray cluster whose nodes know nothing of Albumen: the code comes from the driver."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import prefect_server
import pytest
from bare_python import bare_python
from cli import SECONDS, Cli
from small_collection import save

from tasks.version import SOFTWARE


@dataclass(frozen=True)
class Cluster:
    """A cluster of one node, started as an institution does."""

    address: str
    token: str


@pytest.fixture(scope="module")
def node_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("node") / "venv")


@pytest.fixture(scope="module")
def cluster(node_python: Path) -> Iterator[Cluster]:
    address, token = f"127.0.0.1:{prefect_server.free_port()}", secrets.token_hex(32)
    # Short: the paths of sockets below it may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "PYTHON"))}
    settings = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = [
        node_python, "-m", "ray.scripts.scripts", "start", "--head", "--block",
        "--node-ip-address=127.0.0.1", f"--port={address.rpartition(':')[2]}",
        "--num-cpus=2", "--object-store-memory=200000000", "--include-dashboard=false",
        f"--temp-dir={folder}", "--min-worker-port=0", "--max-worker-port=0",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        head = subprocess.Popen(command, cwd="/", env=inherited | settings, stdout=log, stderr=log)
    try:
        _await(head, folder / "log")
        yield Cluster(address, token)
    finally:
        head.terminate()
        try:
            head.wait(30)
        finally:
            head.kill()
            shutil.rmtree(folder, ignore_errors=True)


def _await(head: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the head has said that it runs: its port answers a little earlier."""
    deadline = time.monotonic() + SECONDS
    while "Ray runtime started" not in log.read_text():
        assert head.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_nodes_run_the_drivers_code(cli: Cli, cluster: Cluster, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"scans/{number}.png", number)
    joined = cli.with_environment(RAY_AUTH_TOKEN=cluster.token)
    places = (tmp_path / "scans", tmp_path / "out")
    joined.run("restore", *places, "--ray-address", cluster.address, code=0)
    rows = pd.read_parquet(str(tmp_path / "out/manifest.parquet"))
    assert list(rows.status) == ["restored"] * 3
    assert set(rows.software) == {SOFTWARE}


def test_a_token_that_is_wrong(cli: Cli, cluster: Cluster, tmp_path: Path) -> None:
    save(tmp_path / "scans/a.png")
    few = {"RAY_NUM_REDIS_GET_RETRIES": "2"}  # Ray would try for twenty seconds
    stranger = cli.with_environment(RAY_AUTH_TOKEN=secrets.token_hex(32), **few)
    places = (tmp_path / "scans", tmp_path / "out")
    finished = stranger.run("restore", *places, "--ray-address", cluster.address)
    assert finished.code == 4, finished
    last = finished.err.splitlines()[-1]
    assert last.startswith("albumen: cannot join the Ray cluster")
    assert "RAY_AUTH_TOKEN" in last
