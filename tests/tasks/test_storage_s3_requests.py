"""What really goes over the wire: how many requests, how many bytes, with which checksums."""

import base64
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import pyvips
import s3_server
from s3_server import S3Server

from tasks import images, storage
from tasks.done import read_done
from tasks.errors import SourceChanged
from tasks.inventory import take_inventory
from tasks.partition import plan
from tasks.recipe import Recipe
from tasks.records import Scan
from tasks.storage import Location


class Wire:
    """Stands before the service: notes requests, and may corrupt a body on its way."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.sent_bytes = 0
        self.refused = 0
        self.corrupt_next = threading.Semaphore(0)

    def __call__(self, service: Any) -> Any:
        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            if environ["REQUEST_METHOD"] == "PUT" and self.corrupt_next.acquire(blocking=False):
                body = bytearray(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
                body[len(body) // 2] ^= 1
                crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
                assert environ["HTTP_X_AMZ_CHECKSUM_CRC32"] != crc  # S3 refuses it with this
                self.refused += 1
                start_response("400 Bad Request", [("Content-Type", "application/xml")])
                return [b"<Error><Code>BadDigest</Code><Message>checksum</Message></Error>"]
            return self._counted(service(environ, start_response))

        return application

    def _counted(self, answer: Iterable[bytes]) -> Iterator[bytes]:
        for block in answer:
            self.sent_bytes += len(block)
            yield block

    def forget(self) -> None:
        self.requests.clear()
        self.sent_bytes = 0


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="module")
def server(wire: Wire) -> Iterator[S3Server]:
    with s3_server.behind(wire) as running, s3_server.environment_of(running):
        yield running


@pytest.fixture
def source(server: S3Server) -> Location:
    return Location.parse(f"s3://{server.bucket()}/scans")


def put(source: Location, name: str, data: bytes) -> Scan:
    storage.write_bytes(source, name, data)
    (scan,) = take_inventory(source).scans()
    return scan


def encoded(name: str) -> bytes:
    """A picture that is much larger than its header."""
    noise = np.random.default_rng(1).integers(0, 256, (700, 1000, 3), np.uint8)
    picture = pyvips.Image.new_from_array(noise)
    if name.endswith(".tif"):
        data = bytes(picture.tiffsave_buffer(compression="none"))
        assert int.from_bytes(data[4:8], "little") > 2_000_000  # its directory comes last
        return data
    if name.endswith(".jp2"):
        return bytes(imagecodecs.jpeg2k_encode(noise, codecformat="jp2", level=0))
    options = {"Q": 100} if name.endswith(".jpg") else {"compression": 0}
    return bytes(picture.write_to_buffer(name[1:], **options))


@pytest.mark.parametrize(("name", "most"), [("a.tif", 2), ("a.jpg", 1), ("a.png", 1), ("a.jp2", 2)])
def test_probing_reads_the_header_alone(source: Location, wire: Wire, name: str, most: int) -> None:
    data = encoded(name)
    assert len(data) > 1_300_000
    scan = put(source, name, data)
    wire.forget()
    with storage.open_for_reading(source, scan.uri) as file:
        assert images.probe(file, scan.relative_path).width == 1000
    assert [method for method, _ in wire.requests] == ["HEAD"] + ["GET"] * most
    assert wire.sent_bytes <= most * (256 << 10)


def test_planning_lists_and_opens_nothing(source: Location, wire: Wire) -> None:
    for name in ("a.tif", "b/c.jpg"):
        storage.write_bytes(source, name, bytes(300_000))
    wire.forget()
    destination = Location.parse(source.uri.replace("scans", "out"))
    found = plan(take_inventory(source), read_done(destination), Recipe())
    assert found.scans == 2
    bucket = source.uri.split("/")[2]
    listings = [(m, p) for m, p in wire.requests if p.rstrip("/") == f"/{bucket}"]
    others = [request for request in wire.requests if request not in listings]
    assert listings and others == [("HEAD", f"/{bucket}/out/manifest.parquet")]


def test_a_small_scan_is_one_request(source: Location, wire: Wire) -> None:
    scan = put(source, "a.jpg", bytes(500_000))
    wire.forget()
    with storage.local_copy(source, scan) as copy:
        assert copy.read_bytes() == bytes(500_000)
    assert [method for method, _ in wire.requests] == ["GET"]


def test_a_large_scan_is_fetched_in_parts_of_one_version(
    source: Location, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("tasks.storage_s3.PART_BYTES", "tasks.storage_s3_transfer.PART_BYTES"):
        monkeypatch.setattr(module, 1 << 20)
    data = np.random.default_rng(2).bytes((5 << 20) + 7)
    scan = put(source, "a.tif", data)
    wire.forget()
    with storage.local_copy(source, scan) as copy:
        assert copy.read_bytes() == data
    assert [method for method, _ in wire.requests] == ["GET"] * 6
    storage.write_bytes(source, "a.tif", data[::-1])  # the same size, other content
    with pytest.raises(SourceChanged), storage.local_copy(source, scan):
        pytest.fail("parts of another version were handed out")


@pytest.mark.parametrize("size", [100_000, 20 << 20])
def test_an_upload_corrupted_on_the_way_is_refused_and_sent_again(
    source: Location, wire: Wire, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(np.random.default_rng(3).bytes(size))
    wire.refused = 0
    wire.corrupt_next.release()
    storage.put_file(source, "restored/a.tif", file, "restored", "x")
    assert wire.refused == 1
    with storage.open_derivative(source, "restored/a.tif") as stored:
        assert stored.read() == file.read_bytes()
