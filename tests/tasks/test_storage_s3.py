import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3_server
from s3_server import S3Server

from tasks import storage, storage_s3, storage_s3_options
from tasks.errors import SourceChanged, SourceUnreadable, StorageError, UsageError
from tasks.records import Scan
from tasks.storage import Listed, Location


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server.running() as running, s3_server.environment_of(running):
        yield running


@pytest.fixture
def bucket(server: S3Server) -> str:
    return server.bucket()


def at(bucket: str, prefix: str = "out", **options: str) -> Location:
    return Location.parse(f"s3://{bucket}/{prefix}", options)


def scan_of(listed: Listed) -> Scan:
    return Scan(listed.uri, listed.relative_path, listed.size, listed.modified_us, listed.etag)


def test_location_carries_endpoint_and_region_but_no_credentials(bucket: str) -> None:
    options = dict(at(bucket).options)
    assert options == {
        "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
        "region": "us-east-1",
    }
    assert dict(at(bucket, endpoint_url="http://other").options)["endpoint_url"] == "http://other"


def test_options_reach_s3fs() -> None:
    arguments = storage_s3_options.s3fs_arguments(
        {
            "endpoint_url": "http://x",
            "key": "k",
            "secret": "s",
            "token": "t",
            "region": "eu-central-1",
            "profile": "museum",
            "anon": "no",
            "verify": "/etc/ca.pem",
            "addressing_style": "path",
            "read_timeout": "2.5",
        },
        patient=True,
    )
    assert arguments["key"] == "k" and arguments["secret"] == "s" and arguments["token"] == "t"
    assert arguments["endpoint_url"] == "http://x" and arguments["profile"] == "museum"
    assert arguments["anon"] is False
    assert arguments["client_kwargs"] == {"region_name": "eu-central-1", "verify": "/etc/ca.pem"}
    assert arguments["config_kwargs"]["s3"] == {"addressing_style": "path"}
    assert arguments["config_kwargs"]["read_timeout"] == 2.5
    checking = storage_s3_options.s3fs_arguments({"read_timeout": "300"}, patient=False)
    assert checking["config_kwargs"]["read_timeout"] < 300
    with pytest.raises(UsageError, match="read_timeout=soon must be a number of seconds"):
        storage_s3_options.checked({"read_timeout": "soon"})


def test_profile_of_the_aws_configuration(
    server: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile museum]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
        f"region = us-east-1\nendpoint_url = {server.endpoint_url}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    storage.check_destination(at(bucket, profile="museum"))


def test_listing_streams_page_by_page(
    server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_s3, "_PAGE", 20)
    client = server.client
    names = [f"scans/{n % 7}/{n:05d}.tif" for n in range(130)]
    for name in [*names, "scans-other/a.tif"]:
        client.put_object(Bucket=bucket, Key=name, Body=b"x")
    client.put_object(Bucket=bucket, Key="scans/folder marker/", Body=b"")
    listed = storage.list_files(at(bucket, "scans"))
    first = next(listed)
    assert first.relative_path == "0/00000.tif" and first.size == 1 and first.etag
    rest = [entry.relative_path for entry in listed]
    assert [f"scans/{path}" for path in [first.relative_path, *rest]] == sorted(names)


@pytest.mark.parametrize(
    "name",
    ["a b+c?versionId=3#é%20&=.jpg", "a//b.jpg", "../up.jpg", "./a.jpg", "-x.jpg", "'\".jpg"],
)
def test_keys_are_used_exactly(server: S3Server, bucket: str, name: str) -> None:
    server.client.put_object(Bucket=bucket, Key=f"scans/{name}", Body=b"0123456789" * 100)
    source = at(bucket, "scans")
    (listed,) = storage.list_files(source)
    assert listed.relative_path == name
    with storage.open_for_reading(source, listed.uri) as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == b"56789"
        file.seek(995)
        assert file.read(100) == b"56789"
        assert file.read(1) == b""
    with storage.local_copy(source, scan_of(listed)) as path:
        assert path.read_bytes() == b"0123456789" * 100
    assert not path.exists()
    made = storage.put_bytes(at(bucket), f"restored/{name}", b"restored", "restored")
    assert server.keys(bucket, "out/") == [f"out/restored/{name}"]
    assert storage.read_bytes(at(bucket), made.path) == b"restored"
    storage.remove(at(bucket), made.path)
    assert server.keys(bucket, "out/") == []


