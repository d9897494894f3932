"""An S3 prefix as storage, through s3fs's connection; keys are used exactly as they are."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from tasks import storage_s3_transfer as transfer
from tasks.errors import StorageError
from tasks.paths import DERIVATIVE_FOLDERS, MANIFEST
from tasks.storage_s3_errors import code_of, explained
from tasks.storage_s3_listing import Listing
from tasks.storage_s3_options import s3fs_arguments
from tasks.storage_s3_page import Page, ask_page, microseconds_of
from tasks.storage_s3_reader import RangeReader, fetch
from tasks.storage_s3_transfer import PART_BYTES
from tasks.storage_types import Listed

_CHECK_SECONDS = 15
_PAGE = 1000

_REFUSED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404")


class S3Store:
    """The objects of a bucket whose keys begin with `prefix/`."""

    binds_to_etag = True

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        self._uri = uri.rstrip("/")
        self._bucket, _, prefix = self._uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._options = dict(options)

    # -- reading

    def check_source(self) -> None:
        """Raise unless the bucket answers and, below a prefix, holds at least one object."""
        with explained("cannot list", self._uri):
            answer = self._ask(
                "list_objects_v2",
                patient=False,
                Bucket=self._bucket,
                Prefix=self._prefix,
                MaxKeys=1,
            )
        if self._prefix and not answer.get("Contents"):
            raise StorageError(f"there is nothing below {self._uri}/. Check the prefix.")

    def list_files(self, prefix: str) -> Iterator[Listed]:
        """Objects below `prefix` in key order, some pages of a thousand fetched ahead."""
        within = f"{self._prefix}{prefix}/" if prefix else self._prefix
        # Directory buckets of S3 Express list in no order.
        listing = Listing(self._page, within, is_ordered=not self._bucket.endswith("--x-s3"))
        for page in listing.pages():
            for key, size, modified_us, etag in page:
                if not (size == 0 and key.endswith("/")):  # a console's folder marker
                    yield self._listed(key, size, modified_us, etag)

    def _page(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
        wanted = {
            "ContinuationToken": token,
            "StartAfter": "" if token else after,
            "Delimiter": delimiter,
        }
        with explained("cannot list", self._uri):
            return ask_page(
                self._filesystem(True),
                Bucket=self._bucket,
                Prefix=prefix,
                MaxKeys=_PAGE,
                **{name: value for name, value in wanted.items() if value},
            )

    def open(self, uri: str, block_bytes: int) -> BinaryIO:
        """Open an object; what is read is one version of it, or StorageError."""
        found = self.entry(uri)
        if found is None:
            raise StorageError(f"cannot read {uri}: there is no such object")
        raw = RangeReader(self._filesystem(True), self._bucket, self._key(uri), found, uri)
        return cast(BinaryIO, io.BufferedReader(raw, block_bytes))

    def download(self, uri: str, size: int, etag: str | None, target: Path) -> None:
        """One GET, or parts of a large object a few at once; all of them of one version."""
        filesystem = self._filesystem(True)
        request = {"Bucket": self._bucket, "Key": self._key(uri)}
        if etag:
            request["IfMatch"] = f'"{etag}"'

        def part(first: int, end: int) -> bytes:
            wanted = {"Range": f"bytes={first}-{end - 1}"} if size > PART_BYTES else {}
            with explained("cannot read", uri):
                data, _ = fetch(filesystem, **request, **wanted)
            if len(data) != end - first:
                raise StorageError(f"{uri}: asked for {end - first} bytes, got {len(data)}")
            return data

        # What is fetched whole is compared with the service's checksum, where it has one.
        transfer.download(part, size, target)

    def confine(self, uri: str) -> None:
        """Nothing leads out of a prefix."""

    def entry(self, uri: str) -> Listed | None:
        """The object as it is at this moment."""
        key = self._key(uri)
        with explained("cannot read", uri):
            try:
                head = self._ask("head_object", Bucket=self._bucket, Key=key)
            except FileNotFoundError as error:
                if code_of(error) == "NoSuchBucket":
                    raise
                return None
        modified = microseconds_of(head["LastModified"])
        return self._listed(key, head["ContentLength"], modified, head["ETag"].strip('"'))

    # -- writing

    def check_destination(self) -> None:
        """Raise unless an object can be written below the prefix and removed again."""
        key = f"{self._prefix}.albumen/write-test"
        with explained("cannot write to", self._uri):
            self._ask("put_object", patient=False, Bucket=self._bucket, Key=key, Body=b"")
        with explained("can write to, but not remove from,", self._uri):
            self._ask("delete_object", patient=False, Bucket=self._bucket, Key=key)

    def write(self, relative_path: str, content: bytes | Path) -> Listed:
        """One PUT, or one multipart upload that is completed or abandoned."""
        uri = f"{self._uri}/{relative_path}"
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        with explained("cannot write", uri):
            if size > PART_BYTES and isinstance(content, Path):
                place = {"Bucket": self._bucket, "Key": self._prefix + relative_path}
                transfer.upload(self._ask, place, content, _content_type(relative_path))
            else:
                data = content if isinstance(content, bytes) else content.read_bytes()
                self._put(relative_path, data)
        found = self.entry(uri)
        if found is None or found.size != size:
            raise StorageError(f"cannot write {uri}: the storage does not list what was written")
        return found

    def read(self, relative_path: str) -> tuple[bytes, str] | None:
        """Content and, as its token, the etag."""
        with explained("cannot read", f"{self._uri}/{relative_path}"):
            try:
                return fetch(
                    self._filesystem(True), Bucket=self._bucket, Key=self._prefix + relative_path
                )
            except FileNotFoundError as error:
                if code_of(error) == "NoSuchBucket":
                    raise
                return None

    def remove(self, relative_path: str) -> None:
        """Remove an object; not an error where there is none."""
        with explained("cannot remove", f"{self._uri}/{relative_path}"):
            key = self._prefix + relative_path
            self._ask("delete_object", Bucket=self._bucket, Key=key)

    def create_exclusive(self, relative_path: str, data: bytes) -> str | None:
        """A PUT that the service refuses where the key exists."""
        return self._put_if(relative_path, data, {"IfNoneMatch": "*"})

    def replace_if_same(self, relative_path: str, data: bytes, token: str) -> str | None:
        """A PUT that the service refuses where the etag is another one."""
        return self._put_if(relative_path, data, {"IfMatch": f'"{token}"'})

    def honours_conditions(self, relative_path: str) -> bool:
        """Ask: put the same content again on the condition that there is none."""
        now = self.read(relative_path)
        return now is not None and self.create_exclusive(relative_path, now[0]) is None

    def clear_unfinished(self) -> int:
        """Abandon the multipart uploads of our files that interrupted writes left behind."""
        cleared = 0
        for ours in (*(f"{folder}/" for folder in DERIVATIVE_FOLDERS), MANIFEST):
            more: dict[str, Any] = {}  # other uploads to the bucket are not ours
            while True:
                with explained("cannot look for unfinished uploads in", self._uri):
                    answer = self._ask(
                        "list_multipart_uploads",
                        Bucket=self._bucket,
                        Prefix=f"{self._prefix}{ours}",
                        **more,
                    )
                for upload in answer.get("Uploads", ()):
                    target = {"Bucket": self._bucket, "Key": upload["Key"]}
                    transfer.abandon(self._ask, target | {"UploadId": upload["UploadId"]})
                    cleared += 1
                if not answer.get("IsTruncated"):
                    break
                more = {
                    "KeyMarker": answer["NextKeyMarker"],
                    "UploadIdMarker": answer["NextUploadIdMarker"],
                }
        return cleared

    # -- inside

    def _put(self, relative_path: str, data: bytes, **condition: Any) -> str:
        answer = transfer.send(
            self._ask,
            "put_object",
            Bucket=self._bucket,
            Key=self._prefix + relative_path,
            Body=data,
            ContentType=_content_type(relative_path),
            **condition,
        )
        return str(answer["ETag"]).strip('"')

    def _put_if(self, relative_path: str, data: bytes, condition: dict[str, str]) -> str | None:
        with explained("cannot write", f"{self._uri}/{relative_path}"):
            try:
                return self._put(relative_path, data, **condition)
            except OSError as error:
                if code_of(error) in _REFUSED:
                    return None
                if code_of(error) not in ("NotImplemented", "501"):
                    raise
            # A service without conditional writes says so: look first, then write.
            now = self.read(relative_path)
            same = now is None if "IfNoneMatch" in condition else now is not None
            if now is not None and "IfMatch" in condition:
                same = condition["IfMatch"].strip('"') == now[1]
            return self._put(relative_path, data) if same else None

    def _listed(self, key: str, size: int, modified_us: int, etag: str) -> Listed:
        uri = f"s3://{self._bucket}/{key}"
        return Listed(key[len(self._prefix) :], size, modified_us, etag, uri)

    def _key(self, uri: str) -> str:
        return uri.removeprefix("s3://").partition("/")[2]

    def _filesystem(self, patient: bool) -> Any:
        with explained("cannot use", self._uri):
            return fsspec.filesystem("s3", **s3fs_arguments(self._options, patient))

    def _ask(self, method: str, *, patient: bool = True, **arguments: Any) -> Any:
        limit = {} if patient else {"timeout": _CHECK_SECONDS}
        return self._filesystem(patient).call_s3(method, **arguments, **limit)


def _content_type(path: str) -> str:
    return mimetypes.guess_type(path)[0] or "application/octet-stream"
