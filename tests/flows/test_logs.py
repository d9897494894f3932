"""Where the lines of a log go."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import ask

from flows import logs
from flows.progress import ProgressDisplay
from tasks.errors import UsageError
from tasks.events import event


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    logs.close_log()


def _lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_file_gets_json_of_all_modules_and_nodes(tmp_path: Path) -> None:
    file = tmp_path / "albumen.log"
    logs.open_log(None, file)
    logs.bind("000007-ab")
    logging.getLogger("tasks.lease").warning("heartbeat failed: %s", "timeout")
    logs.relay([event(logging.INFO, "restored", scan="a.tif", partition="p3")])
    logging.getLogger("prefect.flow_runs").warning("42 scans are to be restored")
    first, second, third = _lines(file)
    assert first["run"] == "000007-ab" and first["logger"] == "tasks.lease"
    assert second["scan"] == "a.tif" and second["partition"] == "p3"
    assert second["run"] == "000007-ab"
    assert third["message"] == "42 scans are to be restored"
    assert not logs.is_on_terminal()


def test_a_log_is_appended_to_and_survives_rotation(tmp_path: Path) -> None:
    file = tmp_path / "albumen.log"
    for form in ("json", "text"):
        logs.open_log(form, file)
        logs.say(logging.INFO, form)
    assert len(file.read_text().splitlines()) == 2
    file.rename(tmp_path / "albumen.log.1")
    logs.say(logging.INFO, "after logrotate")
    assert "after logrotate" in file.read_text()


def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path) -> None:
    master = tmp_path / "master.tif"
    master.write_bytes(b"II*\0pixels")
    with pytest.raises(UsageError, match="something else than a log"):
        logs.open_log("json", master)
    assert master.read_bytes() == b"II*\0pixels"
    with pytest.raises(UsageError, match="no/such/folder"):
        logs.open_log("json", tmp_path / "no/such/folder/a.log")
    with pytest.raises(UsageError, match="choose text or json"):
        logs.open_log("xml", None)


def test_nothing_but_lines_of_the_log_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.open_log("json", None)
    with ProgressDisplay(10) as display:
        display.show(4, 1, last=True)
    logs.complain("the cluster is gone")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [one["level"] for one in told] == ["info", "error"]
    assert (told[0]["planned"], told[0]["done"], told[0]["failed"]) == (10, 4, 1)
    assert told[1]["message"] == "the cluster is gone"


def test_without_a_log_the_terminal_is_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    logs.open_log(None, None)
    logs.relay([event(logging.ERROR, "failed: x", scan="a.tif")])
    with ProgressDisplay(10) as display:
        display.show(4, 1, last=True)
    logs.complain("the cluster is gone")
    progress, last = capsys.readouterr().err.splitlines()
    assert progress.startswith("4 of 10 scans done, 1 failed")
    assert last == "albumen: the cluster is gone"


def test_nights_log_as_their_schedule_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (logs.FORMAT_VARIABLE, logs.FILE_VARIABLE):
        monkeypatch.setenv(name, "")
    logs.hand_on("text", tmp_path / "nights.log")
    logs.open_log_of_environment()
    logs.say(logging.INFO, "good night")
    assert "INFO     good night" in (tmp_path / "nights.log").read_text()


def test_a_mistyped_form_is_a_usage_error(tmp_path: Path) -> None:
    refused = ask("restore", tmp_path, tmp_path / "out", "--log-format", "xml")
    assert refused.code == 2
    assert "'text', 'json'" in refused.err
