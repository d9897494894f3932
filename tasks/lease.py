"""The lease: one run at a time on a destination.

`.albumen/lease` names its holder and changes with every heartbeat. A second driver gives up
with one clear line. The lease of a driver that died is taken over at once where it ran on the
same machine, and elsewhere when its heartbeat has stopped: judged by watching that the file
does not change, so that clocks need not agree.

On a disk, changes are made under a file lock; on S3, by conditional PUT. A service that ignores
conditions is recognised, and then a driver writes, waits, and looks whether it was overwritten:
two drivers starting within the same two seconds are told apart, only less strictly.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.errors import LeaseHeld, LeaseLost, LeaseNotRenewed, StorageError
from tasks.holder import Holder
from tasks.lease_info import LEASE, LeaseInfo, read_lease
from tasks.run_thread import run_thread
from tasks.storage import Location, writable
from tasks.storage_types import WritableStore

HEARTBEAT_SECONDS = 10.0
BEATS_MISSED = 4
_SETTLE_SECONDS = 2.0
_LOG = logging.getLogger(__name__)


def refuse_held(destination: Location) -> None:
    """Raise LeaseHeld where a process on this machine holds the destination; writes nothing."""
    info = read_lease(destination)
    if info is not None and info.holder.is_alive():
        raise _held(destination.uri, info)


def _held(where: str, info: LeaseInfo | None) -> LeaseHeld:
    return LeaseHeld(
        f"another run is working on {where}: {info}. Wait until it has ended, or end it."
    )


class Lease:
    """A held lease; use as a context manager. A thread keeps its heartbeat going."""

    def __init__(
        self, store: WritableStore, where: str, run_id: str | None, beat_seconds: float
    ) -> None:
        self.lost = threading.Event()
        """Set when another driver has taken over, or nobody can tell any more."""
        self.run_id = run_id or secrets.token_hex(6)
        """What the run that holds it is called: who watches the lease finds its record by this."""
        self._store = store
        self._where = where
        self._beat_seconds = beat_seconds
        self._nonce = secrets.token_hex(8)
        self._holder = Holder.this_process()
        self._since = _now()
        self._count = 0
        self._is_lax = False  # the service ignores conditions
        self._progress: Mapping[str, Any] = {}
        self._token = ""
        self._failure = ""  # of the last heartbeat
        self._written = time.monotonic()
        self._ended = threading.Event()
        self._thread = run_thread("lease", self._keep)

    @staticmethod
    def acquire(
        destination: Location,
        run_id: str | None = None,
        notify: Callable[[str], None] = _LOG.info,
        beat_seconds: float = HEARTBEAT_SECONDS,
    ) -> Lease:
        """Take the lease of a destination.

        `notify` is told when this has to watch another machine's lease for a while. Raises
        LeaseHeld where its holder lives, StorageError.
        """
        lease = Lease(writable(destination), destination.uri, run_id, beat_seconds)
        lease._take(notify)
        lease._thread.start()
        return lease

    def update(self, progress: Mapping[str, Any]) -> None:
        """What the next heartbeat tells of the run, as JSON values."""
        self._progress = dict(progress)

    def check(self) -> None:
        """Raise LeaseLost where the lease is no longer held; LeaseNotRenewed, which is one, where
        it is the storage that failed."""
        if self._is_overdue():
            self.lost.set()
        if self.lost.is_set() and self._failure:
            raise LeaseNotRenewed(
                f"the lease of {self._where} could not be renewed for so long that another run "
                f"may take it over: {self._failure}. What has a row is done; once the storage "
                f"can be used, run the command again."
            )
        if self.lost.is_set():
            raise LeaseLost(
                f"the lease of {self._where} was lost: another run took it over, or it could not "
                f"be renewed for too long. What has a row is done; run the command again."
            )

    def release(self) -> None:
        """Give the lease back; not an error where it was lost."""
        self._ended.set()
        self._thread.join()
        try:
            if self._token_of_ours() is not None:
                self._store.remove(LEASE)
        except StorageError as error:
            _LOG.warning("the lease could not be removed: %s", error)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    # -- taking it

    def _take(self, notify: Callable[[str], None]) -> None:
        while True:
            # Looked at first, always: a service that ignores conditions would write over it.
            found = self._store.read(LEASE)
            token: str | None
            if found is None:
                token = self._store.create_exclusive(LEASE, self._content())
            elif self._is_ours(found[0]):  # the answer to an earlier attempt was lost
                token = found[1]
            else:
                self._refuse_living(found, notify)
                token = self._store.replace_if_same(LEASE, self._content(), found[1])
            if token is not None and self._is_safe():
                self._token, self._written = token, time.monotonic()
                return

    def _refuse_living(self, found: tuple[bytes, str], notify: Callable[[str], None]) -> None:
        """Return when the holder is dead; raise LeaseHeld where it lives."""
        info = LeaseInfo.parse(found[0])
        is_alive = info.holder.is_alive() if info else None
        if is_alive is None:
            notify(f"Watching whether another run on {self._where} is alive ({info}).")
            is_alive = self._changes(found)
        if is_alive:
            raise _held(self._where, info)
        _LOG.info("taking over the lease of a run that died: %s", info)

    def _changes(self, found: tuple[bytes, str]) -> bool:
        """Whether the lease changes within the time of a few heartbeats."""
        deadline = time.monotonic() + BEATS_MISSED * self._beat_seconds
        while time.monotonic() < deadline:
            time.sleep(self._beat_seconds / 5)
            now = self._store.read(LEASE)
            if now is None or now[0] != found[0]:
                return now is not None
        return False

    def _is_safe(self) -> bool:
        """Whether the lease just written is truly ours, on any storage."""
        if self._store.honours_conditions(LEASE):
            return True
        self._is_lax = True
        time.sleep(_SETTLE_SECONDS)
        return self._token_of_ours() is not None

    # -- keeping it

    def _keep(self) -> None:
        while not self._ended.wait(self._beat_seconds) and not self.lost.is_set():
            try:
                self._beat()
            except Exception as error:
                _LOG.warning("heartbeat failed: %s", error)
                self._failure = str(error).rstrip(".")
                if self._is_overdue():
                    self.lost.set()

    def _is_overdue(self) -> bool:
        """Whether, for want of heartbeats, another driver may soon take this one for dead."""
        return time.monotonic() - self._written > (BEATS_MISSED - 1) * self._beat_seconds

    def _beat(self) -> None:
        self._count += 1
        token = None
        if not self._is_lax or self._token_of_ours() is not None:
            token = self._store.replace_if_same(LEASE, self._content(), self._token)
            # An earlier beat may have been written though its answer was lost on the way.
            token = token or self._token_of_ours()
        if token is None:
            self._failure = ""
            self.lost.set()
            return
        self._token, self._written, self._failure = token, time.monotonic(), ""

    def _token_of_ours(self) -> str | None:
        """The token of the lease as it is stored; None where there is none or it is another's."""
        now = self._store.read(LEASE)
        return now[1] if now is not None and self._is_ours(now[0]) else None

    def _content(self) -> bytes:
        return json.dumps(
            {
                "holder": self._holder.as_dict(),
                "nonce": self._nonce,
                "run_id": self.run_id,
                "since": self._since,
                "heartbeat": _now(),
                "count": self._count,
                "progress": self._progress,
            },
            indent=1,
            default=str,
        ).encode()

    def _is_ours(self, data: bytes) -> bool:
        info = LeaseInfo.parse(data)
        return info is not None and info.nonce == self._nonce


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
