"""Scans that kill, stop or exhaust the process that decodes them, and a disk that fills."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import Collection, Note, collection

pytestmark = pytest.mark.chaos

READ = "tasks.images.read_page"
NO_SPACE = {
    "point": "tasks.storage_local._fill",
    "match": "/derivative",
    "do": "no space",
    "skip": 9,
    "once": True,
}
"""For the tenth derivative that is written, once its previews are."""


@pytest.mark.in_ci
def test_deadly_scans_are_quarantined_and_their_neighbours_are_not(
    place: Collection, note: Note
) -> None:
    scans = collection(place.source, 24)
    segfault, gorge = scans[3], scans[13]
    place.sabotage(
        {"point": READ, "match": segfault, "do": "segfault"},
        {"point": READ, "match": gorge, "do": "gorge"},
        NO_SPACE,
    )
    started = time.monotonic()
    first = place.restore()
    rows = place.rows().set_index("relative_path")
    seconds = round(time.monotonic() - started)
    note("deadly scans", first.code, 24, len(rows), place.repeated(), "", seconds)
    assert first.code == 3, first.errors
    assert rows.loc[segfault, "error_class"] == "WorkerDied"
    assert rows.loc[gorge, "error_class"] == "TooLarge"
    (full,) = rows.index[rows["error_class"] == "DerivativeUnwritable"]
    assert "No space left on device" in rows.loc[full, "error_message"]
    statuses = {segfault: "quarantined", gorge: "failed"}
    place.assert_whole(statuses | {full: "failed"})
    place.sabotage()
    assert place.restore().code == 0  # what may pass is tried again, and nothing else
    place.assert_whole(statuses)
    assert place.repeated() == 0


def test_decoders_that_hang_or_are_killed_for_memory(place: Collection, note: Note) -> None:
    scans = collection(place.source, 24)
    hang, killed, segfault = scans[7], scans[11], scans[12]
    place.sabotage(
        {"point": READ, "match": hang, "do": "hang"},
        {"point": READ, "match": killed, "do": "kill"},
        {"point": READ, "match": segfault, "do": "segfault"},
    )
    started = time.monotonic()
    first = place.restore("--step-seconds", "10")
    rows = place.rows().set_index("relative_path")
    seconds = round(time.monotonic() - started)
    note("hanging and killed decoders", first.code, 24, len(rows), place.repeated(), "", seconds)
    assert first.code == 3, first.errors
    assert rows.loc[hang, "error_class"] == "StepTimedOut"
    assert rows.loc[killed, "error_class"] == "WorkerDied"
    deadly = dict.fromkeys((hang, killed, segfault), "quarantined")
    place.assert_whole(deadly)
    place.sabotage()
    assert place.restore().code == 0
    place.assert_whole(deadly)  # they have not changed
    assert place.restore("--retry-failed").code == 0
    place.assert_whole()
    assert place.repeated() == 0


@pytest.fixture
def small_disk(place: Collection) -> Iterator[Path]:
    """The destination on a disk of its own, of 1 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place.destination)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield place.destination
    finally:
        subprocess.run(["umount", "-l", str(place.destination)], check=True)


def test_a_full_disk(place: Collection, small_disk: Path, note: Note) -> None:
    collection(place.source, 70)
    started = time.monotonic()
    first = place.restore()
    assert first.code in (3, 4, 6), first.errors
    assert "Traceback" not in first.errors
    assert place.unfinished() == []
    second = place.restore()  # still full: nothing gets worse
    assert second.code in (3, 4, 6)
    assert "Traceback" not in second.errors
    remount = ["mount", "-o", "remount,size=100m", str(small_disk)]
    subprocess.run(remount, check=True)
    third = place.restore()
    seconds = round(time.monotonic() - started)
    codes = f"{first.code}, {second.code}, {third.code}"
    note("disk full", codes, 70, len(place.rows()), place.repeated(), "", seconds)
    assert third.code == 0, third.errors
    place.assert_whole()
