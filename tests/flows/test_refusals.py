"""Foreseeable mistakes: one clear line, a documented exit code, and nothing made."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import prefect_server
import pytest
from cli import LIGHT, SECONDS, Cli, Finished, ask
from small_collection import save, state_of

USAGE, ENVIRONMENT, LEASE = 2, 4, 5


def check_refused(finished: Finished, code: int, *words: str) -> None:
    assert finished.code == code, finished
    assert finished.out == ""
    (line,) = finished.err.splitlines()
    assert line.startswith("albumen: ")
    for word in words:
        assert word in line


@pytest.fixture
def scans(folders: tuple[Path, Path]) -> Path:
    save(folders[0] / "a.png")
    return folders[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bogus"], ["--bogus", "albumen restore --help"]),
        (["--stages", "damage,smile"], ["'smile'", "damage,faces,color"]),
        (["--stages", ","], ["--stages"]),
        (["--colorize", "sometimes"], ["--colorize", "'auto'"]),
        (["--format", "gif"], ["--format", "'tiff'"]),
        (["--limit", "0"], ["--limit"]),
        (["--limit", "many"], ["--limit", "integer"]),
        (["--sample", "-3"], ["--sample"]),
        (["--partition-scans", "5000"], ["--partition-scans", "1000"]),
        (["--partition-bytes", "much"], ["--partition-bytes", "4GiB"]),
        (["--object-store", "1kB"], ["--object-store"]),
        (["--lanes", "0"], ["--lanes"]),
        (["--max-failed", "-1"], ["--max-failed"]),
        (["--storage-option", "nonsense"], ["key=value"]),
        (["--ray-address", "nowhere"], ["--ray-address", "host:port"]),
        (["--ray-address", "ray://localhost:10001"], ["--ray-address", "host:port"]),
        (["--list", "/no/such/list.csv"], ["list.csv", "No such file"]),
        (["one too many"], ["one too many"]),
    ],
)
def test_an_option_that_makes_no_sense(
    scans: Path, folders: tuple[Path, Path], options: list[str], words: list[str]
) -> None:
    check_refused(ask("restore", scans, folders[1], *options), USAGE, *words)
    assert not folders[1].exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["line 1", "`path`"]),
        (b"path\n", ["names no scan"]),
        (b"file\na.png\n", ["line 1", "`path`"]),
        (b"path,colourise\na.png,never\n", ["line 1", "'colourise'"]),
        (b"path,stages\na.png,smile\n", ["line 2", "smile"]),
        (b"path,colorize\na.png,sometimes\n", ["line 2", "colorize"]),
        (b"path,faces\n\na.png,none\n", ["line 3", "faces"]),
        (b"path\na.png\n./a.png\n", ["line 3", "before"]),
        (b"path\n/etc/passwd\n", ["line 2", "below SOURCE"]),
        (b"path\n\xff\xfe.png\n", ["UTF-8"]),
        (b"path,stages\na.png\n", ["line 2", "1 fields"]),
        (b'path\n"a.png\n', ["CSV"]),
    ],
)
def test_a_list_that_cannot_be_obeyed(
    scans: Path, folders: tuple[Path, Path], tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    listed = ("--list", tmp_path / "list.csv")
    check_refused(ask("restore", scans, folders[1], *listed), USAGE, "list.csv", *words)
    check_refused(ask("plan", scans, folders[1], *listed), USAGE, "list.csv", *words)
    assert not folders[1].exists()


def test_a_missing_source(folders: tuple[Path, Path], tmp_path: Path) -> None:
    finished = ask("restore", tmp_path / "nothing here", folders[1])
    check_refused(finished, ENVIRONMENT, "nothing here", "does not exist")
    assert not folders[1].exists()


def test_a_source_that_is_a_file(scans: Path, folders: tuple[Path, Path]) -> None:
    check_refused(ask("restore", scans / "a.png", folders[1]), ENVIRONMENT, "not a folder")
    assert not folders[1].exists()


def test_a_destination_that_cannot_be_written(scans: Path) -> None:
    before = state_of(scans)
    check_refused(ask("restore", scans, "/proc/nowhere"), ENVIRONMENT, "/proc")
    check_refused(ask("restore", scans, "/etc/passwd/here"), ENVIRONMENT, "/etc/passwd")
    assert state_of(scans) == before


def test_a_destination_that_must_not_be_written(scans: Path, tmp_path: Path) -> None:
    """Any user but root is refused by the permissions of the folder."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "locked").mkdir(mode=0o555)
    finished = ask("restore", scans, tmp_path / "locked/out")
    check_refused(finished, ENVIRONMENT, "locked", "Permission denied")


