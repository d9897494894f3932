"""The command `albumen` as a user runs it: a process of its own, with settings of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main

COMMAND = Path(sys.executable).with_name("albumen")
SECONDS = 150
"""Long past the time any of these commands takes: a limit, not an expectation."""

LIGHT = ("--damage-model", "classical", "--faces", "off", "--colorize", "never")
"""Options of runs whose pictures do not matter: networks take most of a run's time."""

_FOREIGN = ("AWS_", "PREFECT_", "RAY_", "PYTHON", "VIRTUAL_ENV", "COV_")


@dataclass(frozen=True)
class Finished:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass
class Running:
    """A command under way, first of a process group as under a terminal."""

    process: subprocess.Popen[str]

    def signal(self, number: int = signal.SIGINT, *, group: bool = False) -> None:
        """Send a signal to the process alone, or to its group as a terminal does."""
        (os.killpg if group else os.kill)(self.process.pid, number)

    def wait(self, seconds: float = SECONDS) -> Finished:
        """Its end."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end in {seconds} s: {self.process.args!r}") from None
        return Finished(self.process.returncode, out, err)

    def kill(self) -> None:
        """End the process; nothing where it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@dataclass(frozen=True)
class Cli:
    """Runs `albumen` in the folder `home` with only these settings of Prefect, Ray and AWS.

    Without PREFECT_API_URL in `environment` Prefect starts its embedded server.
    """

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def with_environment(self, **variables: str) -> Cli:
        """The same with further variables."""
        return Cli(self.home, {**self.environment, **variables})

    def variables(self) -> dict[str, str]:
        """The environment of the process."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        own = {"PREFECT_HOME": str(self.home / "prefect"), "NO_PROXY": "127.0.0.1,localhost"}
        return inherited | own | dict(self.environment)

    def start(self, *arguments: object) -> Running:
        """Start it with these arguments."""
        return Running(
            subprocess.Popen(
                [COMMAND, *map(str, arguments)],
                cwd=self.home,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )

    def run(self, *arguments: object, code: int | None = None) -> Finished:
        """Run it to its end; `code` is the exit code it must have."""
        finished = self.start(*arguments).wait()
        assert "Traceback" not in finished.err, finished
        assert code is None or finished.code == code, finished
        return finished


def ask(*arguments: object) -> Finished:
    """Run a command that needs neither Prefect nor Ray inside this process: it is quicker."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["albumen", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    code = ended.value.code
    assert isinstance(code, int)
    return Finished(code, out.getvalue(), err.getvalue())


def ask_json(*arguments: object, code: int = 0) -> Any:
    """What such a command prints with `--json`."""
    finished = ask(*arguments, "--json")
    assert finished.code == code, finished
    return json.loads(finished.out)
