"""What a user calls a place: a folder, an S3 prefix, another URL, with its options."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from tasks import storage_s3_options
from tasks.errors import UsageError

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Location:
    """A folder, an S3 prefix or another fsspec URL; small, and safe to send to a worker.

    `options` may hold credentials and are left out of its text.
    """

    uri: str
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @staticmethod
    def parse(text: str, options: Mapping[str, str] | None = None) -> Location:
        """A location as a user writes it: `~`, relative paths, `file://`, `s3://`, others.

        Raises UsageError for what cannot be a location, and for options S3 does not know.
        """
        if not text or "\0" in text:
            raise UsageError(f"{text!r} is not a location: give a folder or s3://bucket/prefix.")
        url = _URL.match(text)
        scheme = url[1].lower() if url else "file"
        if url and scheme in ("s3", "s3a"):
            path = url[2].strip("/")
            if not path:
                raise UsageError(f"{text} names no bucket: write s3://bucket/prefix.")
            known = storage_s3_options.checked(options or {})
            return Location(f"s3://{path}", tuple(sorted(known.items())))
        if url and scheme not in ("file", "local"):
            return Location(text.rstrip("/"), tuple(sorted((options or {}).items())))
        path = unquote(url[2]) if url else text
        # Not resolved: links on the way are the user's own.
        return Location(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on this machine."""
        return "://" not in self.uri

    @property
    def is_writable_kind(self) -> bool:
        """Whether it can be a destination at all."""
        return self.is_local or self.uri.startswith("s3://")

    def child(self, relative_path: str) -> str:
        """The uri of something below it."""
        return f"{self.uri.rstrip('/')}/{relative_path}"


def parse_options(pairs: Iterable[str]) -> dict[str, str]:
    """`key=value` texts as a mapping. Raises UsageError for any other text."""
    options = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--storage-option {pair}: write key=value.")
        options[key] = value
    return options