@pytest.mark.parametrize("nested", ["inside", "around", "same", "by a link"])
def test_source_and_destination_in_each_other(scans: Path, tmp_path: Path, nested: str) -> None:
    (tmp_path / "link").symlink_to(scans)
    destination = {
        "inside": scans / "out/put",
        "around": scans.parent,
        "same": scans,
        "by a link": tmp_path / "link/out",
    }[nested]
    before = state_of(scans)
    check_refused(ask("restore", scans, destination), USAGE, "SOURCE", "DESTINATION")
    assert state_of(scans) == before


@pytest.mark.parametrize("command", ["status", "verify", "report"])
def test_a_destination_without_a_collection(tmp_path: Path, command: str) -> None:
    check_refused(ask(command, tmp_path), ENVIRONMENT, "no restored collection")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_aws")
def test_s3_without_credentials(scans: Path, folders: tuple[Path, Path]) -> None:
    check_refused(ask("restore", "s3://bucket/x", folders[1]), ENVIRONMENT, "credentials")
    check_refused(ask("restore", scans, "s3://bucket/x"), ENVIRONMENT, "credentials")
    assert not folders[1].exists()


@pytest.mark.usefixtures("no_aws")
def test_s3_that_cannot_be_reached(
    scans: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    endpoint = f"endpoint_url=http://127.0.0.1:{prefect_server.free_port()}"
    for places in (("s3://bucket/x", folders[1]), (scans, "s3://bucket/x")):
        finished = ask("restore", *places, "--storage-option", endpoint)
        check_refused(finished, ENVIRONMENT, "cannot be reached", "endpoint_url")
    assert not folders[1].exists()


def test_a_ray_address_where_nothing_answers(scans: Path, folders: tuple[Path, Path]) -> None:
    address = f"127.0.0.1:{prefect_server.free_port()}"
    finished = ask("restore", scans, folders[1], "--ray-address", address)
    check_refused(finished, ENVIRONMENT, address, "no Ray cluster answers")
    assert not folders[1].exists()


def test_a_ray_cluster_that_asks_for_a_token(
    scans: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        finished = ask("restore", scans, folders[1], "--ray-address", address)
    check_refused(finished, ENVIRONMENT, "RAY_AUTH_TOKEN")
    assert not folders[1].exists()


def test_a_prefect_server_that_does_not_answer(
    scans: Path, folders: tuple[Path, Path], bare_cli: Cli
) -> None:
    url = f"http://127.0.0.1:{prefect_server.free_port()}/api"
    cli = bare_cli.with_environment(PREFECT_API_URL=url)
    finished = cli.run("restore", scans, folders[1])
    check_refused(finished, ENVIRONMENT, url, "PREFECT_API_URL")
    assert not folders[1].exists()


def test_a_second_run_on_the_same_destination(cli: Cli, tmp_path: Path) -> None:
    """It ends at once with one line, and the first one does not notice."""
    source, destination = tmp_path / "scans", tmp_path / "out"
    for number in range(30):
        save(source / f"{number}.png", number)
    first = cli.start("restore", source, destination, *LIGHT)
    deadline = time.monotonic() + SECONDS
    while not (destination / ".albumen/lease").exists():
        assert first.process.poll() is None, first.wait()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = cli.run("restore", source, destination, *LIGHT)
    told = json.loads(ask("status", destination, "--json").out)
    assert first.process.poll() is None
    check_refused(second, LEASE, "another run", f"process {first.process.pid}", str(destination))
    assert told["lease"]["alive"] is True
    assert told["runs"][0]["ended"] is None
    finished = first.wait()
    assert finished.code == 0, finished
    assert len(list((destination / ".albumen/runs").iterdir())) == 1
