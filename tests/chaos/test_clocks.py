"""Hosts whose clocks disagree by hours: who holds a destination is judged by heartbeats alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faulty_s3
import foreign_host
import pytest
from faults import Collection, Note, collection
from s3_collection import S3Collection

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SCANS = 70
A_PART = 50
HOURS = 3600
Host = Callable[[str, int], dict[str, str]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """The environment of a host by its name, and by how far its clock is ahead."""
    library = foreign_host.build(tmp_path)
    if library is None:
        pytest.skip("another clock is preloaded, which needs a C compiler")
    return lambda name, ahead: foreign_host.environment(library, name, ahead)


@pytest.mark.parametrize("ahead", [5 * HOURS, -5 * HOURS], ids=["back", "forth"])
def test_the_lease_of_a_host_that_died_is_taken_over(
    place: Collection, host: Host, note: Note, ahead: int
) -> None:
    """By one whose clock is ten hours before or behind; the next night has the right time."""
    collection(place.source, SCANS)
    started = time.monotonic()
    with place.restoring(**host("attic", ahead)) as command:
        command.until(lambda: len(place.written()) >= 10, "progress", 300)
        command.kill()
        left = command.outliving(15)
    again = place.restore(seconds=400, **host("cellar", -ahead))
    seconds = round(time.monotonic() - started)
    note(
        f"host {ahead // HOURS:+d} h died, taken over by one {-ahead // HOURS:+d} h",
        f"-9, {again.code}",
        SCANS,
        len(place.rows()),
        place.repeated(),
        left or "nothing",
        seconds,
    )
    assert again.code == 0, again.errors
    place.assert_whole()
    assert place.repeated() <= A_PART + 2
    runs = place.rows()["run_sequence"]
    assert runs.isin((1, 2)).all() and (runs == 2).any()
    done = place.written().total()
    assert place.restore().code == 0
    assert place.written().total() == done
    place.assert_whole()


@pytest.mark.parametrize("ahead", [5 * HOURS, -5 * HOURS], ids=["ahead", "behind"])
def test_a_living_host_is_not_taken_for_dead(
    place: Collection, host: Host, note: Note, ahead: int
) -> None:
    collection(place.source, SCANS)
    started = time.monotonic()
    place.sabotage({"point": "tasks.report.write_report", "do": "dawdle"})
    with place.restoring(**host("attic", ahead)) as command:
        command.until(lambda: len(place.written()) >= 5, "progress", 300)
        second = place.restore(seconds=400, **host("cellar", -ahead))
        code = command.wait(400)
    seconds = round(time.monotonic() - started)
    note(
        f"a second driver, clocks {2 * abs(ahead) // HOURS} h apart",
        f"{code}, {second.code}",
        SCANS,
        len(place.rows()),
        place.repeated(),
        "nothing",
        seconds,
    )
    assert second.code == 5, second.errors
    said = [line for line in second.errors.splitlines() if line]
    assert len(said) == 1 and said[0].startswith("albumen: another run is working on"), said
    assert "on attic" in said[0]
    assert code == 0, command.errors
    place.assert_whole()
    assert place.repeated() == 0


@pytest.fixture
def bucket(tmp_path: Path, prefect_api: str) -> Iterator[S3Collection]:
    with faulty_s3.running() as service:
        service.faults.checks_clocks = True
        yield S3Collection(tmp_path, {"PREFECT_API_URL": prefect_api}, service)


def test_a_clock_that_s3_refuses_and_one_that_it_bears(
    bucket: S3Collection, host: Host, note: Note
) -> None:
    collection(bucket.source, 12)
    bucket.upload()
    started = time.monotonic()
    refused = bucket.restore(**host("attic", 5 * HOURS))
    borne = bucket.restore(seconds=400, **host("attic", -10 * 60))
    seconds = round(time.monotonic() - started)
    codes = f"{refused.code}, {borne.code}"
    note("S3, clock 5 h ahead, then 10 min behind", codes, 12, len(bucket.rows()), 0, "", seconds)
    assert refused.code == 4
    assert "this machine's clock is wrong" in refused.errors
    assert len(refused.errors.splitlines()) == 1, refused.errors
    assert borne.code == 0, borne.errors
    bucket.assert_whole()
    assert bucket.repeated() == 0
