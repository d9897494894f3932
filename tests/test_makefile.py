"""Each make target does what `make help` says of it, and a machine that lacks something is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make on the project, whatever make these tests themselves were started by."""
    settings = {"ARGS", "DEMO", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "VENV"}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_make_help_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    listed = [line.split()[1] for line in make("help").stdout.splitlines()]
    assert sorted(listed) == sorted(phony[1].split())
    assert {"demo", "test", "check", "bench", "chaos", "install", "clean"} <= set(listed)


def pretending(path: Path, prelude: str) -> Path:
    """An interpreter that runs `-c` scripts after `prelude`."""
    return executable(
        path,
        f'#!/bin/sh\n[ "$1" = -c ] || exec {sys.executable} "$@"\n'
        f'exec {sys.executable} -c "{prelude}\n$2"\n',
    )


@pytest.mark.parametrize(
    ("prelude", "message"),
    [
        ("import sys; sys.version_info = (3, 10, 12)", "Albumen needs Python 3.11 or later"),
        ("import sys; sys.modules['ensurepip'] = None", "apt-get install python3."),
    ],
    ids=["too old", "no ensurepip"],
)
def test_an_unfit_python_is_named_with_the_way_out(
    tmp_path: Path, prelude: str, message: str
) -> None:
    python = pretending(tmp_path / "python3", prelude)
    done = make("install", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert message in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_missing_python_is_named_with_the_way_out(tmp_path: Path) -> None:
    done = make("install", f"PYTHON={tmp_path / 'python3'}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert "apt-get install python3 python3-venv" in done.stderr


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """An environment that the Makefile takes as complete, with a pip that must not be called."""
    venv = tmp_path / "venv"
    executable(venv / "bin" / "pip", "#!/bin/sh\nexit 9\n")
    executable(venv / "bin" / "python", "#!/bin/sh\nexit 9\n")
    for stamp in (".installed-runtime", ".installed-full"):
        (venv / stamp).touch()
    return venv


@pytest.mark.parametrize(("ended", "expected"), [(0, 0), (3, 0), (1, 2), (2, 2), (4, 2), (130, 2)])
def test_make_demo_takes_failed_scans_as_success_and_nothing_else(
    ready: Path, tmp_path: Path, ended: int, expected: int
) -> None:
    executable(ready / "bin" / "albumen", f'#!/bin/sh\necho "ran $*"\nexit {ended}\n')
    target = tmp_path / "my demo"
    done = make("demo", f"VENV={ready}", f"DEMO={target}")
    assert done.returncode == expected
    assert f"ran restore examples/scans {target}" in done.stdout
    assert ("Exit code 3" in done.stdout) == (ended == 3)
    if expected:
        assert f"exit code {ended}" in done.stderr


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("test", "-n 2 --dist loadfile"),
        ("chaos", "-m chaos"),
        ("test", "-n 2 --dist loadfile -k manifest"),
    ],
)
def test_make_runs_pytest(ready: Path, target: str, arguments: str) -> None:
    executable(ready / "bin" / "pytest", '#!/bin/sh\necho "pytest $*"\n')
    more = ["ARGS=-k manifest"] if "-k" in arguments else []
    done = make(target, f"VENV={ready}", *more)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].rstrip() == f"pytest {arguments}".rstrip()


@pytest.mark.parametrize(
    ("target", "stamp", "what"),
    [("demo", ".installed-runtime", "."), ("test", ".installed-full", "'.[test,check]'")],
)
def test_a_changed_constraint_installs_again(
    ready: Path, target: str, stamp: str, what: str
) -> None:
    assert "constraints.txt" not in make("--dry-run", target, f"VENV={ready}").stdout
    os.utime(ready / stamp, (0, 0))
    done = make("--dry-run", target, f"VENV={ready}")
    assert f"-c constraints.txt -e {what}\n" in done.stdout
