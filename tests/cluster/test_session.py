"""What the workers of a cluster of our own are started with."""

from __future__ import annotations

import os

import pytest
import ray

from cluster.session import METRICS_PORT_VARIABLE, metrics_port
from tasks.errors import ClusterError


@pytest.mark.usefixtures("ray_cluster")
def test_threads_of_the_workers_do_not_spin_while_they_wait() -> None:
    policy = ray.remote(lambda: os.environ.get("OMP_WAIT_POLICY"))
    assert ray.get(policy.remote()) == "PASSIVE"


def test_the_port_for_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, port in (("", None), ("8080", 8080)):
        monkeypatch.setenv(METRICS_PORT_VARIABLE, given)
        assert metrics_port() == port
    for nonsense in ("no", "0", "65536", "-1"):
        monkeypatch.setenv(METRICS_PORT_VARIABLE, nonsense)
        with pytest.raises(ClusterError, match="is no port"):
            metrics_port()
