"""`albumen status --watch`: a run as its lease tells it, from any machine that reads DESTINATION.

The run writes where it stands into its lease with every heartbeat, every ten seconds; neither Ray
nor Prefect is asked.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from flows.exit_codes import ExitCode
from flows.progress import duration
from flows.size import size_in_words
from tasks.errors import StorageError
from tasks.lease import BEATS_MISSED, HEARTBEAT_SECONDS
from tasks.lease_info import LeaseInfo, read_lease
from tasks.ledger import read_runs
from tasks.location import Location

_REFRESH_SECONDS = 2.0
_SILENT_SECONDS = BEATS_MISSED * HEARTBEAT_SECONDS
"""As long as another driver waits before it takes the lease over."""

_UNREADABLE_SECONDS = 300.0
_RATE_SECONDS = 300.0
"""The rate is that of the last minutes: what comes later may be larger scans."""


def words_of(told: Mapping[str, Any]) -> list[str]:
    """What a lease tells of a run, as phrases; few where the run has only begun."""
    if "planned" not in told:
        return ["listing and planning"]
    planned, done = int(told["planned"]), int(told.get("done", 0))
    share = f", {100 * done / planned:.0f} %" if planned else ""
    failed = f"{told.get('failed', 0)} failed"
    if errors := told.get("errors"):
        kinds = sorted(errors.items(), key=lambda kind: -kind[1])
        failed += f" ({', '.join(f'{kind} {count}' for kind, count in kinds)})"
    words = [f"{done} of {planned} scans{share}", failed]
    if not told.get("lanes"):
        return [*words, "starting the lanes"]
    held = size_in_words(int(told.get("in_flight_bytes", 0)))
    words.append(f"{told.get('lanes_at_work', 0)} of {told['lanes']} lanes at work")
    words.append(f"{told.get('in_flight', 0)} scans in flight, {held}")
    return words


@dataclass(slots=True)
class View:
    """What a watcher knows of one run; times are of `clock`, this machine's own."""

    nonce: str
    clock: Callable[[], float] = time.monotonic
    info: LeaseInfo | None = None
    changed: float = 0.0
    beats: deque[tuple[float, int]] = field(default_factory=deque)
    """(seconds of the run, scans done) of the heartbeats seen in the last minutes."""

    def see(self, info: LeaseInfo) -> None:
        """Take over what the lease says now."""
        now = self.clock()
        if self.info is None or info.heartbeat != self.info.heartbeat:
            self.changed = now
            if "seconds" in info.progress:
                at = float(info.progress["seconds"])
                self.beats.append((at, int(info.progress["done"])))
                while at - self.beats[0][0] > _RATE_SECONDS:
                    self.beats.popleft()
        self.info = info

    @property
    def silent_seconds(self) -> float:
        """How long no heartbeat was seen; this needs no agreement of clocks."""
        return self.clock() - self.changed

    @property
    def is_dead(self) -> bool:
        """Whether the run died: its process is gone, or its heartbeat has stopped."""
        alive = self.info.holder.is_alive() if self.info else None
        return alive is False or (alive is None and self.silent_seconds > _SILENT_SECONDS)

    @property
    def rate(self) -> float | None:
        """Scans a second: of the heartbeats seen, or of the whole run where they say too little."""
        if not self.beats:
            return None
        (began, before), (ended, done) = self.beats[0], self.beats[-1]
        if ended - began < 2 * HEARTBEAT_SECONDS or done == before:
            began, before = 0.0, 0
        return (done - before) / (ended - began) if done and ended > began else None

    def remaining_seconds(self) -> float | None:
        """About how long the run still takes."""
        told = self.info.progress if self.info else {}
        if not self.rate or "planned" not in told:
            return None
        return float(max(0, told["planned"] - told["done"])) / self.rate

    def phrases(self) -> list[str]:
        """Everything worth saying, shortest sense first."""
        assert self.info is not None
        words = words_of(self.info.progress)
        if self.rate:
            words.append(f"{self.rate * 60:.1f} a minute")
        left = self.remaining_seconds()
        if left:
            words.append(f"about {duration(left)} left")
        if longest := self.info.progress.get("longest"):
            oldest = ", ".join(f"{path!r} {duration(seconds)}" for path, seconds in longest)
            words.append(f"longest: {oldest}")
        if self.silent_seconds > 2 * HEARTBEAT_SECONDS:
            words.append(f"no heartbeat for {self.silent_seconds:.0f} s")
        return words

    def record(self) -> dict[str, Any]:
        """The same for scripts."""
        assert self.info is not None
        return asdict(self.info) | {
            "alive": not self.is_dead,
            "scans_per_second": self.rate,
            "remaining_seconds": self.remaining_seconds(),
            "silent_seconds": round(self.silent_seconds, 1),
        }


def watch(
    destination: Location,
    as_json: bool = False,
    stream: TextIO | None = None,
    every: float = _REFRESH_SECONDS,
) -> int:
    """Show the run on a destination until it ends: live in a terminal, else a line at a time.

    The exit code is 6 where the run failed or died, 0 otherwise. Raises StorageError.
    """
    out = stream or sys.stdout
    info = read_lease(destination)
    if info is None:
        _tell(out, as_json, {"run": None}, f"no run is under way on {destination.uri}")
        return ExitCode.OK
    view = View(info.nonce)
    is_live = out.isatty() and not as_json
    live = Live(console=Console(file=out), auto_refresh=False) if is_live else None
    with live or nullcontext():
        while info is not None and info.nonce == view.nonce:
            view.see(info)
            if live is not None:
                live.update(_drawn(view), refresh=True)
            else:
                _tell(out, as_json, view.record(), "; ".join(view.phrases()))
            if view.is_dead:
                words = f"the run died ({info}). The same command goes on from there."
                _tell(out, as_json, {"ended": "died"}, words)
                return ExitCode.RUN_FAILED
            time.sleep(every)
            info = _read_patiently(destination, every)
    return _told_end(destination, view, out, as_json)


def _told_end(destination: Location, view: View, out: TextIO, as_json: bool) -> int:
    # Not by what the lease told of it: a run may end before its second heartbeat.
    run = view.info.run_id if view.info else ""
    record = next((r for r in read_runs(destination) if r["run_id"] == run), {})
    ended = str(record.get("ended") or "ended before it began a scan")
    counts = ", ".join(f"{n} {status}" for status, n in record.get("counts", {}).items())
    _tell(out, as_json, {"ended": ended} | record, f"{ended}: {counts or 'no scans'}")
    return ExitCode.RUN_FAILED if ended == "failed" else ExitCode.OK


def _read_patiently(destination: Location, every: float) -> LeaseInfo | None:
    """The lease, over a network that may be away for a while. Raises StorageError."""
    deadline = time.monotonic() + _UNREADABLE_SECONDS
    while True:
        try:
            return read_lease(destination)
        except StorageError:
            if time.monotonic() > deadline:
                raise
            time.sleep(every)


def _drawn(view: View) -> Group:
    """A bar and a phrase on each line; names of files are text, never markup."""
    assert view.info is not None
    told = view.info.progress
    bar = ProgressBar(total=max(1, told.get("planned", 1)), completed=told.get("done", 0), width=40)
    return Group(Text(f"run on {view.info.holder}"), bar, *map(Text, view.phrases()))


def _tell(out: TextIO, as_json: bool, record: Mapping[str, Any], words: str) -> None:
    print(json.dumps(record, default=str) if as_json else words, file=out, flush=True)
