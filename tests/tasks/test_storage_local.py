import errno
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import storage
from tasks.errors import (
    DerivativeUnwritable,
    OutsideSource,
    SourceChanged,
    SourceUnreadable,
    StorageError,
    UsageError,
)
from tasks.records import Scan
from tasks.storage import Location


def located(path: Path) -> Location:
    return Location.parse(str(path))


def scan_of(path: Path) -> Scan:
    found = path.stat()
    return Scan(str(path), path.name, found.st_size, found.st_mtime_ns // 1000, None)


def test_parse_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Location.parse("scans/").uri == str(tmp_path / "scans")
    assert Location.parse("~/scans").uri == str(tmp_path / "home/scans")
    assert Location.parse("file:///data/my%20scans").uri == "/data/my scans"
    assert Location.parse("a/../b").is_local
    location = Location.parse("scans", {"key": "secret"})
    assert pickle.loads(pickle.dumps(location)) == location
    assert location.child("a/b.tif") == str(tmp_path / "scans/a/b.tif")


@pytest.mark.parametrize("text", ["", "a\0b", "s3://", "s3:///"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        Location.parse(text)


def test_options() -> None:
    assert storage.parse_options(["a=b", "c=d=e"]) == {"a": "b", "c": "d=e"}
    with pytest.raises(UsageError, match="key=value"):
        storage.parse_options(["endpoint"])
    with pytest.raises(UsageError, match="not known for S3"):
        Location.parse("s3://b", {"endpont_url": "http://x"})
    with pytest.raises(UsageError, match="true or false"):
        Location.parse("s3://b", {"anon": "perhaps"})
    with pytest.raises(UsageError, match="begin with http"):
        Location.parse("s3://b", {"endpoint_url": "localhost:9000"})
    secret = Location.parse("s3://b/p", {"aws_secret_access_key": "hush", "region_name": "x"})
    assert dict(secret.options)["secret"] == "hush"
    assert "hush" not in repr(secret)


def test_unknown_scheme_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="nonesuch"):
        storage.check_source(Location.parse("nonesuch://bucket/x"))
    with pytest.raises(UsageError, match="cannot be a destination"):
        storage.check_destination(Location.parse("memory://x"))


def test_check_source(tmp_path: Path) -> None:
    storage.check_source(located(tmp_path))
    with pytest.raises(StorageError, match="does not exist"):
        storage.check_source(located(tmp_path / "missing"))
    (tmp_path / "a.tif").write_bytes(b"x")
    with pytest.raises(StorageError, match="a file, not a folder"):
        storage.check_source(located(tmp_path / "a.tif"))


def test_check_destination_leaves_nothing(tmp_path: Path) -> None:
    storage.check_destination(located(tmp_path / "not/yet/there"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="is a file"):
        storage.check_destination(located(tmp_path / "file/below"))
    with pytest.raises(StorageError, match="/proc"):
        storage.check_destination(located(Path("/proc/albumen/out")))


def test_refuse_nesting(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "source/restored"
    destination.mkdir(parents=True)
    (tmp_path / "link").symlink_to(destination)
    for a, b in (
        (source, destination),
        (destination, source),
        (source, source),
        (source, tmp_path / "link"),
        (source, source / "not yet"),
    ):
        with pytest.raises(UsageError, match="Derivatives must be kept apart"):
            storage.refuse_nesting(located(a), located(b))
    storage.refuse_nesting(located(source), located(tmp_path / "source-restored"))
    s3 = Location.parse
    with pytest.raises(UsageError):
        storage.refuse_nesting(s3("s3://b"), s3("s3://b/out"))
    storage.refuse_nesting(s3("s3://b/scans"), s3("s3://b/scans2"))
    here = {"endpoint_url": "http://127.0.0.1:1"}
    storage.refuse_nesting(s3("s3://b"), s3("s3://b/out", here))


def test_listing_is_in_path_order_and_printable(tmp_path: Path) -> None:
    names = [b"b.tif", b"a/z.tif", b"a.tif", b"a-b.tif", b"\xff\xfe.tif", b"new\nline.tif"]
    for name in names:
        path = os.fsencode(tmp_path) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        Path(os.fsdecode(path)).write_bytes(name)
    Path(os.fsdecode(os.fsencode(tmp_path) + rb"/\udcff\udcfe.tif")).write_bytes(b"literal")
    listed = list(storage.list_files(located(tmp_path)))
    paths = [entry.relative_path for entry in listed]
    assert sorted(paths) != paths  # by bytes of the real path, as S3 does
    assert paths.index("a-b.tif") < paths.index("a.tif") < paths.index("a/z.tif")
    assert len(set(paths)) == len(names) + 1
    for entry in listed:
        entry.relative_path.encode()
        with storage.open_for_reading(located(tmp_path), entry.uri) as file:
            assert file.read()


def test_listing_does_not_follow_and_does_not_hide(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.tif").write_bytes(b"secret")
    (root / "real/a.tif").write_bytes(b"1234")
    (root / "inner.tif").symlink_to("real/a.tif")
    (root / "out.tif").symlink_to(outside / "secret.tif")
    (root / "dangling.tif").symlink_to("nowhere")
    (root / "loop.tif").symlink_to("loop.tif")
    (root / "folder").symlink_to(outside)
    (root / "cycle").symlink_to(root)
    os.mkfifo(root / "pipe.tif")
    found = {entry.relative_path: entry for entry in storage.list_files(located(root))}
    assert set(found) == {
        "real/a.tif",
        "inner.tif",
        "out.tif",
        "dangling.tif",
        "loop.tif",
        "folder",
        "cycle",
        "pipe.tif",
    }
    assert found["inner.tif"].problem is None and found["inner.tif"].size == 4
    assert "out of the source" in str(found["out.tif"].problem)
    assert "nowhere" in str(found["dangling.tif"].problem)
    assert found["loop.tif"].problem
    assert "pipe" in str(found["pipe.tif"].problem)
    assert found["folder"].kind == found["cycle"].kind == "folder link"
    with pytest.raises(SourceUnreadable, match="not a regular file"):
        storage.open_for_reading(located(root), str(root / "pipe.tif"))


def test_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open/a.tif").write_bytes(b"x")
    scandir = os.scandir

    def refuse(path: bytes) -> Iterator[os.DirEntry[bytes]]:
        if path.endswith(b"closed/"):  # root, who may run this, is refused nothing
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    closed, scan = storage.list_files(located(tmp_path))
    assert (closed.kind, closed.relative_path) == ("unreadable folder", "closed")
    assert closed.problem == "Permission denied"
    assert scan.relative_path == "open/a.tif"


def test_local_copy_is_the_file_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(b"pixels")
    with storage.local_copy(located(tmp_path), scan_of(file)) as path:
        assert path == file


def test_local_copy_notices_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(b"pixels")
    scan = scan_of(file)
    with (
        pytest.raises(SourceChanged, match="changed since"),
        storage.local_copy(located(tmp_path), scan) as path,
    ):
        path.write_bytes(b"other pixels")
    with pytest.raises(SourceChanged), storage.local_copy(located(tmp_path), scan):
        pytest.fail("a changed scan was handed out")
    file.unlink()
    with (
        pytest.raises(SourceUnreadable, match="no longer there"),
        storage.local_copy(located(tmp_path), scan),
    ):
        pytest.fail("a vanished scan was handed out")


def test_local_copy_stays_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    secret = tmp_path / "secret.tif"
    secret.write_bytes(b"secret")
    inner = root / "a.tif"
    inner.write_bytes(b"secret")
    scan = scan_of(inner)
    inner.unlink()
    inner.symlink_to(secret)  # swapped after the inventory
    with pytest.raises(OutsideSource), storage.local_copy(located(root), scan):
        pytest.fail("a file outside the source was handed out")
    told = Scan(str(inner), "a.tif", 6, 0, None, problem="a symbolic link that leads out")
    with pytest.raises(OutsideSource, match="leads out"), storage.local_copy(located(root), told):
        pytest.fail("a scan with a problem was handed out")


def test_put_and_read_back(tmp_path: Path) -> None:
    destination = located(tmp_path / "out")
    made = storage.put_bytes(destination, "previews/a/b.tif.jpg", b"jpeg", "preview")
    assert (made.kind, made.path, made.bytes, made.etag) == (
        "preview",
        "previews/a/b.tif.jpg",
        4,
        None,
    )
    (listed,) = storage.list_files(destination, "previews")
    assert (listed.relative_path, listed.size, listed.modified_us) == (
        made.path,
        made.bytes,
        made.modified_us,
    )
    big = tmp_path / "big"
    big.write_bytes(os.urandom(3 << 20))
    storage.put_file(destination, "restored/big.tif", big, "restored", "0" * 64)
    assert storage.read_bytes(destination, "restored/big.tif") == big.read_bytes()
    assert big.exists()
    assert storage.exists(destination, "restored/big.tif")
    storage.remove(destination, "restored/big.tif")
    storage.remove(destination, "restored/big.tif")
    assert not storage.exists(destination, "restored/big.tif")
    with pytest.raises(StorageError, match="missing"):
        storage.read_bytes(destination, "restored/big.tif")
    assert list(storage.list_files(destination, ".albumen/tmp")) == []
    assert list(storage.list_files(destination, "nonesuch")) == []


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    destination = located(tmp_path / "out")
    storage.put_bytes(destination, "restored/a", b"a file", "restored")
    with pytest.raises(DerivativeUnwritable, match="restored/a"):
        storage.put_bytes(destination, "restored/a/b.tif", b"x", "restored")
    with pytest.raises(DerivativeUnwritable):
        storage.put_file(destination, "restored/c.tif", tmp_path / "none", "restored", "")
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert files == [tmp_path / "out/restored/a"]


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DerivativeUnwritable, match="No space left"):
        storage.put_bytes(located(tmp_path), "restored/a.tif", b"x", "restored")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_clear_unfinished(tmp_path: Path) -> None:
    leftover = tmp_path / ".albumen/tmp/0123"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half a derivative")
    assert storage.clear_unfinished(located(tmp_path)) == 1
    assert not leftover.exists()


def test_only_one_creates_and_only_one_replaces(tmp_path: Path) -> None:
    store = storage.writable(located(tmp_path))
    start = threading.Barrier(8)
    tokens: list[tuple[bytes, str]] = []

    def create(number: int) -> None:
        start.wait()
        token = store.create_exclusive(".albumen/lease", b"%d" % number)
        if token:
            tokens.append((b"%d" % number, token))

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((content, token),) = tokens
    assert store.read(".albumen/lease") == (content, token)
    assert store.replace_if_same(".albumen/lease", b"x", "other") is None
    newer = store.replace_if_same(".albumen/lease", b"x", token)
    assert store.read(".albumen/lease") == (b"x", newer)
