"""A Ray cluster of our own, on this machine and for one run: what is set, and what is cleared away.

Ray takes each name of its `ray_config_def.h` as a variable RAY_<name>, and its Python processes
have a few of their own. Those here are for a cluster that nobody else looks at: of a cluster that
a run joins, its operator decides. What the user has set stays.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

LEAST_CPUS = 2
"""A lane needs 1.9 CPUs; on a single core they are logical and share it."""

_PATIENCE_SECONDS = 120
_END_SECONDS = 5.0

_SETTINGS = {
    # How long the parts of a node wait for one another while it starts, 30 s otherwise: on a
    # machine that is busy with other things that is too short.
    "RAY_gcs_server_port_wait_time_s": f"{_PATIENCE_SECONDS}",
    "RAY_raylet_start_wait_time_s": f"{_PATIENCE_SECONDS}",
    "RAY_agent_register_timeout_ms": f"{_PATIENCE_SECONDS}000",
    # The history of single tasks is for the dashboard, and there is none; the times of each kind
    # of event in Ray's own loops are for those who develop it.
    "RAY_task_events_report_interval_ms": "0",
    "RAY_event_stats": "0",
    # Processes and disks are measured as often as Ray's other metrics are passed on, not every
    # 2.5 s; and the event loops of all processes are probed as often as that is reported.
    "REPORTER_UPDATE_INTERVAL_MS": "10000",
    "RAY_io_context_monitor_probe_interval_ms": "10000",
    # Nobody is sent the workers' output (`log_to_driver=False`), so that new files of it need not
    # be looked for ten times a second. They are written all the same.
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",
    "LOG_NAME_UPDATE_INTERVAL_S": "3600",
}


def cpus() -> int:
    """How many CPUs the cluster has."""
    return max(LEAST_CPUS, os.cpu_count() or 1)


def set_environment(of_workers: Mapping[str, str]) -> None:
    """For Ray's processes, which are children of this one, and for those that they start."""
    for name, usual in {**_SETTINGS, **of_workers}.items():
        os.environ.setdefault(name, usual)
    # Idle workers beyond the CPUs that are *free* end after a second, and lanes leave none free:
    # without this, nearly every scan would be looked at by a new process, which has to import
    # everything and to load the detector first.
    os.environ.setdefault("RAY_num_workers_soft_limit", f"{cpus()}")


def children() -> set[psutil.Process]:
    """What this process started itself and has not ended: of Ray, all but agents and workers."""
    return set(psutil.Process().children())


def agents() -> set[psutil.Process]:
    """The agents of the nodes that this process started."""
    return {process for process in psutil.Process().children(recursive=True) if _is_agent(process)}


def _is_agent(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # ended meanwhile
        return " ".join(process.cmdline()).rstrip().endswith("Agent")
    return False


@contextmanager
def ended_with_us(doomed: set[psutil.Process]) -> Iterator[None]:
    """None of these agents outlives the block, nor this process where it is killed inside.

    An agent whose raylet is gone tries to tell Ray's head, and where that is gone too (the driver
    was killed, and took both along) only after 60 s does it give up, which cannot be set. Until
    then it would hold the port of the metrics, and the next run could not start. The shell below
    waits for the end of this process, without ever waking up before.
    """
    kill = f"read ended || kill -9 {' '.join(str(agent.pid) for agent in doomed)}"
    with subprocess.Popen(
        ["sh", "-c", kill],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it stays where Ctrl-C ends the others
    ) as shell:
        try:
            yield
        finally:
            end(doomed)
            shell.communicate(b"ended\n")


def end(processes: set[psutil.Process]) -> None:
    """End what Ray has left, with all that it started in turn: after a start that failed Ray itself
    forgets it, and it would hold memory and ports for as long as this process lives."""
    doomed = set(processes)
    for process in processes:
        with suppress(psutil.Error):  # ended meanwhile
            doomed.update(process.children(recursive=True))
    for process in doomed:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(doomed, timeout=_END_SECONDS)
