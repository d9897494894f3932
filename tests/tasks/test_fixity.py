"""Masters that rot: found by hashing a part of them again, reported, and never restored from."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from nights import night, plan_of, restored, scans_in

from tasks import current, ledger, storage
from tasks.errors import UsageError
from tasks.fixity import Fixity, check_masters
from tasks.partition import Job
from tasks.records import MASTER_ALTERED, Row
from tasks.share import Share
from tasks.storage import Location

NAMES = [f"box/{number:02}.tif" for number in range(20)]
ALL = Share(fraction=1.0)


@pytest.fixture
def place(tmp_path: Path) -> tuple[Location, Location]:
    """A source and a destination whose rows know what the masters were."""
    scans_in(tmp_path / "in", NAMES)

    def hashed(destination: Location, job: Job) -> list[Row]:
        sha256 = hashlib.sha256(Path(job.scan.uri).read_bytes()).hexdigest()
        return [row | {"source_sha256": sha256} for row in restored(destination, job)]

    source, out = (Location.parse(str(tmp_path / name)) for name in ("in", "out"))
    night(source, out, ends=dict.fromkeys(NAMES, hashed))
    return source, out


def rot(file: Path) -> bytes:
    """Change a bit and leave size and time as they were; the content before."""
    before, found = file.read_bytes(), file.stat()
    file.write_bytes(bytes([before[0] ^ 1]) + before[1:])
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    return before


def check(place: tuple[Location, Location], share: Share = ALL, **more: Any) -> Fixity:
    return check_masters(*place, ledger.start_run(place[1]), share, **more)


def flagged(destination: Location) -> set[str]:
    return {
        row["relative_path"]
        for batch in current.current_batches(destination)
        for row in batch.to_pylist()
        if MASTER_ALTERED in (row["flags"] or ())
    }


def test_all_as_they_were(place: tuple[Location, Location]) -> None:
    found = check(place)
    assert found.checked == 20 and found.bytes > 0
    assert found == Fixity(checked=20, bytes=found.bytes)
    assert len(ledger.list_parts(place[1])) == 1  # no row is written for it


def test_an_altered_master_is_flagged_and_left_alone(
    place: tuple[Location, Location], tmp_path: Path
) -> None:
    before = rot(tmp_path / "in/box/03.tif")
    found = check(place)
    assert [path for path, _ in found.altered.examples] == ["box/03.tif"]
    assert "SHA-256" in found.altered.examples[0][1]
    assert flagged(place[1]) == {"box/03.tif"}
    # its derivative goes missing, and is not made from what the master is now
    storage.remove(place[1], "restored/box/03.tif")
    storage.remove(place[1], "restored/box/04.tif")
    plan = plan_of(*place, refresh=True)
    assert (plan.scans, plan.altered) == (1, 1) and dict(plan.reasons) == {"derivatives": 1}
    # every run looks at it again; nothing new is written
    parts = len(ledger.list_parts(place[1]))
    assert check(place, Share(scans=1)).altered.count == 1
    assert len(ledger.list_parts(place[1])) == parts
    # back from a backup, time and all
    file = tmp_path / "in/box/03.tif"
    found_at = file.stat()
    file.write_bytes(before)
    os.utime(file, ns=(found_at.st_atime_ns, found_at.st_mtime_ns))
    found = check(place, Share(scans=1))
    assert found.recovered.count == 1 and not found.altered.count
    assert flagged(place[1]) == set()
    assert plan_of(*place).scans == 2


def test_changed_and_gone_masters_are_for_the_plan(
    place: tuple[Location, Location], tmp_path: Path
) -> None:
    (tmp_path / "in/box/00.tif").unlink()
    (tmp_path / "in/box/01.tif").write_bytes(b"another scan altogether")
    found = check(place)
    assert (found.checked, found.skipped) == (18, 2)
    assert not found.altered.count and not found.unreadable.count
    assert dict(plan_of(*place).reasons) == {"changed": 1}


def test_a_master_that_cannot_be_read(place: tuple[Location, Location], tmp_path: Path) -> None:
    file = tmp_path / "in/box/02.tif"
    file.unlink()
    file.symlink_to("/etc/hostname")  # out of the source
    found = check(place)
    assert found.unreadable.count == 1 and found.checked == 19


def test_another_part_each_time_until_all_were_seen(place: tuple[Location, Location]) -> None:
    from tasks.fixity import _sample

    seen: list[str] = []
    for sequence in range(1, 6):
        masters = _sample(place[1], sequence, Share(fraction=0.2))
        assert len(masters) == 4
        assert masters == _sample(place[1], sequence, Share(fraction=0.2))
        seen += [master.scan.relative_path for master in masters]
    assert len(set(seen)) >= 15  # a window over hashes: about all of twenty


def test_it_ends_when_the_night_does(place: tuple[Location, Location]) -> None:
    looks = iter([False, True, True])
    found = check(place, is_over=lambda: next(looks))
    assert (found.checked, found.left) == (4, 16)


def test_shares() -> None:
    assert Share.parse("1%").of(1000) == 10 and Share.parse("0.5 %").of(10) == 1
    assert Share.parse("200").of(1000) == 200 and Share.parse("200").of(7) == 7
    for wrong in ("0", "-3", "0%", "101%", "some", "1,5%", ""):
        with pytest.raises(UsageError, match="--verify-source"):
            Share.parse(wrong)