def test_header_reads_are_ranges(server: S3Server, bucket: str) -> None:
    server.client.put_object(Bucket=bucket, Key="scans/a.tif", Body=os.urandom(8 << 20))
    source = at(bucket, "scans")
    fetched: list[str] = []
    with storage.open_for_reading(source, source.child("a.tif")) as file:
        filesystem = file.raw._filesystem  # type: ignore[attr-defined]

        class Spy:
            loop = filesystem.loop

            def call_s3(self, method: str, **arguments: str) -> object:
                fetched.append(arguments["Range"])
                return filesystem.call_s3(method, **arguments)

        file.raw._filesystem = Spy()  # type: ignore[attr-defined]
        file.read(8)
        file.read(1000)
        file.seek((8 << 20) - 100)
        file.read(100)
    assert fetched == ["bytes=0-262143", "bytes=8388508-8388607"]


def test_put_is_listed_as_returned(server: S3Server, bucket: str, tmp_path: Path) -> None:
    destination = at(bucket)
    large = tmp_path / "large.tif"
    large.write_bytes(os.urandom(40 << 20))  # three parts
    small = tmp_path / "small.tif"
    small.write_bytes(b"")
    made = [
        storage.put_file(destination, "restored/large.tif", large, "restored", "x"),
        storage.put_file(destination, "restored/small.tif", small, "restored", "y"),
    ]
    listed = list(storage.list_files(destination, "restored"))
    assert [(d.path, d.bytes, d.etag) for d in made] == [
        (entry.relative_path, entry.size, entry.etag) for entry in listed
    ]
    with storage.open_derivative(destination, "restored/large.tif") as file:
        assert file.read() == large.read_bytes()
    head = server.client.head_object(Bucket=bucket, Key="out/restored/large.tif")
    assert head["ContentType"] == "image/tiff"


