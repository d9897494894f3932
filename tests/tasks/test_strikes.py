from dataclasses import replace
from pathlib import Path

import pytest

from tasks import storage, strikes
from tasks.records import Scan
from tasks.storage import Location

SCAN = Scan("/scans/box/new\nline.tif", "box/new\nline.tif", 10, 1_000, None)
OTHER = Scan("/scans/b.tif", "b.tif", 10, 1_000, "etag")


@pytest.fixture
def destination(tmp_path: Path) -> Location:
    return Location.parse(str(tmp_path))


def test_strikes_are_counted_and_cleared(destination: Location) -> None:
    assert strikes.count(destination, SCAN) == 0
    assert strikes.add(destination, SCAN) == 1
    assert strikes.add(destination, SCAN) == 2
    assert strikes.count(destination, SCAN) == 2
    assert strikes.count(destination, OTHER) == 0
    assert strikes.counts(destination, [OTHER, SCAN]) == {SCAN.relative_path: 2}
    strikes.clear(destination, SCAN)
    strikes.clear(destination, SCAN)
    assert strikes.count(destination, SCAN) == 0
    assert strikes.counts(destination, [OTHER, SCAN]) == {}


@pytest.mark.parametrize("change", [{"size": 11}, {"modified_us": 2_000}, {"etag": "new"}])
def test_changed_scan_starts_afresh(destination: Location, change: dict[str, object]) -> None:
    strikes.add(destination, SCAN)
    strikes.add(destination, SCAN)
    changed = replace(SCAN, **change)  # type: ignore[arg-type]
    assert strikes.count(destination, changed) == 0
    assert strikes.add(destination, changed) == 1


def test_known_files_spare_a_listing(destination: Location) -> None:
    strikes.add(destination, SCAN)
    known = strikes.paths(destination)
    assert len(known) == 1
    assert strikes.counts(destination, [SCAN, OTHER], known) == {SCAN.relative_path: 1}
    assert strikes.counts(destination, [SCAN], frozenset()) == {}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"count": 2}', b'{"fingerprint": 1, "count": "x"}']
)
def test_unreadable_strikes_count_for_nothing(destination: Location, content: bytes) -> None:
    strikes.add(destination, SCAN)
    (path,) = strikes.paths(destination)
    storage.write_bytes(destination, path, content)
    assert strikes.count(destination, SCAN) == 0
    assert strikes.add(destination, SCAN) == 1
