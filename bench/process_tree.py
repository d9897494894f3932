"""Run a command and account for its whole process tree: CPU seconds and private memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil


@dataclass
class Tree:
    """What a command and all its descendants used; `cpu_by_process` says which of them."""

    wall: float = 0.0
    cpu: float = 0.0
    exit_code: int = 0
    cpu_by_process: dict[str, float] = field(default_factory=dict)
    peak_uss: dict[str, int] = field(default_factory=dict)
    peak_shared: int = 0
    output: str = ""


def measure(
    command: list[str],
    *,
    uss: bool = False,
    every: float = 0.25,
    environment: Mapping[str, str] | None = None,
) -> Tree:
    """Run `command` to its end, with further variables, sampling its descendants `every` seconds.

    CPU seconds are each process's last sample, so what a process does in its last instants
    is missed: at most `every` seconds a process. They are counted under the name that it bore
    when they were seen: Ray's workers are named after the task or actor they run.
    `peak_uss` holds bytes by process name, `peak_shared` the bytes of shared memory (Ray's
    object store) that the machine came to hold beyond what it held before.
    """
    tree = Tree()
    spent: dict[tuple[int, float], float] = {}
    shared_before = psutil.virtual_memory().shared
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    root = psutil.Process(process.pid)
    while process.poll() is None:
        for one in [root, *_descendants(root)]:
            try:
                with one.oneshot():
                    times, name = one.cpu_times(), _label(one, root)
                    key, seconds = (one.pid, one.create_time()), times.user + times.system
                    tree.cpu_by_process.setdefault(name, 0.0)
                    tree.cpu_by_process[name] += seconds - spent.get(key, 0.0)
                    spent[key] = seconds
                if uss:
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


def _label(process: psutil.Process, root: psutil.Process) -> str:
    """A process's title: Ray's workers name the task or actor they run."""
    if process.pid == root.pid:
        return "driver"
    words = process.cmdline()
    if not words:
        return process.name()
    if words[0].startswith("ray::"):  # a method of an actor is the actor's
        return words[0].split(".")[0]
    # An interpreter is known by the script or module it runs.
    named = next((word for word in words[1:] if not word.startswith("-")), words[0])
    word = named if re.match(r"python[\d.]*$", words[0].rsplit("/", 1)[-1]) else words[0]
    return word.rsplit("/", 1)[-1]
