"""A Ray cluster of several nodes on this machine, in a process of its own, whose nodes are killed
and added while a run uses it. GPUs are only counted.

Run as a program it keeps the cluster: a line on standard input adds a node, the end of standard
input ends them all. It prints a JSON object for the cluster, and one for each node.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

_STORE = 90 << 20
_SECONDS = 30.0
_START_SECONDS = 180.0


@dataclass
class Node:
    """A node of lanes, by its raylet."""

    raylet: int

    def holds(self, process: int) -> bool:
        """Whether a process belongs to it."""
        with suppress(psutil.NoSuchProcess):
            return self.raylet in {parent.pid for parent in psutil.Process(process).parents()}
        return False

    def kill(self) -> None:
        """What pulling the plug does: all of its processes are gone at once."""
        raylet = psutil.Process(self.raylet)
        family = [raylet, *raylet.children(recursive=True)]
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=_SECONDS)


@dataclass
class RayNodes:
    """A cluster whose head lends nothing to lanes, and nodes with a GPU each."""

    process: subprocess.Popen[str]
    address: str
    token: str
    nodes: list[Node] = field(default_factory=list)

    def add(self) -> Node:
        """A further node of two CPUs and a GPU."""
        assert self.process.stdin is not None
        self.process.stdin.write("add\n")
        self.process.stdin.flush()
        node = Node(_answer(self.process)["raylet"])
        self.nodes.append(node)
        return node


@contextmanager
def running(count: int, environment: Mapping[str, str]) -> Iterator[RayNodes]:
    """A cluster with so many nodes of lanes; its processes get this environment as well."""
    token = secrets.token_hex(32)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "PYTHON"))}
    settings = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    process = subprocess.Popen(
        [sys.executable, __file__],
        cwd="/",
        env=inherited | settings | dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        cluster = RayNodes(process, _answer(process)["address"], token)
        for _ in range(count):
            cluster.add()
        yield cluster
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_SECONDS)
        process.kill()
        for left in family:
            with suppress(psutil.Error):
                left.kill()


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the cluster of the test did not start: Ray's logs lie in its folder"
    answer: dict[str, Any] = json.loads(line)
    return answer


def _keep(answer: Any) -> None:
    from ray.cluster_utils import Cluster  # late: Ray reads the environment when it is imported

    # Short: the paths of sockets below it may have 107 bytes. Not `temp_dir`: Cluster writes its
    # address below the default folder whatever it is told, and that need not exist.
    folder = os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray-")
    given: dict[str, Any] = {"object_store_memory": _STORE}
    head = {"num_cpus": 0, "include_dashboard": False, **given}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        print(json.dumps({"address": cluster.address}), file=answer, flush=True)
        for _ in sys.stdin:
            node = cluster.add_node(wait=False, num_cpus=2, num_gpus=1, **given)
            cluster._wait_for_node(node, timeout=_START_SECONDS)
            (raylet,) = node.all_processes["raylet"]
            print(json.dumps({"raylet": raylet.process.pid}), file=answer, flush=True)
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _keep(told)
