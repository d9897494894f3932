"""One Prefect server for most runs: starting the embedded one takes longer than the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import prefect_server
import pytest
from cli import Cli
from prefect_server import PrefectServer
from untidy import Night, restore_untidy


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    with prefect_server.running(tmp_path_factory.mktemp("prefect-server")) as running:
        yield running


@pytest.fixture(scope="session")
def cli(tmp_path_factory: pytest.TempPathFactory, server: PrefectServer) -> Cli:
    """The command with a Prefect server that runs already."""
    return Cli(tmp_path_factory.mktemp("home"), {"PREFECT_API_URL": server.api_url})


@pytest.fixture(scope="session")
def bare_cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command as on a fresh machine: nothing is configured."""
    return Cli(tmp_path_factory.mktemp("bare-home"))


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Night:
    """An untidy folder, restored; to be looked at only."""
    return restore_untidy(tmp_path_factory.mktemp("night"), cli)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A source and a destination; only the source exists."""
    (tmp_path / "scans").mkdir()
    return tmp_path / "scans", tmp_path / "restored collection"
