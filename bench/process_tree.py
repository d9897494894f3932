"""Run a command and account for its whole process tree: CPU seconds and private memory."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field

import psutil


@dataclass
class Tree:
    """What a command and all its descendants used."""

    wall: float = 0.0
    cpu: float = 0.0
    exit_code: int = 0
    peak_uss: dict[str, int] = field(default_factory=dict)
    peak_shared: int = 0
    output: str = ""


def measure(command: list[str], *, uss: bool = False, every: float = 0.25) -> Tree:
    """Run `command` to its end, sampling its descendants `every` seconds.

    CPU seconds are each process's last sample, so what a process does in its last instants
    is missed: at most `every` seconds a process. `peak_uss` holds bytes by process name,
    `peak_shared` the bytes of shared memory (Ray's object store) that the machine came to
    hold beyond what it held before.
    """
    tree, spent = Tree(), {}
    shared_before = psutil.virtual_memory().shared
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    root = psutil.Process(process.pid)
    while process.poll() is None:
        for one in [root, *_descendants(root)]:
            try:
                times = one.cpu_times()
                spent[one.pid, one.create_time()] = times.user + times.system
                if uss:
                    name = _label(one)
                    private = one.memory_full_info().uss
                    tree.peak_uss[name] = max(private, tree.peak_uss.get(name, 0))
            except psutil.Error:
                continue
        tree.peak_shared = max(tree.peak_shared, psutil.virtual_memory().shared - shared_before)
        time.sleep(every)
    tree.wall = time.perf_counter() - start
    tree.cpu = sum(spent.values())
    tree.exit_code = process.returncode
    tree.output = process.stdout.read() if process.stdout else ""
    return tree


def _descendants(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.Error:
        return []


def _label(process: psutil.Process) -> str:
    """A process's title: Ray's workers name the task or actor they run."""
    words = process.cmdline()
    return words[0].split("/")[-1] if words else process.name()
