"""What the workers of a cluster of our own are started with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.session import METRICS_PORT_VARIABLE, WORKER_ENVIRONMENT, metrics_port, session
from tasks.errors import ClusterError

_TIMED_OUT = "The current node timed out during startup."


@pytest.mark.usefixtures("ray_cluster")
def test_the_workers_get_their_environment() -> None:
    seen = ray.get(ray.remote(lambda: dict(os.environ)).remote())
    assert {name: seen.get(name) for name in WORKER_ENVIRONMENT} == WORKER_ENVIRONMENT


@pytest.mark.usefixtures("ray_cluster")
def test_a_worker_that_has_nothing_to_do_is_kept_where_lanes_leave_no_cpu_free() -> None:
    cpus = ray.cluster_resources()["CPU"]
    lane = placement_group([{"CPU": cpus}])
    try:
        ray.get(lane.ready(), timeout=60)
        place = PlacementGroupSchedulingStrategy(lane)
        step = ray.remote(num_cpus=cpus / 2)(lambda: os.getpid())
        worker = ray.get(step.options(scheduling_strategy=place).remote(), timeout=60)
        time.sleep(2.5)  # Ray ends one that is too many after a second
        assert psutil.pid_exists(worker)
    finally:
        remove_placement_group(lane)


_RAY_UNTIL_KILLED = """
import time
from cluster.session import session
with session(object_store_bytes=100_000_000):
    print("started", flush=True)
    time.sleep(600)
"""


def test_no_process_of_ray_outlives_its_driver_that_is_killed() -> None:
    driver = subprocess.Popen([sys.executable, "-c", _RAY_UNTIL_KILLED], stdout=subprocess.PIPE)
    assert driver.stdout is not None and driver.stdout.readline() == b"started\n"
    started = psutil.Process(driver.pid).children(recursive=True)
    assert any("Agent" in " ".join(process.cmdline()) for process in started)
    driver.kill()
    driver.communicate()
    _, left = psutil.wait_procs(started, timeout=20)
    assert left == []


class StartsLate:
    """Stands for Ray's start: fails with the errors given, each time leaving a process behind."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.left: list[subprocess.Popen[bytes]] = []

    def __call__(self, **_: Any) -> None:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        self.left.append(subprocess.Popen(command))
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the cluster that runs meanwhile is put back."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "none")
    monkeypatch.setattr(ray, "shutdown", lambda: None)


@pytest.mark.usefixtures("token")
def test_ray_that_did_not_start_in_time_is_started_once_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ray, "init", start := StartsLate(Exception(_TIMED_OUT)))
    with session():
        first, second = start.left
        assert not psutil.pid_exists(first.pid), "what the first start left was ended"
        assert second.poll() is None
    second.kill()
    second.wait()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Ray did not start: The current node timed out" in caplog.text


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("error", "starts"),
    [(Exception(_TIMED_OUT), 2), (ValueError("Attempting to cap object store memory"), 1)],
)
def test_ray_that_does_not_start_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, starts: int
) -> None:
    monkeypatch.setattr(ray, "init", start := StartsLate(error, error))
    with pytest.raises(ClusterError, match="cannot start Ray on this machine"), session():
        pass
    assert len(start.left) == starts
    assert not any(psutil.pid_exists(process.pid) for process in start.left)


def test_the_port_for_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, port in (("", None), ("8080", 8080)):
        monkeypatch.setenv(METRICS_PORT_VARIABLE, given)
        assert metrics_port() == port
    for nonsense in ("no", "0", "65536", "-1"):
        monkeypatch.setenv(METRICS_PORT_VARIABLE, nonsense)
        with pytest.raises(ClusterError, match="is no port"):
            metrics_port()
