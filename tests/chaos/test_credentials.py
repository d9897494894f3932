"""Sessions of S3 that end in the middle of a run: renewed, or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import brief_credentials
import faulty_s3
import pytest
from faults import Note, collection
from s3_collection import S3Collection

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SCANS = 40
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def bucket(tmp_path: Path, prefect_api: str) -> Iterator[S3Collection]:
    with faulty_s3.running() as service:
        found = S3Collection(tmp_path, {"PREFECT_API_URL": prefect_api}, service)
        collection(found.source, SCANS)
        found.upload()
        yield found


def test_credentials_that_are_renewed_in_time_cost_nothing(
    bucket: S3Collection, tmp_path: Path, note: Note
) -> None:
    """`credential_process`, as institutes with single sign-on have it."""
    given = {k: v for k, v in bucket.environment.items() if k not in _KEYS}
    bucket.environment = given | brief_credentials.configuration(tmp_path)
    faults = bucket.service.faults
    faults.is_expired = lambda key: brief_credentials.is_expired(tmp_path, key)
    bucket.sabotage({"point": "tasks.report.write_report", "do": "dawdle"})
    started = time.monotonic()
    night = bucket.restore(seconds=600)
    seconds = round(time.monotonic() - started)
    rows = bucket.rows()
    keys = brief_credentials.issued(tmp_path)
    what = f"S3 credentials of {brief_credentials.LIFE_SECONDS:g} s, renewed {keys} times"
    note(what, night.code, SCANS, len(rows), bucket.repeated(), bucket.unfinished(), seconds)
    assert night.code == 0, night.errors
    assert faults.struck["ExpiredToken"] == 0
    assert keys > 3
    assert seconds > 2 * brief_credentials.LIFE_SECONDS
    bucket.assert_whole()
    assert bucket.repeated() == 0


def test_credentials_that_are_not_renewed_end_the_run_in_one_line(
    bucket: S3Collection, note: Note
) -> None:
    before = bucket.stored()
    faults = bucket.service.faults
    started = time.monotonic()
    with bucket.restoring() as command:
        command.until(lambda: len(bucket.written()) >= 10, "progress")
        faults.is_expired = lambda key: key == "testing"
        code = command.wait(600)
        left = command.outliving(20)
    first = time.monotonic() - started
    again = bucket.restore(AWS_ACCESS_KEY_ID="renewed")
    seconds = round(time.monotonic() - started)
    rows = bucket.rows()
    note(
        f"S3 credentials expired, run ended after {first:.0f} s",
        f"{code}, {again.code}",
        SCANS,
        len(rows),
        bucket.repeated(),
        left or "nothing",
        seconds,
    )
    said = [line for line in command.errors.splitlines() if line and "scans done" not in line]
    assert code == 4, command.errors
    assert len(said) == 1, command.errors
    assert said[0].startswith("albumen: ") and "session has expired" in said[0]
    assert left == []
    assert again.code == 0, again.errors
    bucket.assert_whole()
    assert bucket.repeated() <= SCANS
    assert bucket.stored() == before
