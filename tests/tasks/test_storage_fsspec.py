from collections.abc import Iterator

import fsspec
import pytest

from tasks import storage
from tasks.errors import SourceUnreadable, StorageError
from tasks.inventory import take_inventory
from tasks.storage import Location

SOURCE = Location.parse("memory://collection")


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    memory = fsspec.filesystem("memory")
    for name in ("b/z.tif", "b.tif", "a.tif", "b/a.jpg", "notes.txt"):
        memory.pipe(f"/collection/{name}", name.encode())
    memory.pipe("/collection-other/c.tif", b"c")
    yield
    memory.store.clear()


def test_inventory_in_path_order() -> None:
    inventory = take_inventory(SOURCE)
    scans = list(inventory.scans())
    assert [scan.relative_path for scan in scans] == ["a.tif", "b.tif", "b/a.jpg", "b/z.tif"]
    assert scans[0].size == 5 and scans[0].modified_us
    assert inventory.ignored == {".txt": 1}
    storage.check_source(SOURCE)


def test_reading() -> None:
    scans = {scan.relative_path: scan for scan in take_inventory(SOURCE).scans()}
    with storage.local_copy(SOURCE, scans["b/a.jpg"]) as path:
        assert path.read_bytes() == b"b/a.jpg"
    with storage.open_for_reading(SOURCE, scans["b.tif"].uri) as file:
        assert file.read() == b"b.tif"


def test_what_is_missing() -> None:
    with pytest.raises(StorageError, match="does not exist"):
        storage.check_source(Location.parse("memory://nonesuch"))
    with pytest.raises(SourceUnreadable):
        storage.open_for_reading(SOURCE, "memory://collection/none.tif")


def test_a_folder_that_cannot_be_listed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = type(fsspec.filesystem("memory"))
    ls = memory.ls

    def refusing(self: object, path: str, **options: object) -> object:
        if path.endswith("/b"):
            raise PermissionError("closed")
        return ls(self, path, **options)

    monkeypatch.setattr(memory, "ls", refusing)
    inventory = take_inventory(SOURCE)
    assert [scan.relative_path for scan in inventory.scans()] == ["a.tif", "b.tif"]
    assert inventory.unreadable.count == 1
    assert "closed" in inventory.unreadable.examples[0][1]
