"""What the workers of a cluster of our own are started with."""

from __future__ import annotations

import os

import pytest
import ray


@pytest.mark.usefixtures("ray_cluster")
def test_threads_of_the_workers_do_not_spin_while_they_wait() -> None:
    policy = ray.remote(lambda: os.environ.get("OMP_WAIT_POLICY"))
    assert ray.get(policy.remote()) == "PASSIVE"
