"""`kill -9` of the driver, then the same command again: nothing is lost, little is done again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from faults import Collection, Note, collection

pytestmark = pytest.mark.chaos

SCANS = 70
A_PART = 50
"""Scans after which a partition commits a manifest part."""


@pytest.mark.in_ci
def test_what_was_not_committed_is_done_again_and_nothing_else(
    place: Collection, note: Note
) -> None:
    """The moment between the derivatives of twenty scans and their rows."""
    collection(place.source, SCANS)
    place.sabotage({"point": "tasks.ledger.write_part", "skip": 1, "do": "pause"})
    _kill_and_go_on(place, "the second part's commit", note)
    assert place.repeated() == SCANS - A_PART


@pytest.mark.parametrize(
    ("moment", "rule", "most_repeated"),
    [
        ("the inventory", {"point": "tasks.inventory.take_inventory"}, 0),
        ("reading the manifest", {"point": "tasks.done.read_done"}, 0),
        ("the start of the run", {"point": "tasks.ledger.start_run", "when": "after"}, 0),
        ("the first read", {"point": "tasks.images.read_page"}, 0),
        (
            "a derivative before its name",
            {
                "point": "tasks.storage_local._fill",
                "when": "after",
                "match": "derivative",
                "skip": 20,
            },
            22,
        ),
        (
            "a derivative before its row",
            {"point": "tasks.storage.put_file", "when": "after", "skip": 30},
            33,
        ),
        ("the first commit", {"point": "tasks.ledger.write_part"}, A_PART + 2),
        ("just after a commit", {"point": "tasks.ledger.write_part", "when": "after"}, 2),
        ("the manifest's rewriting", {"point": "tasks.current.rewrite_manifest"}, 0),
        (
            "the manifest before its name",
            {"point": "tasks.storage_local._fill", "when": "after", "match": "manifest.parquet"},
            0,
        ),
        ("after the manifest", {"point": "tasks.current.rewrite_manifest", "when": "after"}, 0),
        ("the report's writing", {"point": "tasks.report.write_report"}, 0),
        ("the run's end", {"point": "tasks.ledger.end_run"}, 0),
    ],
)
def test_moments(
    place: Collection, note: Note, moment: str, rule: dict[str, Any], most_repeated: int
) -> None:
    collection(place.source, SCANS)
    place.sabotage(rule | {"do": "pause"})
    _kill_and_go_on(place, moment, note)
    assert place.repeated() <= most_repeated


def test_a_report_that_was_not_finished_is_written_by_the_next_run(place: Collection) -> None:
    """There is an older report, and the manifest is up to date: nothing else shows it."""
    collection(place.source, 3)
    assert place.restore().code == 0
    collection(place.source, 6)
    place.sabotage({"point": "tasks.report.write_report", "do": "pause"})
    with place.restoring() as command:
        command.until_paused()
        command.kill()
    place.sabotage()
    page, manifest = (place.destination / n for n in ("report/index.html", "manifest.parquet"))
    assert page.stat().st_mtime < manifest.stat().st_mtime
    assert place.restore().code == 0
    assert page.stat().st_mtime > manifest.stat().st_mtime
    place.assert_whole()
    written = len(place.calls("tasks.report.write_report"))
    assert place.restore().code == 0
    assert len(place.calls("tasks.report.write_report")) == written  # once is enough


def test_killed_again_and_again(place: Collection, note: Note) -> None:
    """Five times in a row, ever later; each run goes on where the one before was."""
    collection(place.source, 200)
    started = time.monotonic()
    before = 0
    for kills, more in enumerate((5, 55, 5, 55, 30), 1):
        with place.restoring() as command:
            command.until(lambda goal=before + more: len(place.written()) >= goal, "progress")
            command.kill()
            command.outliving(15)
        before = len(place.written())
        assert place.repeated() <= kills * (A_PART + 2)
    assert place.restore().code == 0
    seconds = round(time.monotonic() - started)
    note("driver killed five times", -9, 200, len(place.rows()), place.repeated(), "", seconds)
    place.assert_whole()


@pytest.mark.parametrize("seconds", [2.0, 6.0, 11.0])
def test_prefects_embedded_server_does_not_outlive_the_driver(
    bare_place: Collection, note: Note, seconds: float
) -> None:
    """Killed while the server starts, or when it runs."""
    collection(bare_place.source, 3)
    with bare_place.restoring() as command:
        time.sleep(seconds)
        command.kill()
        left = command.outliving(20)
    note(
        f"driver killed after {seconds:g} s, embedded server",
        command.code,
        3,
        "",
        "",
        left or "nothing",
        "",
    )
    assert left == []


def _kill_and_go_on(place: Collection, moment: str, note: Note) -> None:
    source = place.digest_of_source()
    started = time.monotonic()
    with place.restoring() as command:
        command.until_paused()
        command.kill()
        left = command.outliving(15)
    assert command.code == -9
    written = len(place.written())
    place.sabotage()
    again = place.restore()
    seconds = round(time.monotonic() - started)
    note(
        f"driver killed: {moment}",
        again.code,
        SCANS,
        len(place.rows()),
        f"{place.repeated()} of {written}",
        left or "nothing",
        seconds,
    )
    assert again.code == 0, again.errors
    assert left == []
    place.assert_whole()
    assert place.digest_of_source() == source
    assert len(place.written()) == SCANS
