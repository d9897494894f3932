"""Ray's own autoscaler, with nodes that are processes of this machine: lanes make it add and end
them. Run as a program, since a process knows one Ray cluster; prints what it saw as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_FAKE_CLUSTER": "1",
}
_LISTS = (
    "initialization_commands setup_commands head_setup_commands worker_setup_commands "
    "head_start_ray_commands worker_start_ray_commands cluster_synced_files rsync_exclude "
    "rsync_filter"
)
_STORE = 80 << 20
_HEAD = "ray.head.default"  # the provider's name for it: under another, it would start a second


def configuration(address: str) -> dict[str, Any]:
    """Up to two nodes with a GPU each, ended when idle for three seconds."""
    return {
        "cluster_name": "growing",
        "max_workers": 2,
        "provider": {
            "type": "fake_multinode",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "gcs_address": address,
        },
        "head_node_type": _HEAD,
        "available_node_types": {
            _HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "gpu": {
                "resources": {"CPU": 2, "GPU": 1, "object_store_memory": _STORE},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 2,
            },
        },
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 0.05,
        **{name: [] for name in _LISTS.split()},
    }


def start(folder: Path, address: str) -> subprocess.Popen[bytes]:
    """The head, with its autoscaler."""
    (folder / "cluster.json").write_text(json.dumps(configuration(address)))
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
        f"--autoscaling-config={folder / 'cluster.json'}", "--node-ip-address=127.0.0.1",
        f"--port={address.rpartition(':')[2]}", "--num-cpus=0", f"--object-store-memory={_STORE}",
        "--include-dashboard=false", f"--temp-dir={folder}",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        head = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    while "Ray runtime started" not in (text := (folder / "log").read_text()):
        assert head.poll() is None and time.monotonic() < deadline, text
        time.sleep(0.2)
    return head


def watch(address: str) -> dict[str, Any]:
    """What lanes make of it. Imports late: Ray reads the environment when it is imported."""
    import ray
    from fake_stages import Corner
    from unlike_nodes import until

    from cluster import driver
    from cluster.placement import LaneWishes, alive

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    driver.session = lambda *_, **__: nullcontext()  # type: ignore[assignment]
    driver.builders = lambda stages, *_, **__: dict.fromkeys(stages, Corner)  # type: ignore[assignment]
    seen: dict[str, Any] = {"nodes": [len(alive())]}
    wishes = LaneWishes(lanes=2, gpus_per_lane=1, wait_seconds=180)
    with driver.assemble(["damage", "color"], {}, address=address, wishes=wishes) as crew:
        until(lambda: len(crew.lanes) == 2, 180)
        seen["lanes"] = len(crew.lanes)
        seen["nodes"].append(len(alive()))
        crew.keep(1)
        until(lambda: len(alive()) == 2, 90)
        seen["nodes"].append(len(alive()))
    until(lambda: len(alive()) == 1, 90)
    seen["nodes"].append(len(alive()))
    ray.shutdown()
    return seen


def end(head: subprocess.Popen[bytes], folder: Path) -> None:
    """End the head, and what is left of its nodes: whatever names its folder."""
    head.terminate()
    with suppress(subprocess.TimeoutExpired):
        head.wait(30)
    head.kill()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder) in (process / "cmdline").read_text(errors="replace"):
                os.kill(int(process.name), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    os.environ.update(_ENVIRONMENT)
    # Short: the paths of sockets below it may have 107 bytes.
    place = Path(tempfile.mkdtemp(prefix="ray-"))
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    started = start(place, sys.argv[1])
    try:
        json.dump(watch(sys.argv[1]), answer)
    finally:
        end(started, place)
