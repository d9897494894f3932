"""Which process holds a lease, and whether it lives, as far as this machine can tell."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

_START_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Holder:
    """A process: `machine` tells boots and containers apart, in which numbers mean others."""

    host: str
    machine: str
    pid: int
    started: float

    @staticmethod
    def this_process() -> Holder:
        """The process that asks."""
        pid = os.getpid()
        return Holder(socket.gethostname(), _machine(), pid, psutil.Process(pid).create_time())

    def is_alive(self) -> bool | None:
        """Whether the process lives; None where it ran on another machine or in another
        container, or this one was started anew since: then only its heartbeat tells."""
        if (self.host, self.machine) != (socket.gethostname(), _machine()):
            return None
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return abs(process.create_time() - self.started) < _START_TOLERANCE_SECONDS
        except psutil.NoSuchProcess:
            return False

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _machine() -> str:
    """Boot and process namespace, `/` between them; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "/"
    return f"{boot}/{namespace}"
