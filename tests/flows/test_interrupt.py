"""Ctrl-C and SIGTERM: what is in flight ends, what has a row is kept, the next run goes on.

One collection, stopped in one way after another: each run goes on where the one before ended.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cli import LIGHT, SECONDS, Cli, Finished, Running, ask_json
from small_collection import save

SCANS = 160


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    top = tmp_path_factory.mktemp("stopped")
    save(top / "scans/000.png")
    for number in range(1, SCANS):
        (top / f"scans/{number:03}.png").write_bytes((top / "scans/000.png").read_bytes())
    return top / "scans", top / "out"


def await_that(running: Running, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert running.process.poll() is None, running.wait()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def restored(destination: Path) -> set[str]:
    return {path.name for path in destination.glob("restored/*.png")}


def rows(destination: Path) -> pd.DataFrame:
    return pd.read_parquet(str(destination) + "/manifest.parquet")


def stop_at_work(cli: Cli, folders: tuple[Path, Path], number: int, *, group: bool) -> Finished:
    """Stop a run once it has made a further derivative."""
    before = restored(folders[1])
    running = cli.start("restore", *folders, *LIGHT)
    await_that(running, lambda: len(restored(folders[1])) > len(before))
    running.signal(number, group=group)
    return running.wait()


def check_stopped(finished: Finished, destination: Path, has_rows: set[str]) -> None:
    """It ended on request, every derivative has its row, and more is left to do."""
    assert finished.code == 130, finished
    assert "Traceback" not in finished.err
    assert "Stopping: finishing the scans in flight" in finished.err
    assert "run the same command again" in finished.out
    now = set(rows(destination).relative_path)
    assert now == restored(destination)
    assert has_rows <= now
    assert len(now) < SCANS
    assert not (destination / ".albumen/lease").exists()
    assert ask_json("status", destination)["runs"][0]["ended"] == "interrupted"


def test_ctrl_c_before_any_work(cli: Cli, folders: tuple[Path, Path]) -> None:
    running = cli.start("restore", *folders, *LIGHT)
    await_that(running, (folders[1] / ".albumen/lease").exists)
    running.signal(group=True)
    check_stopped(running.wait(), folders[1], set())


def test_ctrl_c_in_a_terminal_with_the_embedded_server(
    bare_cli: Cli, folders: tuple[Path, Path]
) -> None:
    """A terminal sends the signal to everything the command has started as well."""
    before = restored(folders[1])
    finished = stop_at_work(bare_cli, folders, signal.SIGINT, group=True)
    check_stopped(finished, folders[1], before)
    assert len(restored(folders[1])) > len(before)
    with sqlite3.connect(bare_cli.home / "prefect/prefect.db") as database:
        states = database.execute("select name, state_name from flow_run").fetchall()
        partitions = database.execute("select state_type from task_run").fetchall()
        artifacts = {key for (key,) in database.execute("select key from artifact")}
    assert states == [(f"restore-into-{folders[1]}", "Interrupted")]
    assert partitions == [("COMPLETED",)]
    assert artifacts == {"restore-progress", "restore-summary", "restore-report"}


def test_sigterm(cli: Cli, folders: tuple[Path, Path]) -> None:
    before = restored(folders[1])
    finished = stop_at_work(cli, folders, signal.SIGTERM, group=False)
    check_stopped(finished, folders[1], before)


def test_a_second_ctrl_c_abandons(cli: Cli, folders: tuple[Path, Path]) -> None:
    before = set(rows(folders[1]).relative_path)
    running = cli.start("restore", *folders, *LIGHT)
    await_that(running, lambda: len(restored(folders[1])) > len(before))
    running.signal(group=True)
    assert running.process.stderr is not None
    told = ""
    while "Press Ctrl-C again" not in told:
        told = running.process.stderr.readline()
    running.signal(group=True)
    finished = running.wait()
    assert finished.code == 130, finished
    assert "Traceback" not in finished.err
    assert "abandoned" in finished.err
    assert "goes on from there" in finished.err


def test_the_same_command_completes(cli: Cli, folders: tuple[Path, Path]) -> None:
    before = rows(folders[1])
    cli.run("restore", *folders, *LIGHT, code=0)
    after = rows(folders[1])
    assert sorted(after.relative_path) == sorted(restored(folders[1]))
    assert len(after) == SCANS
    kept = after[after.relative_path.isin(before.relative_path)]
    assert set(kept.run_sequence) == set(before.run_sequence)
    assert after.run_sequence.nunique() >= 3
    assert ask_json("verify", folders[1])["checked"] == 3 * SCANS
