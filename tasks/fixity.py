"""Fixity of masters: a sample of those that look unchanged is hashed again.

A listing tells that a file was replaced, not that it rotted: size and time stay. Every run looks
at another window of the collection, so that with 1 % a hundred runs have looked at every scan;
those once found altered are looked at by every run. A scan whose bytes are not those that were
restored gets the review flag `master altered` in new rows that otherwise repeat the old, and is
left as it is from then on: nothing is made from such a master. The flag goes when the bytes are
the old ones again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from itertools import groupby, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import ledger
from tasks.checksum import sha256_of
from tasks.current import current_batches, is_in_sorted, path_keys
from tasks.errors import AlbumenError, SourceChanged, SourceUnreadable
from tasks.ledger import Run
from tasks.location import Location
from tasks.records import MASTER_ALTERED, Row, Scan
from tasks.share import Share
from tasks.storage import is_there, local_copy
from tasks.verify import Findings

_READERS = 4
_ROWS_OF_PART = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTED = ("page", "source_sha256", "status")
_LOOKED_AT = (
    "relative_path",
    "page",
    "source_uri",
    "source_sha256",
    "source_bytes",
    "source_modified",
    "source_etag",
    "status",
    "flags",
)


@dataclass(slots=True)
class Fixity:
    """`checked` masters were hashed, `bytes` in all; `altered` are not what was restored;
    `unreadable` could not be read; `skipped` are gone or changed by their listing, which is for
    the plan to see; `recovered` were found altered before, and are no more. `left` were not
    reached in time."""

    checked: int = 0
    bytes: int = 0
    skipped: int = 0
    left: int = 0
    altered: Findings = field(default_factory=Findings)
    unreadable: Findings = field(default_factory=Findings)
    recovered: Findings = field(default_factory=Findings)


@dataclass(frozen=True, slots=True)
class _Master:
    scan: Scan
    sha256: str
    is_flagged: bool


def check_masters(
    source: Location,
    destination: Location,
    run: Run,
    share: Share,
    is_over: Callable[[], bool] = lambda: False,
) -> Fixity:
    """Hash a run's sample of the masters and note in the ledger which are altered; only for the
    holder of the lease. Once `is_over`, no further master is begun.

    Raises ManifestError, StorageError.
    """
    found = Fixity()
    changed: set[str] = set()
    masters = iter(_sample(destination, run.sequence, share))
    with ThreadPoolExecutor(_READERS) as pool:
        while group := list(islice(masters, 0 if is_over() else _READERS)):
            digests = pool.map(lambda master: _digest(source, master.scan), group)
            for master, digest in zip(group, digests, strict=True):
                if _note(found, master, digest):
                    changed.add(master.scan.relative_path)
    found.left = sum(1 for _ in masters)
    if changed:
        _flag(destination, run, changed)
    return found


def _note(found: Fixity, master: _Master, digest: str | AlbumenError | None) -> bool:
    """Count what came of a master; whether its flag has to change."""
    path = master.scan.relative_path
    if digest is None:
        found.skipped += 1
        return False
    if isinstance(digest, AlbumenError):
        found.unreadable.add(path, str(digest))
        return False
    found.checked += 1
    found.bytes += master.scan.size
    if digest != master.sha256:
        found.altered.add(path, f"its bytes have SHA-256 {digest}, restored were {master.sha256}")
        return not master.is_flagged
    if master.is_flagged:
        found.recovered.add(path, "its bytes are again those that were restored")
    return master.is_flagged


def _digest(source: Location, scan: Scan) -> str | AlbumenError | None:
    """The SHA-256 of a master; None where it is gone or another by its listing."""
    try:
        if not is_there(source, scan):
            return None
        with local_copy(source, scan) as path:
            return sha256_of(path)
    except SourceChanged:
        return None
    except AlbumenError as error:
        return error
    except OSError as error:
        return SourceUnreadable(f"{scan.uri}: {error.strerror or error}")


def _sample(destination: Location, sequence: int, share: Share) -> list[_Master]:
    """The masters of a run: flagged ones, and a window that moves on with every run."""
    total = sum(_count(batch) for batch in current_batches(destination, _COUNTED))
    if not total:
        return []
    count = share.of(total)
    begin = (sequence * count / total) % 1.0

    def place(master: _Master) -> tuple[float, str]:
        digest = hashlib.sha256(master.scan.relative_path.encode(errors="surrogateescape"))
        at = int.from_bytes(digest.digest()[:8]) / 2**64
        return (at - begin) % 1.0, master.scan.relative_path

    flagged: list[_Master] = []

    def looked_through() -> Iterator[_Master]:
        for master in _masters(destination):
            if master.is_flagged:
                flagged.append(master)
            yield master

    chosen = nsmallest(count, looked_through(), key=place)
    return list({master.scan.relative_path: master for master in [*flagged, *chosen]}.values())


def _count(batch: pa.RecordBatch) -> int:
    """How many masters a batch of rows has."""
    is_one = pc.and_(
        pc.and_(pc.equal(batch.column("page"), 0), pc.is_valid(batch.column("source_sha256"))),
        pc.not_equal(batch.column("status"), "withdrawn"),
    )
    return pc.sum(is_one).as_py() or 0


def _masters(destination: Location) -> Iterator[_Master]:
    """The first page of every scan that was read and has not been withdrawn."""
    for batch in current_batches(destination, _LOOKED_AT):
        for row in batch.to_pylist():
            if row["page"] or not row["source_sha256"] or row["status"] == "withdrawn":
                continue
            modified = row["source_modified"]
            scan = Scan(
                row["source_uri"],
                row["relative_path"],
                row["source_bytes"],
                None if modified is None else (modified - _EPOCH) // timedelta(microseconds=1),
                row["source_etag"],
            )
            yield _Master(scan, row["source_sha256"], MASTER_ALTERED in (row["flags"] or ()))


def _flag(destination: Location, run: Run, paths: set[str]) -> None:
    """New rows for these scans: the flag where it was not, none where it was."""
    wanted = np.sort(np.fromiter(map(hash, paths), np.int64))
    rows: list[Row] = []
    for batch in current_batches(destination):
        mask = is_in_sorted(path_keys(batch.column("relative_path")), wanted)
        if mask.any():
            rows += batch.filter(pa.array(mask)).to_pylist()
    part: list[Row] = []
    for _, pages in groupby(rows, lambda row: row["relative_path"]):
        part += map(_flipped, pages)
        if len(part) >= _ROWS_OF_PART:
            ledger.write_part(destination, run, "fixity", secrets.token_hex(4), part)
            part = []
    if part:
        ledger.write_part(destination, run, "fixity", secrets.token_hex(4), part)


def _flipped(row: Row) -> Row:
    flags = list(row["flags"] or ())
    if MASTER_ALTERED in flags:
        flags.remove(MASTER_ALTERED)
    else:
        flags.append(MASTER_ALTERED)
    return row | {"flags": flags}
