"""Scans that kill, stop or exhaust the process that decodes them, and a disk that fills."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faults import Collection, Note, collection

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

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


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own, mounted at a folder."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk to its last byte with a file."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


@pytest.fixture
def small_disk(place: Collection) -> Iterator[Path]:
    """The destination on a disk of its own, of 1 MB."""
    with disk(place.destination, "1m") as folder:
        yield folder


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


def test_a_full_disk_of_temporary_files(place: Collection, tmp_path: Path, note: Note) -> None:
    """Copies of scans cannot be put together, nor may the manifest, where nothing that was there
    is removed in time: the next run does it."""
    collection(place.source, 70)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    started = time.monotonic()
    with disk(temporary, "20m"):
        settings = {"TMPDIR": str(temporary), "RAY_TMPDIR": "/tmp"}
        with place.restoring(**settings) as command:
            command.until(lambda: len(place.written()) >= 10, "progress")
            fill(temporary)
            code = command.wait()
    before = len(place.written())
    again = place.restore(seconds=400)
    seconds = round(time.monotonic() - started)
    codes = f"{code}, {again.code}"
    what = f"temporary files' disk full after {before} of 70"
    note(what, codes, 70, len(place.rows()), place.repeated(), "", seconds)
    said = [line for line in command.errors.splitlines() if line and "scans done" not in line]
    assert code in (3, 4), command.errors
    assert len(said) == (code == 4), command.errors
    assert all("no room for temporary files" in line for line in said), command.errors
    assert before < 70
    assert again.code == 0, again.errors
    place.assert_whole()
    assert place.repeated() == 0


def test_a_full_disk_of_rays_own_files(place: Collection, note: Note) -> None:
    """Logs and spilled objects: a run needs neither, since what is in flight has its budget."""
    collection(place.source, 70)
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder,  # paths must be short
        disk(Path(folder), "64m"),
        place.restoring(RAY_TMPDIR=folder) as command,
    ):
        command.until(lambda: len(place.written()) >= 10, "progress")
        fill(Path(folder))
        code = command.wait()
        left = command.outliving(20)
    seconds = round(time.monotonic() - started)
    note("Ray's disk full", code, 70, len(place.rows()), place.repeated(), left, seconds)
    assert code == 0, command.errors
    place.assert_whole()
    assert place.repeated() == 0
