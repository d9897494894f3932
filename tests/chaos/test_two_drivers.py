"""Two drivers on one destination: at the same moment, after one died elsewhere, and while one
sleeps."""

from __future__ import annotations

import hashlib
import io
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest
import s3_server
from fault_command import Command
from faults import Collection, Note, collection
from s3_server import S3Server

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SCANS = 24
ACQUIRE = {"point": "tasks.lease.Lease.acquire", "do": "hold"}
ELSEWHERE = {"ALBUMEN_FAKE_HOST": "elsewhere"}
"""The second driver's host: what it cannot see alive there may be alive."""


def said(command: Command) -> list[str]:
    """What it complained of."""
    return [line for line in command.errors.splitlines() if line.startswith("albumen: ")]


def until_held(place: Collection, count: int, command: Command) -> None:
    """Wait until the saboteur holds so many processes."""
    command.until(lambda: len(list(place.control.glob("paused-0-*"))) == count, "both held")


@pytest.mark.parametrize("attempt", range(3))
def test_two_drivers_at_the_same_moment(place: Collection, note: Note, attempt: int) -> None:
    collection(place.source, SCANS)
    place.sabotage(ACQUIRE)
    started = time.monotonic()
    with place.restoring() as one, place.restoring() as two:
        until_held(place, 2, one)
        place.release()
        codes = one.wait(280), two.wait(280)
    seconds = round(time.monotonic() - started)
    what = f"two drivers at once, {attempt + 1}"
    note(what, f"{codes[0]}, {codes[1]}", SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert sorted(codes) == [0, 5], one.errors + two.errors
    (line,) = said(one if codes[0] else two)
    assert line.startswith("albumen: another run is working on") and str(place.destination) in line
    place.assert_whole()
    assert place.repeated() == 0
    assert len(list((place.destination / ".albumen/runs").iterdir())) == 1


@pytest.mark.parametrize("conditions", ["honoured", "ignored"])
def test_two_drivers_at_the_same_moment_on_s3(
    place: Collection, note: Note, conditions: str
) -> None:
    collection(place.source, SCANS)
    place.sabotage(ACQUIRE)
    serving = s3_server.running() if conditions == "honoured" else s3_server.ignoring_conditions()
    started = time.monotonic()
    with serving as server:
        bucket = server.bucket()
        with _onto_s3(place, server, bucket) as one, _onto_s3(place, server, bucket) as two:
            until_held(place, 2, one)
            place.release()
            codes = one.wait(280), two.wait(280)
        seconds = round(time.monotonic() - started)
        rows = _rows_on_s3(server, bucket)
        runs = server.keys(bucket, ".albumen/runs/")
    what = f"two drivers at once on S3, conditions {conditions}"
    note(what, f"{codes[0]}, {codes[1]}", SCANS, len(rows), place.repeated(), "", seconds)
    assert sorted(codes) == [0, 5], one.errors + two.errors
    (line,) = said(one if codes[0] else two)
    assert line.startswith("albumen: another run is working on") and bucket in line
    assert sorted(rows["relative_path"]) == sorted(
        str(path.relative_to(place.source)) for path in place.source.rglob("*") if path.is_file()
    )
    assert set(rows["status"]) == {"restored", "unchanged"}
    assert place.repeated() == 0
    assert len(runs) == 1


@contextmanager
def _onto_s3(place: Collection, server: S3Server, bucket: str) -> Iterator[Command]:
    command = Command(
        place.base,
        place.control,
        (place.source, f"s3://{bucket}"),
        {**place.environment, **server.environment},
    )
    try:
        yield command
    finally:
        command.clear()


def _rows_on_s3(server: S3Server, bucket: str) -> pd.DataFrame:
    """The current rows; every derivative they name lies there as they say."""

    def stored(key: str) -> bytes:
        data: bytes = server.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    rows = pd.read_parquet(io.BytesIO(stored("manifest.parquet")))
    for outputs in rows["outputs"]:
        for output in outputs:
            assert hashlib.sha256(stored(output["path"])).hexdigest() == output["sha256"]
    return rows


def test_a_killed_driver_is_followed_by_one_elsewhere(place: Collection, note: Note) -> None:
    """Elsewhere it cannot be seen that it died, only that its heart has stopped."""
    collection(place.source, SCANS)
    started = time.monotonic()
    with place.restoring() as first:
        first.until(lambda: len(place.written()) >= 8, "progress")
        first.kill()
        left = first.outliving(20)
    log = place.base / "log.txt"
    second = place.restore("--log-file", str(log), seconds=400, **ELSEWHERE)
    seconds = round(time.monotonic() - started)
    codes, rows = f"{first.code}, {second.code}", len(place.rows())
    note("driver killed, again elsewhere", codes, SCANS, rows, place.repeated(), left, seconds)
    assert second.code == 0, second.errors
    assert "Watching whether another run" in log.read_text()
    place.assert_whole()
    assert len(place.written()) == SCANS


def test_a_driver_elsewhere_that_lives_is_left_alone(place: Collection, note: Note) -> None:
    scans = collection(place.source, SCANS)
    place.sabotage({"point": "tasks.images.read_page", "match": scans[5], "do": "hold"})
    started = time.monotonic()
    with place.restoring() as first:
        first.until_paused()
        second = place.restore(seconds=280, **ELSEWHERE)
        place.release()
        code = first.wait(280)
    seconds = round(time.monotonic() - started)
    codes = f"{code}, {second.code}"
    what = "second driver elsewhere"
    note(what, codes, SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert (code, second.code) == (0, 5), first.errors + second.errors
    assert said(second)[-1].startswith("albumen: another run is working on")
    place.assert_whole()
    assert place.repeated() == 0


def test_a_driver_that_sleeps_loses_its_lease(place: Collection, note: Note) -> None:
    """As a machine does that is suspended: on waking it finds another run at its work, or its end,
    and gives up. What both restored is the same."""
    scans = collection(place.source, SCANS)
    place.sabotage(
        {"point": "tasks.images.read_page", "match": scans[5], "do": "hold", "once": True}
    )
    started = time.monotonic()
    with place.restoring() as first:
        first.until_paused()
        first.until(lambda: len(place.written()) >= 8, "progress")
        first.process.send_signal(signal.SIGSTOP)
        second = place.restore(seconds=400, **ELSEWHERE)
        assert second.code == 0, second.errors
        place.assert_whole()
        first.process.send_signal(signal.SIGCONT)
        place.release()
        code = first.wait(280)
    seconds = round(time.monotonic() - started)
    codes, rows = f"{code}, {second.code}", len(place.rows())
    note("driver sleeps, again elsewhere", codes, SCANS, rows, place.repeated(), "", seconds)
    assert code == 5, first.errors
    assert said(first)[-1].startswith("albumen: the lease of")
    third = place.restore(seconds=280)
    assert third.code == 0, third.errors
    place.assert_whole()
