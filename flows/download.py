"""Downloading one large file, so that what is kept is whole and an interruption costs little."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tasks.errors import StorageError

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and those of the whole file, where that is known."""

_TIMEOUT = httpx.Timeout(60.0, connect=20.0)
_ATTEMPTS = 5


class DownloadFailed(StorageError):
    """A file cannot be downloaded, or is not what it should be."""


class _Interrupted(Exception):
    """The connection ended early: worth another attempt."""


@dataclass(slots=True)
class Download:
    """`url` to `target`, checked against `sha256` and `size` (bytes) where they are known.

    What has arrived lies in `target`.part with a note of what file it is a part of; it is gone
    on with only where the server vouches, by ETag or date, that this is still the same file.
    `pause` (seconds) grows with every attempt that brought nothing.
    """

    url: str
    target: Path
    sha256: str | None = None
    size: int | None = None
    progress: Progress = lambda *_: None
    pause: float = 1.0
    _part: Path = field(init=False)
    _note: Path = field(init=False)

    def __post_init__(self) -> None:
        self._part = self.target.with_name(f"{self.target.name}.part")
        self._note = self.target.with_name(f"{self.target.name}.part.json")

    def run(self) -> Path:
        """Download; the path of the whole file. Raises `DownloadFailed`."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        fruitless = 0
        with httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
            while True:
                before = self._have()
                try:
                    self._attempt(client, before)
                    break
                except (_Interrupted, httpx.TransportError) as error:
                    fruitless = 0 if self._have() > before else fruitless + 1
                    if fruitless == _ATTEMPTS:
                        raise DownloadFailed(
                            f"{self.url}: {error or type(error).__name__}, {_ATTEMPTS} times over; "
                            f"{self._have()} bytes are kept, the same command goes on from there."
                        ) from error
                    time.sleep(self.pause * fruitless)
        return self._finished()

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self, client: httpx.Client, have: int) -> None:
        """One request: the rest of the file, or all of it."""
        headers = {"Accept-Encoding": "identity"}
        validator = self._validator()
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        with client.stream("GET", self.url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return  # it had all arrived
                self._discard()
                raise _Interrupted("the server has less than what is here")
            self._check(response)
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            start, total = _extent(response)
            if resumed and start != have:
                self._discard()
                raise _Interrupted(f"the server went on at byte {start}, not {have}")
            if self.size is not None and total not in (None, self.size):
                raise DownloadFailed(f"{self.url} has {total} bytes, {self.size} were expected.")
            self._note.write_text(json.dumps({"url": self.url, "validator": _vouched(response)}))
            self._receive(response, have if resumed else 0, total)

    def _receive(self, response: httpx.Response, have: int, total: int | None) -> None:
        room = shutil.disk_usage(self.target.parent).free
        if total is not None and total - have > room:
            raise DownloadFailed(
                f"{self.target.parent} has {room} bytes left, {total - have} are needed."
            )
        with self._part.open("ab" if have else "wb") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                have += len(chunk)
                self.progress(have, total)
        if total is not None and have != total:
            raise _Interrupted(f"the connection ended after {have} of {total} bytes")

    def _check(self, response: httpx.Response) -> None:
        """Raise unless the answer is the file; what may pass is tried again."""
        if response.status_code in (429, 500, 502, 503, 504):
            raise _Interrupted(f"the server says {response.status_code} {response.reason_phrase}")
        if response.status_code not in (200, 206):
            raise DownloadFailed(
                f"{self.url}: the server says {response.status_code} {response.reason_phrase}. "
                "If you can get the file otherwise, run 'albumen weights import PATH' with it."
            )
        if self.url.startswith("https:") and response.url.scheme != "https":
            raise DownloadFailed(f"{self.url} leads to {response.url}, which is not encrypted.")

    def _validator(self) -> str | None:
        """What the server called the file whose part is here."""
        try:
            note = json.loads(self._note.read_text())
            return note["validator"] if note["url"] == self.url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _finished(self) -> Path:
        """Hash what has arrived and give it its name."""
        size = self._part.stat().st_size
        with self._part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        wrong_size = self.size is not None and size != self.size
        if wrong_size or (self.sha256 is not None and found != self.sha256):
            self._discard()
            raise DownloadFailed(
                f"{self.url} is not the file it should be: {size} bytes with sha256 {found}, "
                f"{self.size or 'any number'} with {self.sha256} expected. It was deleted."
            )
        self._part.replace(self.target)
        self._note.unlink(missing_ok=True)
        return self.target

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _vouched(response: httpx.Response) -> str | None:
    """A name for this very version of the file, if the server gives one."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    modified: str | None = response.headers.get("Last-Modified")
    return modified


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """First byte of the answer, and bytes of the whole file, None where it is not said."""
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        extent = response.headers.get("Content-Range", "")
        span, _, total = extent.removeprefix("bytes ").partition("/")
        first = span.partition("-")[0]
        return int(first) if first.isdigit() else -1, int(total) if total.isdigit() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None
