"""`albumen withdraw`: take derivatives away again, and note it in the ledger."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows import options
from flows.close import refresh_report
from flows.exit_codes import ExitCode
from flows.given import location
from flows.size import size_in_words
from tasks.current import current_batches, rewrite_manifest
from tasks.errors import StorageError, UsageError
from tasks.inventory import take_inventory
from tasks.lease import Lease
from tasks.ledger import end_run, read_runs, start_run
from tasks.location import Location
from tasks.storage import check_destination, check_source
from tasks.withdraw import (
    Wanted,
    Withdrawn,
    finish_withdrawals,
    gone,
    named,
    select,
    withdraw,
)

_SHOWN = 100
_MOST_PERCENT = 10.0

_Paths = Annotated[
    list[str] | None,
    typer.Argument(
        help="Scans by their path below SOURCE, as the manifest has it; 'folder/' for all below."
    ),
]
_Gone = Annotated[bool, typer.Option("--gone", help="All scans that SOURCE no longer has.")]
_ListFile = Annotated[
    Path | None, typer.Option("--list", help="CSV with a column 'path': the scans it names.")
]
_Source = Annotated[
    str | None,
    typer.Option(help="Where --gone looks.", show_default="the SOURCE of the last run"),
]
_Reason = Annotated[
    str | None, typer.Option(help="Why, for the record, such as 'request of the family, 12/2026'.")
]
_Most = Annotated[
    float,
    typer.Option(
        "--most", help="Refuse where --gone finds more than this percentage of the collection."
    ),
]
_Yes = Annotated[bool, typer.Option("--yes", help="Remove them; without it, they are only listed.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("withdraw")
    def command(
        destination: options.Destination,
        paths: _Paths = None,
        is_gone: _Gone = False,
        list_file: _ListFile = None,
        source: _Source = None,
        reason: _Reason = None,
        most: _Most = _MOST_PERCENT,
        yes: _Yes = False,
        storage_option: options.StorageOption = None,
    ) -> int:
        """Remove derivatives of DESTINATION: of scans named, or of those SOURCE no longer has.

        Lists them, and removes nothing without --yes. The ledger keeps every row and gets new
        ones that say so; masters are not touched.
        """
        chosen = [*(paths or []), *(_listed(list_file) if list_file else [])]
        if bool(chosen) == is_gone:
            raise UsageError("give either the paths of scans (or --list), or --gone.")
        place = location(destination, storage_option)
        check_destination(place)
        if is_gone:
            where = location(source or _last_source(place), storage_option)
            check_source(where)
            wanted = gone(take_inventory(where))
            _refuse_most(place, wanted, most, where)
        else:
            wanted = named(chosen)
            _refuse_unknown(place, chosen)
        total = _show(place, wanted)
        if not total.scans or not (yes or _is_confirmed()):
            if total.scans:
                print("Nothing was removed. --yes removes them.")
            return ExitCode.OK
        why = reason or ("the source no longer has it" if is_gone else "on request")
        return _carry_out(place, wanted, why, returns=is_gone)


def _carry_out(place: Location, wanted: Wanted, reason: str, returns: bool) -> int:
    note = f"withdrawn on {datetime.now(UTC):%Y-%m-%d}: {reason}"
    with Lease.acquire(place, notify=lambda text: print(text, file=sys.stderr)) as lease:
        finish_withdrawals(place)
        run = start_run(place, lease.run_id)
        lease.check()
        done = withdraw(place, run, select(place, wanted), note, returns)
        rewrite_manifest(place)
        totals = {"outcome": "completed", "counts": {"withdrawn": done.scans}, "notes": [note]}
        end_run(place, run, "completed", totals)
        refresh_report(place)
    print(f"Withdrawn: {_words(done)}. Run {run.sequence} of the ledger says so.")
    return ExitCode.OK


def _show(place: Location, wanted: Wanted) -> Withdrawn:
    total = Withdrawn()
    for pages in select(place, wanted):
        total.add(pages)
        if total.scans <= _SHOWN:
            print(repr(pages[0]["relative_path"]))
    if total.scans > _SHOWN:
        print(f"... and {total.scans - _SHOWN} more")
    print(f"To be withdrawn: {_words(total)}." if total.scans else "There is nothing to withdraw.")
    return total


def _words(total: Withdrawn) -> str:
    scans = "1 scan" if total.scans == 1 else f"{total.scans} scans"
    return f"{scans} with {total.derivatives} derivatives ({size_in_words(total.bytes)})"


def _is_confirmed() -> bool:
    return sys.stdin.isatty() and typer.confirm("Remove them?")


def _refuse_most(place: Location, wanted: Wanted, most: float, where: Location) -> None:
    """An empty folder where a disk was to be mounted looks like a source without scans."""
    total = missing = 0
    for batch in current_batches(place, ("relative_path", "page", "status")):
        is_one = (batch.column("page").to_numpy(zero_copy_only=False) == 0) & [
            status != "withdrawn" for status in batch.column("status").to_pylist()
        ]
        total += int(is_one.sum())
        missing += int((wanted(batch.column("relative_path").to_pylist()) & is_one).sum())
    if missing > total * most / 100:
        raise StorageError(
            f"{missing} of {total} scans are not in {where.uri}, more than --most {most:g} %. Is "
            f"it the right source, and mounted? If it is, give a larger --most."
        )


def _refuse_unknown(place: Location, chosen: Sequence[str]) -> None:
    unknown = set(chosen)
    folders = tuple(path for path in chosen if path.endswith("/"))
    for batch in current_batches(place, ("relative_path",)):
        for path in batch.column("relative_path").to_pylist():
            unknown.discard(path)
            if folders and path.startswith(folders):
                unknown -= {folder for folder in folders if path.startswith(folder)}
    if unknown:
        shown = ", ".join(map(repr, sorted(unknown)[:5]))
        raise UsageError(
            f"the manifest of {place.uri} has no {shown}: nothing was removed. Paths are those "
            f"below SOURCE, with / after a folder."
        )


def _last_source(place: Location) -> str:
    for run in read_runs(place):
        if run.get("source"):
            return str(run["source"])
    raise UsageError("--gone needs --source: no run noted where the scans lie.")


def _listed(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--list {file}: cannot be read: {error}.") from error
    paths = [row["path"].strip() for row in rows if (row.get("path") or "").strip()]
    if not paths:
        raise UsageError(f"--list {file}: wants a column 'path' with a path in it.")
    return paths
