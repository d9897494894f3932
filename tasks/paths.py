"""Where derivatives lie below DESTINATION: mirrored folders, safe for any name of a scan.

A scan's path is kept as it is wherever it can be. Changed are only, and always reversibly or
by a hash:
- the segments `.`, `..` and empty ones (`%2E`, `%2E%2E`, `%`);
- control characters (a line feed is `%0A`): XML listings and some storages cannot bear them;
- the backslash of `\\udcXX`, which stands for a byte of a name that is not UTF-8 (`%5C`): a
  file whose name holds that text would be listed under another one;
- segments above 255 bytes of UTF-8 and paths above 900 (cut, then `~` and a hash);
- names that would otherwise look like one of these, or like the companion of another scan.
Different scans never share a path.
"""

from __future__ import annotations

import hashlib
import re

from tasks.records import DerivativeKind

MANIFEST = "manifest.parquet"
DERIVATIVE_FOLDERS = ("restored", "colorized", "masks", "uncertainty", "previews")

_FOLDER: dict[DerivativeKind, str] = {
    "restored": "restored",
    "colorized": "colorized",
    "mask": "masks",
    "uncertainty": "uncertainty",
    "preview": "previews",
}
_SUFFIX: dict[DerivativeKind, str] = {"mask": ".png", "uncertainty": ".png", "preview": ".jpg"}

_SEGMENT_BYTES = 255
_PATH_BYTES = 900  # S3 allows 1024 for a whole key; the destination's prefix needs some
_DOTS = {"": "%", ".": "%2E", "..": "%2E%2E"}
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]|\\(?=udc)")
_ESCAPED = re.compile("%(25|[01][0-9A-F]|7F|5C)")
_SHORTENED = re.compile(r"~[0-9a-f]{32}(\.[^/]{0,40})?\Z")
_COMPANION = re.compile(r"\.(page[0-9]+|before|colorized)\Z")


def derivative_path(
    kind: DerivativeKind,
    relative_path: str,
    page: int = 0,
    variant: str | None = None,
    extension: str | None = None,
) -> str:
    """The path of a derivative, relative to DESTINATION.

    `restored` and `colorized` keep the name of `relative_path`; `extension` (with its dot)
    replaces its last one, and it is then for the caller to see that names stay different.
    The others append their own, so that they never meet; pages after the first and a
    `variant` (`before` or `colorized`) stand before it. Raises ValueError for a page or a
    variant of any other kind: a derivative holds all pages.
    """
    *folders, name = relative_path.split("/")
    if kind in _SUFFIX:
        marks = (f".page{page}" if page else "") + (f".{variant}" if variant else "")
        if marks and not _COMPANION.search(marks):
            raise ValueError(f"unknown variant {variant!r}")
        name = _never_companion(name) + marks + (extension or _SUFFIX[kind])
    elif page or variant:
        raise ValueError(f"a {kind} derivative has no pages or variants of its own")
    else:
        name = _plain(name if extension is None else without_extension(name) + extension)
    segments = [_FOLDER[kind], *map(_plain, folders), name]
    return _bounded([_short(segment) for segment in segments])


def without_extension(name: str) -> str:
    """A path without the last extension of its name; a leading dot begins no extension."""
    folder, slash, last = name.rpartition("/")
    stem, dot, _ = last.rpartition(".")
    return folder + slash + (stem if dot and stem else last)


def _never_companion(name: str) -> str:
    """So that a scan called `a.before` does not meet the `before` of a scan called `a`."""
    if _COMPANION.search(name):
        return _escape(name).replace(".", "%2E") + "%25"
    return _plain(name)


def _plain(segment: str) -> str:
    """The segment itself, or escaped where it must be or where it looks as if it were."""
    if segment in _DOTS:
        return _DOTS[segment]
    if _UNSAFE.search(segment) or _ESCAPED.search(segment) or segment in _DOTS.values():
        return _escape(segment)
    return segment


def _escape(segment: str) -> str:
    whole = segment.replace("%", "%25")
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", whole)


def _short(segment: str) -> str:
    """The segment itself, or where it is too long, or looks shortened, cut and hashed."""
    data = segment.encode()
    if len(data) <= _SEGMENT_BYTES and not _SHORTENED.search(segment):
        return segment
    stem, dot, suffix = segment.rpartition(".")
    ending = f"~{_hash(segment)}"
    if stem and len(suffix.encode()) <= 16:
        ending += dot + suffix
    else:
        stem = segment
    room = _SEGMENT_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending


def _bounded(segments: list[str]) -> str:
    """The path itself, or where it is too long, its folders replaced by a hash of them."""
    path = "/".join(segments)
    if len(path.encode()) <= _PATH_BYTES:
        return path
    kind, *folders, name = segments
    return f"{kind}/~{_hash('/'.join(folders))}/{name}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
