"""Strikes: how often the process holding a scan died while it held nothing else.

A strike is noted before each lone attempt and cleared after it, so that even the death of the
whole machine counts. A scan that has changed starts afresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from tasks.records import Scan
from tasks.storage import Location, list_files, writable, write_bytes

_FOLDER = ".albumen/strikes"


def add(destination: Location, scan: Scan) -> int:
    """Note a strike before a lone attempt; how many there are now. Raises StorageError."""
    number = count(destination, scan) + 1
    record = {
        "relative_path": scan.relative_path,
        "fingerprint": _fingerprint(scan),
        "count": number,
    }
    write_bytes(destination, _path(scan), json.dumps(record).encode())
    return number


def clear(destination: Location, scan: Scan) -> None:
    """Forget a scan's strikes after an attempt that ended well. Raises StorageError."""
    writable(destination).remove(_path(scan))


def count(destination: Location, scan: Scan) -> int:
    """The strikes of a scan as it is now. Raises StorageError."""
    found = writable(destination).read(_path(scan))
    if found is None:
        return 0
    try:
        record = json.loads(found[0])
        same = record["fingerprint"] == _fingerprint(scan)
        return int(record["count"]) if same else 0
    except (ValueError, KeyError, TypeError):
        return 0


def paths(destination: Location) -> frozenset[str]:
    """The files of all scans with strikes, to be handed to `counts`; usually there are none."""
    return frozenset(found.relative_path for found in list_files(destination, _FOLDER))


def counts(
    destination: Location, scans: Iterable[Scan], known: frozenset[str] | None = None
) -> dict[str, int]:
    """Strikes by relative path, of those among `scans` that have any."""
    on_file = paths(destination) if known is None else known
    if not on_file:
        return {}
    found = {s.relative_path: count(destination, s) for s in scans if _path(s) in on_file}
    return {path: number for path, number in found.items() if number}


def _path(scan: Scan) -> str:
    digest = hashlib.sha256(scan.relative_path.encode()).hexdigest()[:32]
    return f"{_FOLDER}/{digest}.json"


def _fingerprint(scan: Scan) -> str:
    return f"{scan.size}/{scan.modified_us}/{scan.etag}"
