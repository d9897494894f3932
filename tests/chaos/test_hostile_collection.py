"""The whole corpus of hostile files among good scans, through the whole flow."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from corpus import make_corpus
from faults import Collection, Note, collection, digest_of_tree

pytestmark = pytest.mark.chaos

MOST_PRIVATE_BYTES = 2 << 30


@pytest.mark.in_ci
def test_every_file_has_its_row_and_the_good_scans_come_through(
    place: Collection, note: Note, tmp_path: Path
) -> None:
    good = collection(place.source, 12)
    cases = {case.name: case for case in make_corpus(place.source)}
    before = digest_of_tree(place.source)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    (tmp_path / "prefect").mkdir()  # PREFECT_HOME
    around = set(tmp_path.iterdir())
    started = time.monotonic()
    settings = {"TMPDIR": str(scratch), "RAY_TMPDIR": "/tmp"}  # Ray's paths must be short
    with place.restoring(**settings) as command, command.measured() as peaks:
        code = command.wait(280)
    seconds = round(time.monotonic() - started)
    rows = place.rows()
    note("hostile corpus", code, len(good) + len(cases), len(rows), place.repeated(), "", seconds)
    for title, peak in sorted(peaks.items(), key=lambda item: -item[1])[:6]:
        print(f"{peak / 1e6:8.0f} MB private at most: {title}")
    assert code == 3, command.errors
    assert "Traceback" not in command.errors
    first_pages = rows[rows["page"] == 0].set_index("relative_path")
    assert not rows.duplicated(["relative_path", "page"]).any()
    assert set(first_pages.index) == {*good, *cases} - {"folder.jpg"}
    for name in good:
        assert first_pages.loc[name, "status"] in ("restored", "unchanged"), name
    wrong = {}
    for name, case in cases.items():
        if case.expected == "not listed":
            continue
        row = first_pages.loc[name]
        outcome = row["error_class"] if row["status"] == "failed" else "ok"
        if not case.allows(outcome) or row["status"] == "quarantined":
            wrong[name] = (case.expected, row["status"], outcome, row["error_message"])
        assert row["status"] in ("restored", "unchanged") or row["error_message"], name
    assert wrong == {}
    assert digest_of_tree(place.source) == before
    beside = {path.name for path in set(tmp_path.iterdir()) - around}
    assert all(name.startswith("command-") for name in beside), beside
    assert {path.name for path in tmp_path.glob("command-*/*")} == {"stdout", "stderr"}
    assert list(scratch.glob("albumen-*")) == []
    assert place.unfinished() == []
    assert max(peaks.values()) < MOST_PRIVATE_BYTES
