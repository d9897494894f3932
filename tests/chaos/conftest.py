"""One Prefect server for all fault tests, a collection for each, and a table of what was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import prefect_server
import pytest
from faults import Collection, Note

_TABLE = pytest.StashKey[list[tuple[str, ...]]]()
_HEADINGS = ("fault", "exit", "scans", "rows", "done again", "left behind", "seconds")


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_server.running(tmp_path_factory.mktemp("prefect-server")) as running:
        yield running.api_url


@pytest.fixture
def bare_place(tmp_path: Path) -> Collection:
    """A collection whose runs start Prefect's embedded server."""
    return Collection(tmp_path)


@pytest.fixture
def place(tmp_path: Path, prefect_api: str) -> Collection:
    """A collection whose runs use a Prefect server that is there already: it is quicker."""
    return Collection(tmp_path, {"PREFECT_API_URL": prefect_api})


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Adds a line to the table at the end: a value for every heading."""
    table = request.config.stash.setdefault(_TABLE, [])
    return lambda *values: table.append(tuple(map(str, values)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = terminalreporter.config.stash.get(_TABLE, [])
    if not table:
        return
    terminalreporter.section("faults")
    lines = [_HEADINGS, *table]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADINGS))]
    for line in lines:
        terminalreporter.write_line(
            "  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True))
        )
