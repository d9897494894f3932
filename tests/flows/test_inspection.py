"""The commands that restore nothing: status, verify, plan, report."""

from __future__ import annotations

from cli import ask, ask_json
from untidy import NAMES, Night


def test_status(night: Night) -> None:
    told = ask_json("status", night.destination)
    assert told["rows"] == {"restored": len(NAMES) + 1, "unchanged": 1, "failed": 4}
    assert told["lease"] is None
    assert [run["ended"] for run in told["runs"]] == ["completed"]
    words = ask("status", night.destination)
    assert "failed:         4" in words.out
    assert "run 1: " in words.out


def test_verify_finds_everything_as_written(night: Night) -> None:
    told = ask_json("verify", night.destination)
    outputs = [output["path"] for outputs in night.rows.outputs for output in outputs]
    assert told["ok"]
    assert told["checked"] == len(set(outputs))
    assert told["stray"]["count"] == 0


def test_plan_of_what_is_done_is_empty(night: Night) -> None:
    told = ask_json("plan", night.source, night.destination)
    assert told["looked_at"] == len(NAMES) + 6
    assert told["to_restore"] == told["partitions"] == 0
    assert told["done"] == len(NAMES) + 2
    assert told["withheld"] == 4
    assert told["not_images"] == {".txt": 1, ".db": 1}
    assert any("--retry-failed" in note for note in told["notes"])


def test_report_is_written_again(night: Night) -> None:
    index = night.destination / "report/index.html"
    whole = index.read_bytes()
    index.unlink()
    finished = ask("report", night.destination)
    assert finished.out.strip() == str(index)
    assert index.read_bytes() == whole
