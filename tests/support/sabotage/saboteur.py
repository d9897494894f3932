"""Wraps functions of `tasks`: every call is logged, and the rules of the control folder strike.

The control folder holds `rules.json`, a list of objects with

- `point`: the function, such as `tasks.images.read_page`
- `match`: a text that the call's log entry must contain (default: any call)
- `over`: a number that the call's log entry must exceed (default: any call)
- `when`: `before` or `after` the function (default before)
- `skip`: calls to let pass first, counted over all processes (default none)
- `do`: `pause` until killed, `hold` until the file `released` is there, `segfault`, `kill` (as
  the kernel does when memory runs out), `hang`, `dawdle` (for a minute, then go on), `gorge`
  (allocate more than the process may have), `devour` (fill the machine's memory until killed for
  it), `no space` (ENOSPC) or `cuda out of memory` (as torch says it)
- `once`: strike a single time, over all processes (default false)

Every call adds a line to `log`: time, process id, point, and what it was called with. A pause
or a hold creates `paused-<number of the rule>`, which tells the process;
a hold also one with its id added.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_Describe = Callable[..., Any]


def _second(_first: Any, second: Any, *_: Any, **__: Any) -> str:
    return str(second)


def _second_if_path(_first: Any, second: Any) -> str:
    return str(second) if isinstance(second, Path) else f"{len(second)} bytes"


def _paths_of_rows(_destination: Any, _run: Any, _partition: Any, _part: Any, rows: Any) -> Any:
    return [row["relative_path"] for row in rows]


def _pages(_stage: Any, batch: Any) -> int:
    return len(batch)


DEVOURED = 5 << 30
"""What `devour` takes at most: where nobody ends it before, the machine shall live."""

RETURNED: dict[str, dict[str, _Describe]] = {
    "models.tiling": {"on_device": lambda x, *_: x.shape[-2] * x.shape[-1]},
}
"""Functions whose answer is a function, and what is struck: its calls. `on_device` makes what runs
a network, of which the pixels of its input are logged."""


POINTS: dict[str, dict[str, _Describe]] = {
    "tasks.images": {
        "read_page": lambda path, *_: str(path),
        "probe": lambda _file, path, *_: str(path),
    },
    "models.look": {"look": lambda pixels, **_: list(pixels.shape)},
    "models.classical": {"ClassicalRestorer.__call__": _pages},
    "models.faces.restorer": {"FaceRestorer.__call__": _pages},
    "models.color.restorer": {"ColorRestorer.__call__": _pages},
    "cluster.derivatives": {"write_all": lambda job, *_: job.scan.relative_path},
    "tasks.storage": {"put_file": _second, "put_bytes": _second, "write_file": _second},
    "tasks.storage_local": {"_fill": _second_if_path},
    "tasks.ledger": {"write_part": _paths_of_rows, "start_run": lambda *_: "", "end_run": _second},
    "tasks.inventory": {"take_inventory": lambda *_, **__: ""},
    "tasks.lease": {"Lease.acquire": lambda *_, **__: ""},
    "tasks.done": {"read_done": lambda *_: ""},
    "tasks.current": {"rewrite_manifest": lambda *_: ""},
    "tasks.report": {"write_report": lambda *_, **__: ""},
}


def install(control: Path) -> None:
    """Wrap the points of every module in `POINTS` as it is imported."""
    sys.meta_path.insert(0, _Finder(Saboteur(control)))


class Saboteur:
    """What happens at a point, by the rules of a control folder."""

    def __init__(self, control: Path) -> None:
        self._control = control

    def wrap(self, point: str, function: Callable[..., Any], describe: _Describe) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            text = json.dumps(describe(*args, **kwargs), ensure_ascii=True)
            self._strike(point, "before", text)
            result = function(*args, **kwargs)
            self._log(point, text)
            self._strike(point, "after", text)
            return result

        return wrapped

    def _log(self, point: str, text: str) -> None:
        line = f"{time.time():.3f}\t{os.getpid()}\t{point}\t{text}\n"
        descriptor = os.open(self._control / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    def _strike(self, point: str, when: str, text: str) -> None:
        rules = json.loads((self._control / "rules.json").read_text())
        for number, rule in enumerate(rules):
            if (rule["point"], rule.get("when", "before")) != (point, when):
                continue
            if rule.get("match", "") not in text:
                continue
            if "over" in rule and float(text) <= rule["over"]:
                continue
            if not self._is_due(number, rule):
                continue
            getattr(self, "_" + rule["do"].replace(" ", "_"))(number)

    def _is_due(self, number: int, rule: dict[str, Any]) -> bool:
        if not rule.get("skip") and not rule.get("once"):
            return True
        calls = self._control / f"calls-{number}"
        descriptor = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b".")  # the position after an append counts the calls before
        count = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.close(descriptor)
        due = rule.get("skip", 0) + 1
        return bool(count == due if rule.get("once") else count >= due)

    def _pause(self, number: int) -> None:
        (self._control / f"paused-{number}").write_text(str(os.getpid()))
        time.sleep(3600)

    def _hold(self, number: int) -> None:
        (self._control / f"paused-{number}").write_text(str(os.getpid()))
        (self._control / f"paused-{number}-{os.getpid()}").touch()
        while not (self._control / "released").exists():
            time.sleep(0.1)

    def _hang(self, _number: int) -> None:
        time.sleep(3600)

    def _dawdle(self, _number: int) -> None:
        time.sleep(60)

    def _segfault(self, _number: int) -> None:
        ctypes.string_at(0)

    def _kill(self, _number: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _gorge(self, _number: int) -> None:
        before = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (200 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
        try:
            bytearray(1 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    def _devour(self, _number: int) -> None:
        eaten = []
        for _ in range(DEVOURED >> 25):
            eaten.append(b"\xff" * (1 << 25))
            time.sleep(0.02)
        raise MemoryError("nobody minded")

    def _cuda_out_of_memory(self, _number: int) -> None:
        import torch

        raise torch.OutOfMemoryError("CUDA out of memory (simulated)")

    def _no_space(self, _number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, saboteur: Saboteur) -> None:
        self._saboteur = saboteur
        self._busy = False

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in POINTS.keys() | RETURNED.keys() or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._saboteur)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, inner: Any, saboteur: Saboteur) -> None:
        self._inner = inner
        self._saboteur = saboteur

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        for name, describe in POINTS.get(module.__name__, {}).items():
            *classes, last = name.split(".")
            owner = functools.reduce(getattr, classes, module)
            point = f"{module.__name__}.{name}"
            setattr(owner, last, self._saboteur.wrap(point, getattr(owner, last), describe))
        for name, describe in RETURNED.get(module.__name__, {}).items():
            point = f"{module.__name__}.{name}"
            setattr(module, name, self._of_returned(point, getattr(module, name), describe))

    def _of_returned(self, point: str, function: Callable[..., Any], describe: _Describe) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return self._saboteur.wrap(point, function(*args, **kwargs), describe)

        return wrapped
