"""What is downloaded is whole and the right file, however badly the connection behaves."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, serving

from flows.download import Download, DownloadFailed

CONTENT = random.Random(3).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT, "weights.zip") as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "weights.zip"


def fetch(server: FileServer, target: Path, sha256: str | None = SHA256) -> Path:
    return Download(server.url, target, sha256, pause=0).run()


def assert_whole(target: Path) -> None:
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_file_arrives_and_its_progress_is_told(server: FileServer, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    Download(server.url, target, SHA256, len(CONTENT), lambda *at: told.append(at)).run()
    assert_whole(target)
    assert told == sorted(told)
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_connection_is_taken_up_where_it_broke(server: FileServer, target: Path) -> None:
    server.cuts = [100_000, 50_000]
    fetch(server, target)
    assert_whole(target)
    assert server.asked == ["", "bytes=100000-", "bytes=150000-"]


def test_an_interrupted_command_goes_on_from_what_it_had(server: FileServer, target: Path) -> None:
    def interrupted(have: int, _: int | None) -> None:
        if have > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Download(server.url, target, SHA256, progress=interrupted).run()
    assert not target.exists()
    have = target.with_name("weights.zip.part").stat().st_size
    assert have > 100_000
    fetch(server, target)
    assert_whole(target)
    assert server.asked == ["", f"bytes={have}-"]


def test_a_part_of_another_version_is_not_gone_on_with(server: FileServer, target: Path) -> None:
    server.content, server.cuts = CONTENT[::-1], [100_000]
    with pytest.raises(KeyboardInterrupt):
        _stop_after_the_first_cut(server, target)
    server.content, server.etag = CONTENT, '"two"'
    fetch(server, target)
    assert_whole(target)


def _stop_after_the_first_cut(server: FileServer, target: Path) -> None:
    def progress(have: int, _: int | None) -> None:
        if have == 100_000:
            raise KeyboardInterrupt

    Download(server.url, target, progress=progress).run()


@pytest.mark.parametrize("lacking", ["ranges", "etag"])
def test_without_ranges_or_a_version_it_begins_again(
    server: FileServer, target: Path, lacking: str
) -> None:
    setattr(server, lacking, False if lacking == "ranges" else "")
    server.cuts = [100_000]
    fetch(server, target)
    assert_whole(target)


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_kept(
    server: FileServer, target: Path
) -> None:
    server.cuts = [1000] + [0] * 20
    with pytest.raises(DownloadFailed, match="1000 bytes are kept, the same command goes on"):
        fetch(server, target)
    server.cuts = []
    fetch(server, target)
    assert_whole(target)
    assert server.asked[-1] == "bytes=1000-"


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_file_with_another_hash_is_deleted(
    server: FileServer, target: Path, size: int | None
) -> None:
    server.content = CONTENT[:-1] + b"x" if CONTENT[-1:] != b"x" else CONTENT[:-1] + b"y"
    with pytest.raises(DownloadFailed, match=f"not the file it should be.*{SHA256} expected"):
        Download(server.url, target, SHA256, size).run()
    assert list(target.parent.iterdir()) == []


def test_a_file_of_another_size_is_not_even_begun(server: FileServer, target: Path) -> None:
    with pytest.raises(DownloadFailed, match="has 300000 bytes, 5 were expected"):
        Download(server.url, target, size=5).run()
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_file_that_is_not_there_is_said_at_once(
    server: FileServer, target: Path, status: int
) -> None:
    server.status = status
    with pytest.raises(DownloadFailed, match=f"{status} .*albumen weights import PATH"):
        fetch(server, target)
    assert len(server.asked) == 1
    assert list(target.parent.iterdir()) == []


def test_a_busy_server_is_asked_again_before_giving_up(server: FileServer, target: Path) -> None:
    server.status = 503
    with pytest.raises(DownloadFailed, match="503 Service Unavailable, 5 times over"):
        fetch(server, target)
    assert len(server.asked) == 5


def test_a_redirection_is_followed(server: FileServer, target: Path) -> None:
    server.redirect = True
    fetch(server, target)
    assert_whole(target)


def test_a_file_that_had_all_arrived_is_not_fetched_twice(server: FileServer, target: Path) -> None:
    def killed(have: int, total: int | None) -> None:
        if have == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Download(server.url, target, SHA256, progress=killed).run()
    fetch(server, target)
    assert_whole(target)
    assert server.asked == ["", f"bytes={len(CONTENT)}-"]


def test_a_server_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1:9.*5 times over"):
        Download("http://127.0.0.1:9/weights.zip", tmp_path / "weights.zip", pause=0).run()


def test_a_full_disk_is_noticed_before_the_first_byte(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    with pytest.raises(DownloadFailed, match="1000 bytes left, 300000 are needed"):
        fetch(server, target)
