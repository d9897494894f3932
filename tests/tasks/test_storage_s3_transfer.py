import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tasks import storage_s3_transfer as transfer

PLACE = {"Bucket": "b", "Key": "restored/large.tif"}


def refusal(code: str) -> OSError:
    error = OSError(code)
    error.__cause__ = ClientError({"Error": {"Code": code, "Message": ""}}, "X")  # type: ignore[arg-type]
    return error


class Service:
    """Multipart uploads as S3 keeps them; `before` may refuse a request."""

    def __init__(self, before: Callable[[str, dict[str, Any]], None] = lambda *_: None) -> None:
        self.before = before
        self.parts: dict[int, bytes] = {}
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.aborted = 0
        self.most = 0
        self.under_way = 0
        self.lock = threading.Lock()

    def __call__(self, method: str, **arguments: Any) -> Any:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            self.before(method, arguments)
            answer = getattr(self, method)(arguments)
            self.before(f"after {method}", arguments)
            return answer
        finally:
            with self.lock:
                self.under_way -= 1

    def create_multipart_upload(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["ContentType"] == "image/tiff"
        return {"UploadId": "u"}

    def upload_part(self, arguments: dict[str, Any]) -> dict[str, Any]:
        body = arguments["Body"]
        self.parts[arguments["PartNumber"]] = body
        digest = hashlib.md5(body).hexdigest()
        return {"ETag": f'"{digest}"', "ChecksumCRC32": "c", "ChecksumType": "x", "Other": 1}

    def complete_multipart_upload(self, arguments: dict[str, Any]) -> dict[str, Any]:
        listed = arguments["MultipartUpload"]["Parts"]
        assert [part["PartNumber"] for part in listed] == sorted(self.parts)
        assert set(listed[0]) == {"PartNumber", "ETag", "ChecksumCRC32"}
        bodies = [self.parts[number] for number in sorted(self.parts)]
        sums = b"".join(hashlib.md5(body).digest() for body in bodies)
        etag = f'"{hashlib.md5(sums).hexdigest()}-{len(bodies)}"'
        self.objects[arguments["Key"]] = b"".join(bodies), etag
        return {}

    def abort_multipart_upload(self, _: dict[str, Any]) -> dict[str, Any]:
        assert self.under_way == 1, "parts were still on their way"
        self.aborted += 1
        return {}

    def head_object(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["Key"] not in self.objects:
            raise refusal("404")
        return {"ETag": self.objects[arguments["Key"]][1]}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 1000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "large.tif"
    path.write_bytes(bytes(n % 251 for n in range(12_345)))
    return path


def upload(service: Service, file: Path) -> None:
    transfer.upload(service, PLACE, file, "image/tiff")


def test_parts_are_sent_side_by_side_and_not_too_many(file: Path) -> None:
    together = threading.Barrier(4)
    first = iter(range(4))

    def before(method: str, _: dict[str, Any]) -> None:
        if method == "upload_part" and next(first, None) is not None:
            together.wait(timeout=30)

    service = Service(before)
    upload(service, file)
    assert service.objects[PLACE["Key"]][0] == file.read_bytes()
    assert len(service.parts) == 13 and service.most == 4 and not service.aborted


@pytest.mark.parametrize("method", ["upload_part", "complete_multipart_upload"])
def test_what_fails_is_abandoned(file: Path, method: str) -> None:
    def before(asked: str, arguments: dict[str, Any]) -> None:
        if asked == method and arguments.get("PartNumber", 5) == 5:
            raise refusal("AccessDenied")

    service = Service(before)
    with pytest.raises(OSError, match="AccessDenied"):
        upload(service, file)
    assert service.aborted == 1 and not service.objects


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentSHA256Mismatch"])
def test_a_part_corrupted_on_the_way_is_sent_again(file: Path, code: str) -> None:
    corrupted = iter([code, code])

    def before(method: str, arguments: dict[str, Any]) -> None:
        if method == "upload_part" and arguments["PartNumber"] == 7:
            for found in corrupted:
                raise refusal(found)

    service = Service(before)
    upload(service, file)
    assert service.objects[PLACE["Key"]][0] == file.read_bytes()


def test_always_corrupted_is_given_up(file: Path) -> None:
    def before(method: str, _: dict[str, Any]) -> None:
        if method == "upload_part":
            raise refusal("BadDigest")

    service = Service(before)
    with pytest.raises(OSError, match="BadDigest"):
        upload(service, file)
    assert service.aborted == 1


def test_completed_though_the_answer_was_lost(file: Path) -> None:
    def before(method: str, _: dict[str, Any]) -> None:
        if method == "after complete_multipart_upload":
            raise refusal("NoSuchUpload")  # what asking again is answered with

    service = Service(before)
    upload(service, file)
    assert service.objects[PLACE["Key"]][0] == file.read_bytes() and not service.aborted


def test_an_older_object_does_not_pass_for_the_one_completed(file: Path) -> None:
    def before(method: str, _: dict[str, Any]) -> None:
        if method == "complete_multipart_upload":
            raise refusal("NoSuchUpload")

    service = Service(before)
    service.objects[PLACE["Key"]] = (bytes(12_345), '"0-13"')
    with pytest.raises(OSError, match="NoSuchUpload"):
        upload(service, file)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 12_345])
def test_download_in_parts(tmp_path: Path, size: int) -> None:
    content = bytes(n * 7 % 256 for n in range(size))
    transfer.download(lambda first, end: content[first:end], size, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


def test_download_ends_with_the_first_failure(tmp_path: Path) -> None:
    asked: list[int] = []

    def fetch(first: int, end: int) -> bytes:
        asked.append(first)
        time.sleep(0.02)
        if first >= 2000:
            raise OSError("broken")
        return bytes(end - first)

    with pytest.raises(OSError, match="broken"):
        transfer.download(fetch, 1_000_000, tmp_path / "copy")
    assert len(asked) < 900