def test_broken_upload_leaves_nothing(
    server: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.tif"
    large.write_bytes(bytes(40 << 20))
    ask = storage_s3.S3Store._ask

    def breaking(self: storage_s3.S3Store, method: str, **arguments: object) -> object:
        if arguments.get("PartNumber") == 2:
            raise OSError("connection reset")
        return ask(self, method, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(storage_s3.S3Store, "_ask", breaking)
    with pytest.raises(storage.DerivativeUnwritable, match="connection reset"):
        storage.put_file(at(bucket), "restored/large.tif", large, "restored", "x")
    assert server.keys(bucket) == []
    assert "Uploads" not in server.client.list_multipart_uploads(Bucket=bucket)


def test_clear_unfinished_abandons_only_our_uploads(server: S3Server, bucket: str) -> None:
    client = server.client
    client.create_multipart_upload(Bucket=bucket, Key="out/restored/a.tif")
    client.create_multipart_upload(Bucket=bucket, Key="somebody else's")
    assert storage.clear_unfinished(at(bucket)) == 1
    (left,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert left["Key"] == "somebody else's"


def test_changed_and_vanished_scans(server: S3Server, bucket: str) -> None:
    server.client.put_object(Bucket=bucket, Key="scans/a.tif", Body=b"first")
    source = at(bucket, "scans")
    (listed,) = storage.list_files(source)
    with storage.open_for_reading(source, listed.uri) as open_before:
        server.client.put_object(Bucket=bucket, Key="scans/a.tif", Body=b"secnd")
        with pytest.raises(StorageError, match="changed meanwhile"):
            open_before.read()
    with pytest.raises(SourceChanged), storage.local_copy(source, scan_of(listed)):
        pytest.fail("a changed scan was handed out")
    server.client.delete_object(Bucket=bucket, Key="scans/a.tif")
    with pytest.raises(SourceUnreadable), storage.local_copy(source, scan_of(listed)):
        pytest.fail("a vanished scan was handed out")
    with pytest.raises(SourceUnreadable, match="no such object"):
        storage.open_for_reading(source, listed.uri)


def test_conditional_writes(bucket: str) -> None:
    store = storage.writable(at(bucket))
    token = store.create_exclusive(".albumen/lease", b"first")
    assert token
    assert store.create_exclusive(".albumen/lease", b"second") is None
    assert store.replace_if_same(".albumen/lease", b"third", "0" * 32) is None
    newer = store.replace_if_same(".albumen/lease", b"third", token)
    assert store.read(".albumen/lease") == (b"third", newer)
    assert store.honours_conditions(".albumen/lease")
    assert store.replace_if_same(".albumen/none", b"x", token) is None
    assert store.read(".albumen/none") is None


def test_a_service_that_ignores_conditions_is_recognised() -> None:
    with s3_server.ignoring_conditions() as lax, s3_server.environment_of(lax):
        store = storage.writable(at(lax.bucket()))
        assert store.create_exclusive(".albumen/lease", b"first")
        assert not store.honours_conditions(".albumen/lease")


def test_a_service_that_refuses_conditions_is_asked_without(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = storage_s3.S3Store._ask

    def refusing(self: storage_s3.S3Store, method: str, **arguments: object) -> object:
        if "IfNoneMatch" in arguments or "IfMatch" in arguments:
            from botocore.exceptions import ClientError

            answer = {"Error": {"Code": "NotImplemented", "Message": "no conditions here"}}
            raise OSError("not implemented") from ClientError(answer, "PutObject")  # type: ignore[arg-type]
        return ask(self, method, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(storage_s3.S3Store, "_ask", refusing)
    store = storage.writable(at(bucket))
    token = store.create_exclusive(".albumen/lease", b"first")
    assert token
    assert store.create_exclusive(".albumen/lease", b"second") is None
    assert store.replace_if_same(".albumen/lease", b"x", "other") is None
    assert store.replace_if_same(".albumen/lease", b"x", token)


# -- bad places, each in one line


def line(check: object, location: Location) -> str:
    with pytest.raises(StorageError) as raised:
        check(location)  # type: ignore[operator]
    text = str(raised.value)
    assert "\n" not in text and location.uri in text
    return text


def test_missing_bucket_and_prefix(bucket: str) -> None:
    for check in (storage.check_source, storage.check_destination):
        assert "no such bucket" in line(check, at("no-such-bucket-anywhere"))
    assert "nothing below" in line(storage.check_source, at(bucket, "empty"))
    storage.check_source(Location.parse(f"s3://{bucket}"))
    storage.check_destination(at(bucket))
    assert list(storage.list_files(at(bucket))) == []


def test_no_credentials(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert "no credentials" in line(storage.check_source, at(bucket, "none", use_ssl="true"))
    assert "none" in line(storage.check_source, at(bucket, "x", profile="none-such"))


def answering_with(code: str, status: int) -> tuple[str, threading.Thread, socket.socket]:
    """A service that refuses everything with one error code."""
    body = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    answer = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", thread, listener


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("InvalidAccessKeyId", 403, "access key is not known"),
        ("SignatureDoesNotMatch", 403, "secret key is wrong"),
        ("AccessDenied", 403, "access denied"),
        ("ExpiredToken", 400, "session has expired"),
        ("SomethingNew", 400, "SomethingNew: "),
    ],
)
def test_refusals(code: str, status: int, words: str) -> None:
    url, thread, listener = answering_with(code, status)
    for check in (storage.check_source, storage.check_destination):
        assert words in line(check, at("bucket", endpoint_url=url))
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.usefixtures("server")
def test_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    location = at("bucket", endpoint_url=f"http://127.0.0.1:{port}")
    assert "cannot be reached" in line(storage.check_source, location)
    assert "AWS_ENDPOINT_URL" in line(storage.check_destination, location)


@pytest.mark.usefixtures("server")
def test_silent_service_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_s3, "_CHECK_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and never answers
        location = at("bucket", endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        began = time.monotonic()
        assert "no answer in time" in line(storage.check_source, location)
        assert time.monotonic() - began < 60
