"""Start or join a Ray cluster, with token authentication and without telemetry."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ray

import cluster as cluster_package
import models
import tasks
from cluster import own_cluster
from tasks.errors import ClusterError

_LOG = logging.getLogger(__name__)

METRICS_PORT_VARIABLE = "ALBUMEN_METRICS_PORT"

WORKER_ENVIRONMENT = {
    # A lane's processes share its CPUs, and torch's threads would spin while they wait for one
    # another: the sample collection took 42 s on two cores with spinning, 30 s without.
    "OMP_WAIT_POLICY": "PASSIVE",
    # What a network holds for a moment comes in pages of 2 MB, and up to 256 MB that were freed are
    # kept for what is next: 200,000 page faults a scan of 3 megapixels were a tenth of the damage
    # stage's time. Thresholds above 32 MB are refused by older versions of the C library.
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": f"{32 << 20}",
    "MALLOC_TRIM_THRESHOLD_": f"{256 << 20}",
}
"""For the workers, unless the user has set it otherwise."""


def _for_the_nodes() -> dict[str, object]:
    """The packages themselves, for a node that was given no wheel of ours runs the driver's code;
    and the environment of the workers."""
    return {
        "env_vars": {key: os.environ.get(key, usual) for key, usual in WORKER_ENVIRONMENT.items()},
        "py_modules": [
            str(Path(package.__path__[0]).resolve()) for package in (cluster_package, models, tasks)
        ],
    }


@contextmanager
def session(address: str | None = None, *, object_store_bytes: int | None = None) -> Iterator[None]:
    """A connection to Ray for the length of a `with` block.

    `address` joins a running cluster; None starts one on this machine, which ends with the
    block or with this process, however it ends. `object_store_bytes` sizes a local cluster's
    shared memory (Ray's own default otherwise: 30 % of the memory).

    Raises ClusterError when Ray cannot be started or the address does not answer.
    """
    port = metrics_port()
    if address is None and os.environ["RAY_AUTH_MODE"] == "token":
        # A cluster of our own: its token lives and dies with this process.
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    sigterm = signal.getsignal(signal.SIGTERM)
    before = own_cluster.agents()
    try:
        if address is None:
            own_cluster.set_environment(WORKER_ENVIRONMENT)
            _start(object_store_bytes, port)
        else:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=_for_the_nodes(),
            )
    except Exception as error:  # Ray raises ValueError, ConnectionError, RuntimeError, ...
        where = f"join the Ray cluster at {address}" if address else "start Ray on this machine"
        raise ClusterError(
            f"cannot {where}: {first_line(error)}. Check the address, that the cluster runs "
            f"Ray {ray.__version__}, and RAY_AUTH_TOKEN where it asks for a token."
        ) from error
    _handle_sigterm(sigterm)
    started = own_cluster.agents() - before
    with own_cluster.ended_with_us(started) if address is None else nullcontext():
        try:
            yield
        finally:
            ray.shutdown()


def _start(object_store_bytes: int | None, port: int | None) -> None:
    """Start Ray on this machine, with a second try.

    Ray gives a new node 30 s to report, which cannot be set; a machine with much else to do
    needs more at times.
    """
    before = own_cluster.children()
    for tries_left in (1, 0):
        try:
            ray.init(
                address="local",  # without it Ray joins whatever it finds on this machine
                num_cpus=own_cluster.cpus(),
                object_store_memory=object_store_bytes,
                include_dashboard=False,
                _metrics_export_port=port,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:
            own_cluster.end(own_cluster.children() - before)
            if not tries_left or isinstance(error, ValueError):  # it would refuse again
                raise
            _LOG.warning("Ray did not start: %s. It is tried once more", first_line(error))
        else:
            return


def metrics_port() -> int | None:
    """Where a cluster of our own answers Prometheus; None leaves the choice to Ray.

    Raises ClusterError for what is no port.
    """
    given = os.environ.get(METRICS_PORT_VARIABLE, "").strip()
    if given and not (given.isdecimal() and 0 < int(given) < 65536):
        raise ClusterError(f"{METRICS_PORT_VARIABLE}={given} is no port: give 1 to 65535.")
    return int(given) if given else None


def _handle_sigterm(handler: Any) -> None:
    """Give SIGTERM back to whoever had it: Ray takes it, and then it aborts the process."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def first_line(error: BaseException) -> str:
    """What an error of Ray says at first; the rest of it is pages long."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
