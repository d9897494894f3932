"""What becomes of a write to S3 that the service has done, and whose answer is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import s3_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from s3_server import S3Server

from tasks import storage, storage_s3, storage_s3_transfer
from tasks.lease import Lease
from tasks.lease_info import LEASE, read_lease
from tasks.storage import Location


@contextmanager
def losing_answers(method: str, query: str, then: str = "") -> Iterator[tuple[S3Server, list[str]]]:
    """A service that does the first request of this kind and says that it failed; further ones
    are refused with the error `then`, if any."""
    moto = DomainDispatcherApplication(create_backend_app)
    lost: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_of_kind = environ["REQUEST_METHOD"] == method and query in environ["QUERY_STRING"]
        if is_of_kind and lost and then:
            return refuse(start_response, "404 Not Found", then)
        if not is_of_kind or lost:
            answer: Iterable[bytes] = moto(environ, start_response)
            return answer
        lost.append(environ["PATH_INFO"])
        b"".join(moto(environ, lambda *_: None))
        return refuse(start_response, "500 Internal Server Error", "InternalError")

    with s3_server.serving(application) as server, s3_server.environment_of(server):
        yield server, lost


def refuse(start_response: Any, status: str, code: str) -> list[bytes]:
    body = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


@pytest.mark.parametrize("then", ["", "NoSuchUpload"])
def test_an_upload_that_was_completed_unheard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Asked again, a service may no longer know the upload: the object is there, and whole."""
    for module in (storage_s3, storage_s3_transfer):
        monkeypatch.setattr(module, "PART_BYTES", 5 << 20)
    file = tmp_path / "large"
    file.write_bytes(os.urandom(11 << 20))
    with losing_answers("POST", "uploadId=", then) as (server, lost):
        bucket = server.bucket()
        location = Location.parse(f"s3://{bucket}/out")
        written = storage.put_file(location, "restored/a.tif", file, "restored", "0" * 64)
        assert lost == [f"/{bucket}/out/restored/a.tif"]
        assert storage.read_bytes(location, "restored/a.tif") == file.read_bytes()
        (listed,) = storage.list_files(location)
        assert (listed.etag, listed.size) == (written.etag, written.bytes)


def test_a_lease_that_was_written_unheard() -> None:
    with losing_answers("PUT", "") as (server, lost):
        bucket = server_bucket(server, lost)
        location = Location.parse(f"s3://{bucket}/out")
        with Lease.acquire(location, "run-1", beat_seconds=60) as held:
            assert lost == [f"/{bucket}/out/{LEASE}"]
            info = read_lease(location)
            assert info is not None and info.run_id == "run-1"
            held.check()
        assert read_lease(location) is None


def server_bucket(server: S3Server, lost: list[str]) -> str:
    """A bucket, made before anything is lost."""
    lost.append("")
    bucket = server.bucket()
    lost.clear()
    return bucket
