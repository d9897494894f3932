"""Large S3 objects in parts, a few at once; whole or not at all.

A transfer holds as many parts in memory as are under way: 64 MiB. Every part that is sent
carries a checksum (botocore's CRC32 by default), so the service refuses one that was corrupted
on the way; it is then sent again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tasks.storage_s3_errors import code_of

T = TypeVar("T")

PART_BYTES = 16 << 20
"""Larger files are sent, and larger objects fetched, in parts of this size."""

_AT_ONCE = 4
_MOST_PARTS = 9_000
_ATTEMPTS = 4
_CORRUPTED = ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "InvalidChecksum")


class Ask(Protocol):
    """Asks the service: a method of botocore's client by name, with its arguments."""

    def __call__(self, method: str, **arguments: Any) -> Any:
        """Raises what s3fs and botocore raise."""


def send(ask: Ask, method: str, **arguments: Any) -> Any:
    """A request with a body, sent again where it arrived corrupted."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return ask(method, **arguments)
        except OSError as error:
            if code_of(error) not in _CORRUPTED or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def upload(ask: Ask, place: dict[str, str], file: Path, content_type: str) -> None:
    """One multipart upload that is completed or abandoned.

    `place` holds bucket and key. Raises what s3fs and botocore raise.
    """
    size = file.stat().st_size
    part_bytes = max(PART_BYTES, math.ceil(size / _MOST_PARTS))
    begun = ask("create_multipart_upload", **place, ContentType=content_type)
    target = place | {"UploadId": begun["UploadId"]}
    try:
        with file.open("rb") as source:
            put = partial(_upload_part, ask, target, source.fileno(), part_bytes)
            parts = side_by_side(put, range(1, math.ceil(size / part_bytes) + 1))
        _complete(ask, place, target, parts)
    except BaseException:
        abandon(ask, target)
        raise


def abandon(ask: Ask, target: dict[str, str]) -> None:
    """Drop an upload and its parts; where even that fails, the next run clears it up."""
    with contextlib.suppress(OSError):
        ask("abort_multipart_upload", **target)


def _upload_part(
    ask: Ask, target: dict[str, str], source: int, part_bytes: int, number: int
) -> dict[str, Any]:
    body = os.pread(source, part_bytes, (number - 1) * part_bytes)
    answer = send(ask, "upload_part", **target, PartNumber=number, Body=body)
    checksums = {name: text for name, text in answer.items() if name.startswith("ChecksumC")}
    return {"PartNumber": number, "ETag": answer["ETag"]} | checksums


def _complete(
    ask: Ask, place: dict[str, str], target: dict[str, str], parts: list[dict[str, Any]]
) -> None:
    try:
        upload = {"Parts": parts}
        ask("complete_multipart_upload", **target, MultipartUpload=upload)
    except OSError as error:
        # Completed, and the answer lost on the way: asked again, the upload is gone.
        is_gone = code_of(error) in ("NoSuchUpload", "404")
        if not is_gone or not _is_complete(ask, place, parts):
            raise


def _is_complete(ask: Ask, place: dict[str, str], parts: list[dict[str, Any]]) -> bool:
    """Whether the object is made of just these parts, as its etag shows."""
    try:
        sums = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
        expected = f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(parts)}"
        return bool(ask("head_object", **place)["ETag"].strip('"') == expected)
    except (OSError, ValueError):
        return False


def download(fetch: Callable[[int, int], bytes], size: int, target: Path) -> None:
    """Fill a file from `fetch(first, end)`, which answers with bytes `first` to `end`, `end`
    itself left out. Raises what `fetch` raises."""
    with target.open("wb") as file:
        file.truncate(size)

        def part(first: int) -> None:
            end = min(first + PART_BYTES, size)
            data = memoryview(fetch(first, end))
            while data:
                written = os.pwrite(file.fileno(), data, end - len(data))
                data = data[written:]

        side_by_side(part, range(0, max(size, 1), PART_BYTES))  # an empty one, too


def side_by_side(do: Callable[[int], T], numbers: Iterable[int]) -> list[T]:
    """The results in order; the first failure ends it, once what is under way has ended."""
    with ThreadPoolExecutor(_AT_ONCE, "albumen-transfer") as pool:
        futures = [pool.submit(do, number) for number in numbers]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
