"""`albumen restore` in a process of its own, and the processes it starts: watched and killed."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from cli import COMMAND, LIGHT, Cli

_SUPPORT = Path(__file__).resolve().parent

_SMALL = ("--object-store", "200MB", "--actors", "damage=2")
"""On a machine of any size: more CPUs would mean more actors, and more scans under way."""

TITLES = {
    "stage actor": ("ray::StageActor",),
    "io worker": ("ray::_probe", "ray::_read", "ray::_look", "ray::_write"),
    "runner": ("ray::run_partition",),
    "tally": ("ray::Tally",),
    "raylet": ("raylet/raylet",),
    "gcs": ("gcs/gcs_server",),
    "prefect server": ("prefect.server.api.server:create_app",),
}
"""What the processes of a run are called; Ray names a worker by the task it runs."""


def sabotaged(control: Path) -> dict[str, str]:
    """The environment in which processes follow the rules of a control folder."""
    return {
        "PYTHONPATH": os.pathsep.join([str(_SUPPORT / "sabotage"), str(_SUPPORT)]),
        "ALBUMEN_SABOTAGE": str(control),
    }


class Command:
    """`albumen restore` as a process, with all that it started, known by their working directory.

    Not by their environment: who gives himself a title, as Ray's processes do, writes over it.
    """

    def __init__(
        self,
        home: Path,
        control: Path,
        arguments: Sequence[object],
        environment: Mapping[str, str],
        *,
        light: Sequence[str] = LIGHT,
    ) -> None:
        self._control = control
        self._place = home / f"command-{secrets.token_hex(8)}"
        self._place.mkdir()
        self._errors = (self._place / "stderr").open("w")
        self._output = (self._place / "stdout").open("w")
        self.process = subprocess.Popen(
            # What is given comes last: it counts.
            [COMMAND, "restore", *light, *_SMALL, *map(str, arguments)],
            env=Cli(home, sabotaged(control) | dict(environment)).variables(),
            cwd=self._place,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            start_new_session=True,
        )

    @property
    def code(self) -> int | None:
        """The exit code, once it has ended."""
        return self.process.returncode

    @property
    def errors(self) -> str:
        """What it wrote to standard error so far."""
        return Path(self._errors.name).read_text()

    @property
    def output(self) -> str:
        """What it wrote to standard output so far."""
        return Path(self._output.name).read_text()

    def wait(self, seconds: float = 180) -> int:
        """Its exit code; fails the test when it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s:\n{self.errors}") from None

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 300) -> None:
        """Wait for something to happen while it runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.process.poll()
            assert ended is None, f"ended with {ended} before {what}:\n{self.errors}"
            assert time.monotonic() < deadline, f"no {what} within {seconds:g} s:\n{self.errors}"
            time.sleep(0.02)

    def until_paused(self, rule: int = 0) -> None:
        """Wait until the saboteur holds a process at a point."""
        marker = self._control / f"paused-{rule}"
        self.until(marker.exists, f"pause at rule {rule}")

    def kill(self) -> None:
        """End the driver alone, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def family(self, title: str = "") -> list[psutil.Process]:
        """The processes it started that live, wherever they belong now; those with `title` in
        their command line."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    process.cwd() == str(self._place)
                    and process.status() != psutil.STATUS_ZOMBIE
                    and title in " ".join(process.cmdline())
                ):
                    found.append(process)
        return found

    def outliving(self, seconds: float) -> list[str]:
        """What is left of it that long after its end."""
        deadline = time.monotonic() + seconds
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.2)
        names = []
        for process in left:
            with suppress(psutil.Error):
                names.append(" ".join(process.cmdline())[:120])
        return names

    def clear(self) -> None:
        """Kill whatever is left of it."""
        for process in self.family():
            with suppress(psutil.Error):
                process.kill()
        self.process.wait()
        self._errors.close()
        self._output.close()

    def victim(self, kind: str, seconds: float = 60) -> psutil.Process:
        """A process of this kind, caught while it runs; see `TITLES`."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            found[:] = [process for title in TITLES[kind] for process in self.family(title)]
            return bool(found)

        self.until(is_there, kind, seconds)
        return found[0]

    @contextmanager
    def measured(self) -> Iterator[dict[str, int]]:
        """Peak private memory (USS, bytes) of its processes by title, over the block."""
        peaks: dict[str, int] = {}
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.5):
                for process in self.family():
                    with suppress(psutil.Error):
                        title = " ".join(process.cmdline())[:60]
                        private = process.memory_full_info().uss
                        peaks[title] = max(private, peaks.get(title, 0))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield peaks
        finally:
            ended.set()
            thread.join()
