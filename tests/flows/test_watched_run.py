"""A run with a log, watched from another terminal."""

from __future__ import annotations

import json
import time
from pathlib import Path

from cli import LIGHT, Cli
from small_collection import save


def test_a_run_is_logged_line_by_line_and_watched_to_its_end(cli: Cli, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    for number in range(3):
        save(scans / "box 1" / f"{number}.png", number)
    (scans / "letter.tif").write_text("Dear Anna,")
    running = cli.start("restore", scans, out, *LIGHT, "--log-format", "json")
    try:
        while not (out / ".albumen/lease").exists():
            assert running.process.poll() is None, running.wait()
            time.sleep(0.1)
        watched = cli.run("status", out, "--watch")
        finished = running.wait()
    finally:
        running.kill()
    assert finished.code == 3, finished
    lines = [json.loads(line) for line in finished.err.splitlines()]
    ended = {line["scan"]: line for line in lines if "scan" in line}
    assert {path: line["status"] for path, line in ended.items()} == {
        **{f"box 1/{number}.png": "restored" for number in range(3)},
        "letter.tif": "failed",
    }
    assert ended["letter.tif"]["error_class"] == "NotAnImage"
    assert ended["letter.tif"]["level"] == "warning"
    (run,) = {line["run"] for line in ended.values()}
    assert run.startswith("000001-") and all("partition" in line for line in ended.values())
    said = [line["message"] for line in lines if line.get("run") == run]
    assert any(text.startswith("4 of 4 scans are to be restored") for text in said)
    assert any(text.startswith("4 of 4 scans done, 1 failed") for text in said)
    assert watched.code == 0, watched
    assert watched.out.splitlines()[-1] in (
        "completed: 3 restored, 1 failed",
        "completed: 1 failed, 3 restored",
    ), watched
