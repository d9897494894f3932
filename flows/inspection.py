"""The commands that restore nothing: plan, status, verify, report."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flows.close import refresh_report
from flows.exit_codes import ExitCode
from flows.planning import notes_on, open_locations, plan_restoration
from flows.progress import duration
from flows.settings import RestoreSettings
from flows.size import size_in_words
from flows.watching import words_of
from tasks.current import current_batches
from tasks.errors import StorageError
from tasks.lease_info import read_lease
from tasks.ledger import read_runs
from tasks.location import Location
from tasks.paths import MANIFEST
from tasks.reasons import REASONS
from tasks.storage import exists
from tasks.verify import verify

_LAST_RUNS = 5


def show_plan(settings: RestoreSettings, as_json: bool) -> int:
    """Print what a restoration with these settings would do."""
    source, destination = open_locations(settings)
    plan, inventory = plan_restoration(settings, source, destination)
    notes = notes_on(plan, inventory)
    extensions = {
        extension: {"scans": scans, "bytes": plan.bytes_by_extension[extension]}
        for extension, scans in sorted(plan.scans_by_extension.items())
    }
    _print(
        as_json,
        {
            "looked_at": plan.looked_at,
            "to_restore": plan.scans,
            "bytes": plan.bytes,
            "reasons": dict(plan.reasons),
            "done": plan.done,
            "outdated": plan.outdated,
            "withheld": plan.withheld,
            "withdrawn": plan.withdrawn,
            "masters_altered": plan.altered,
            "vanished": plan.vanished,
            "partitions": plan.partition_count,
            "by_extension": extensions,
            "excluded": inventory.excluded,
            "not_images": dict(inventory.ignored),
            "hours": round(plan.estimate.seconds / 3600, 3),
            "output_bytes": plan.estimate.output_bytes,
            "estimate_from": plan.estimate.basis,
            "notes": list(notes),
        },
        [
            f"scans looked at:   {plan.looked_at}",
            f"to restore:        {plan.scans} ({size_in_words(plan.bytes)}) in "
            f"{plan.partition_count} partitions",
            *(f"  {plan.reasons[r]} {words}" for r, words in REASONS.items() if plan.reasons[r]),
            f"done:              {plan.done}",
            *(
                f"  {e or '(none)':8} {n['scans']} scans, {size_in_words(n['bytes'])}"
                for e, n in extensions.items()
            ),
            f"not images:        {_counts(inventory.ignored) or 'none'}",
            f"time, about:       {duration(plan.estimate.seconds)}",
            f"output, about:     {size_in_words(plan.estimate.output_bytes)}",
            f"  ({plan.estimate.basis})",
            *notes,
        ],
    )
    return ExitCode.OK


def show_status(destination: Location, as_json: bool) -> int:
    """Print what a destination holds, and whether a run is under way."""
    _require_manifest(destination)
    counts = _current_counts(destination)
    lease = read_lease(destination)
    runs = read_runs(destination)[:_LAST_RUNS]
    alive = None if lease is None else lease.holder.is_alive()
    lines = [f"{status + ':':16}{count}" for status, count in sorted(counts.items())]
    if lease is not None:
        words = {True: "under way", False: "died", None: "on another machine"}[alive]
        done = ", ".join(words_of(lease.progress))
        lines.append(f"run:            {words} ({lease}) {done}")
    for run in runs:
        ended = run.get("ended") or ("under way" if alive else "did not end")
        lines.append(
            f"run {run['run_sequence']}: {run.get('started', '')[:19]} {ended}, "
            f"{_counts(run.get('counts', {})) or 'no scans'}"
        )
    _print(
        as_json,
        {
            "rows": counts,
            "lease": None if lease is None else asdict(lease) | {"alive": alive},
            "runs": runs,
        },
        lines,
    )
    return ExitCode.OK


def show_verification(destination: Location, as_json: bool) -> int:
    """Hash every derivative again and print what differs from the manifest."""
    _require_manifest(destination)
    told = time.monotonic()

    def progress(files: int, size: int) -> None:
        nonlocal told
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(f"{files} files, {size_in_words(size)} hashed", file=sys.stderr, flush=True)

    found = verify(destination, progress)
    findings = {
        "missing": found.missing,
        "altered": found.altered,
        "unreadable": found.unreadable,
        "stray": found.stray,
    }
    lines = [f"checked:        {found.checked} derivatives, {size_in_words(found.bytes)}"]
    for name, finding in findings.items():
        lines.append(f"{name + ':':16}{finding.count}")
        lines += [f"  {path!r}: {reason}" for path, reason in finding.examples]
    if found.ok:
        lines.append("Everything is as the manifest says.")
    elif found.missing.count or found.altered.count:
        lines.append("`albumen restore` makes missing and altered derivatives again.")
    _print(
        as_json,
        {"checked": found.checked, "bytes": found.bytes, "ok": found.ok}
        | {name: asdict(finding) for name, finding in findings.items()},
        lines,
    )
    return ExitCode.OK if found.ok else ExitCode.DIFFERENCES


def rewrite_report(destination: Location) -> int:
    """Write the report of a destination again."""
    _require_manifest(destination)
    print(destination.child(refresh_report(destination)))
    return ExitCode.OK


def _require_manifest(destination: Location) -> None:
    if not exists(destination, MANIFEST) and not read_runs(destination):
        raise StorageError(
            f"{destination.uri} holds no restored collection: there is neither a manifest nor a "
            f"run. Give the DESTINATION of `albumen restore`."
        )


def _current_counts(destination: Location) -> Counter[str]:
    """Scans by status: each counts once, whatever its number of pages."""
    counts: Counter[str] = Counter()
    for batch in current_batches(destination, ("status", "page")):
        table = batch.to_pydict()
        counts.update(s for s, p in zip(table["status"], table["page"], strict=True) if p == 0)
    return counts


def _print(as_json: bool, data: Mapping[str, Any], lines: list[str]) -> None:
    print(json.dumps(data, indent=1, default=str) if as_json else "\n".join(lines))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name or '(none)'}" for name, count in counts.items())
