"""The SLURM script: linted, and run with stand-ins for SLURM, Ray and Albumen.

What stands in records how it was called, so that the order of things, the token and the exit code
are seen; whether SLURM and Ray do their part is not (docs/deployment.md says what was tried).
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from deploy_files import SLURM

SHELLCHECK = Path(sys.executable).with_name("shellcheck")

STAND_INS = {
    "scontrol": 'printf "%s\\n" node1 node2 node3',
    "srun": """
        token="$(stat -c %a "$RAY_AUTH_TOKEN_PATH"), of the user: ${RAY_AUTH_TOKEN-none}"
        printf "srun %s\ntoken %s, mode %s\n" "$*" "$token" "$RAY_AUTH_MODE" >>"$CALLS"
        [[ -z ${HEAD_FAILS-} ]] || { echo "no head" >&2; exit 1; }
        exec sleep 60""",
    "ray": """
        [[ $1 == health-check ]] || exit 1
        [[ -z ${HEAD_FAILS-} ]] || { echo "nobody answers" >&2; exit 1; }""",
    "python": """
        # asked whether all nodes are there: once both steps have begun
        [[ $1 != - ]] || { until (($(grep -c ^token "$CALLS") == 2)); do sleep 0.02; done; exit; }
        exec "$REAL_PYTHON" "$@" """,
    "albumen": """
        echo "albumen $*" >>"$CALLS"
        trap 'echo "albumen was asked to stop" >>"$CALLS"; exit 0' TERM
        [[ -z ${ALBUMEN_WAITS-} ]] || { echo ready >>"$CALLS"; sleep 60 >/dev/null 2>&1 & wait; }
        exit "${ALBUMEN_CODE:-0}" """,
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with the stand-ins, Albumen's in its virtual environment."""
    for name, body in STAND_INS.items():
        path = tmp_path / ("bin" if name in ("scontrol", "srun") else "albumen/venv/bin") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    return tmp_path


def start(place: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {
        "HOME": str(place),
        "TMPDIR": str(place / "disk"),
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "CALLS": str(place / "calls"),
        "REAL_PYTHON": sys.executable,
        "SLURM_JOB_ID": "123456",
        "SLURM_JOB_NODELIST": "node[1-3]",
        "SLURM_CPUS_PER_TASK": "8",
        "SLURM_GPUS_ON_NODE": "1",
        "RAY_AUTH_TOKEN": "of another cluster",
    }
    return subprocess.Popen(
        ["bash", SLURM, *arguments],
        env=environment | variables,
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def calls(place: Path) -> list[str]:
    return (place / "calls").read_text(encoding="utf-8").splitlines()


def left(place: Path) -> list[Path]:
    """What a job left behind of its token and its database."""
    return [*(place / ".albumen-jobs").glob("*"), *(place / "disk").glob("*")]


def test_shellcheck_and_bash_find_nothing() -> None:
    subprocess.run(["bash", "-n", SLURM], check=True)
    done = subprocess.run([SHELLCHECK, SLURM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_sbatch_reads_its_options() -> None:
    """They must come before the first command, and a job is one task a node."""
    text = SLURM.read_text(encoding="utf-8")
    options, _, rest = text.partition("set -euo pipefail")
    assert "#SBATCH --ntasks-per-node=1" in options
    assert "#SBATCH --signal=B:TERM@600" in options
    assert "#SBATCH" not in rest


def test_head_then_nodes_then_driver(place: Path) -> None:
    job = start(place, "/masters", "/derivatives", "--lanes", "3")
    _, errors = job.communicate(timeout=30)
    assert job.returncode == 0, errors
    steps = [line for line in calls(place) if line.startswith("srun ")]
    head, workers = sorted(steps, key=lambda line: "--head" not in line)  # both at once, in a job
    assert "--nodes=1 --ntasks=1 --nodelist=node1 ray start --head --block" in head
    assert "--port=23456 --num-cpus=8 --num-gpus=1" in head
    assert "--nodes=2 --ntasks=2 --exclude=node1 ray start --block" in workers
    assert "--address=node1:23456" in workers
    (driver,) = (line for line in calls(place) if line.startswith("albumen "))
    assert driver == "albumen restore /masters /derivatives --lanes 3 --ray-address node1:23456"


def test_the_token_is_the_job_s_own_and_only_its_user_s(place: Path) -> None:
    job = start(place, "/masters", "/derivatives")
    job.communicate(timeout=30)
    said = [line for line in calls(place) if line.startswith("token")]
    assert said == ["token 600, of the user: none, mode token"] * 2
    assert left(place) == []
    assert stat.S_IMODE((place / ".albumen-jobs").stat().st_mode) & 0o022 == 0


@pytest.mark.parametrize("code", ["3", "6"])
def test_the_exit_code_is_albumen_s(place: Path, code: str) -> None:
    job = start(place, "/masters", "/derivatives", ALBUMEN_CODE=code)
    job.communicate(timeout=30)
    assert job.returncode == int(code)


def test_where_ray_does_not_start_the_job_fails_and_says_why(place: Path) -> None:
    job = start(place, "/masters", "/derivatives", HEAD_FAILS="1")
    _, errors = job.communicate(timeout=30)
    assert job.returncode == 4
    assert "nobody answers" in errors
    assert "Ray's head on node1 did not come up" in errors
    assert not any(line.startswith("albumen") for line in calls(place))
    assert left(place) == []


def test_before_the_time_is_up_the_driver_is_asked_to_stop(place: Path) -> None:
    job = start(place, "/masters", "/derivatives", ALBUMEN_WAITS="1")
    deadline = time.monotonic() + 30
    while not (place / "calls").exists() or "ready" not in calls(place):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)  # as `--signal=B:` does: to the script alone
    job.communicate(timeout=30)
    assert job.returncode == 0
    assert "albumen was asked to stop" in calls(place)


@pytest.mark.parametrize(
    ("arguments", "code", "why"), [((), 2, "usage"), (("/masters",), 2, "usage")]
)
def test_arguments_are_needed(place: Path, arguments: tuple[str, ...], code: int, why: str) -> None:
    job = start(place, *arguments)
    _, errors = job.communicate(timeout=30)
    assert (job.returncode, why in errors) == (code, True)


def test_an_albumen_that_is_not_there(place: Path) -> None:
    job = start(place, "/masters", "/derivatives", ALBUMEN_VENV="/nowhere")
    _, errors = job.communicate(timeout=30)
    assert job.returncode == 4
    assert "/nowhere/bin/albumen" in errors
