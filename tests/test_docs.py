"""What the documents say about code is what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from flows.exit_codes import ExitCode

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md"]


def test_every_column_of_the_manifest_is_documented() -> None:
    spec = importlib.util.spec_from_file_location("columns", ROOT / "docs/columns.py")
    assert spec is not None
    assert spec.loader is not None
    columns = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(columns)
    page = (ROOT / "docs/destination.md").read_text(encoding="utf-8")
    assert columns.table() in page


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/command-line.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert documented == {int(code) for code in ExitCode}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
