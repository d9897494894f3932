"""A Prefect server of its own process, as an institution runs one, and what it knows."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_START_SECONDS = 120


@dataclass(frozen=True)
class PrefectServer:
    """Where its API is."""

    api_url: str

    def find(self, what: str, **body: Any) -> list[dict[str, Any]]:
        """All `flow_runs`, `task_runs`, `artifacts` or `logs` that a filter fits."""
        with httpx.Client(trust_env=False) as client:
            answer = client.post(f"{self.api_url}/{what}/filter", json=body, timeout=30)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(home: Path, port: int | None = None) -> Iterator[PrefectServer]:
    """Start a server with its database in `home`, on a port of its own where none is named; it
    ends with the block."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/api"
    log = home / "server.log"
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    prefect = Path(sys.executable).with_name("prefect")
    with log.open("w") as output:
        process = subprocess.Popen(
            [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=inherited | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(f"{url}/health", process, log)
        yield PrefectServer(url)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"Prefect's server did not start:\n{log.read_text()[-3000:]}")
