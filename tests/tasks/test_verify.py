from pathlib import Path

import pytest
from nights import failed, night, restored, scans_in

from tasks import storage
from tasks.partition import Job
from tasks.records import Row
from tasks.storage import Location
from tasks.verify import Verification, verify

NAMES = ["a.tif", "b.jpg", "box/c.tif", "box/écran 写.tif"]


@pytest.fixture
def source(tmp_path: Path) -> Location:
    scans_in(tmp_path / "in", NAMES)
    return Location.parse(str(tmp_path / "in"))


def test_all_as_it_should_be(source: Location, destination: Location) -> None:
    night(source, destination)
    told: list[tuple[int, int]] = []
    found = verify(destination, lambda files, size: told.append((files, size)))
    assert found.ok and found.checked == 8 and found.bytes > 0
    assert told[-1] == (8, found.bytes) and len(told) == 8


def test_an_empty_destination(tmp_path: Path) -> None:
    found = verify(Location.parse(str(tmp_path)))
    assert found.ok and found == Verification()


def test_missing_altered_and_stray(source: Location, destination: Location) -> None:
    night(source, destination)
    storage.remove(destination, "restored/a.tif")
    content = storage.read_bytes(destination, "restored/b.jpg")
    storage.put_bytes(destination, "restored/b.jpg", content[::-1], "restored")
    storage.put_bytes(destination, "previews/b.jpg.jpg", b"cut", "preview")
    storage.put_bytes(destination, "restored/box/stranger.tif", b"?", "restored")
    storage.put_bytes(destination, "masks/stranger.png", b"?", "mask")
    storage.write_bytes(destination, "report/index.html", b"not a derivative")
    found = verify(destination)
    assert not found.ok
    assert found.missing.examples == [("restored/a.tif", "there is no such file")]
    altered = dict(found.altered.examples)
    assert set(altered) == {"restored/b.jpg", "previews/b.jpg.jpg"}
    assert "other content" in altered["restored/b.jpg"]
    assert "3 bytes" in altered["previews/b.jpg.jpg"]
    assert {path for path, _ in found.stray.examples} == {
        "restored/box/stranger.tif",
        "masks/stranger.png",
    }
    assert found.checked == 7


def test_pages_are_hashed_once(source: Location, tmp_path: Path) -> None:
    def book(destination: Location, job: Job) -> list[Row]:
        (row,) = restored(destination, job)
        return [row | {"page": page} for page in range(5)]

    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination, ends=dict.fromkeys(NAMES, book))
    assert verify(destination).checked == 8


def test_what_a_failure_leaves_behind_is_stray(source: Location, tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination)
    scans_in(tmp_path / "in", ["a.tif"], b"changed")
    night(source, destination, ends={"a.tif": failed("CorruptImage")})
    found = verify(destination)
    assert {path for path, _ in found.stray.examples} == {"restored/a.tif", "previews/a.tif.jpg"}
    assert found.missing.count == found.altered.count == 0


def test_examples_are_bounded(tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path))
    scans_in(tmp_path, [f"restored/{n}.tif" for n in range(150)])
    found = verify(destination)
    assert found.stray.count == 150 and len(found.stray.examples) == 100


def test_a_file_that_cannot_be_read(source: Location, tmp_path: Path) -> None:
    destination = Location.parse(str(tmp_path / "out"))
    night(source, destination)
    file = tmp_path / "out/restored/a.tif"
    file.unlink()
    file.mkdir()
    found = verify(destination)
    assert found.unreadable.count == 1 and not found.ok
    assert "not a regular file" in found.unreadable.examples[0][1]
