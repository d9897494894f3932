"""One restoration of a small, untidy folder, and everything it leaves behind."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from small_collection import COLORIZES, print_with_scratch, state_of
from untidy import NAMES, Night

from tasks.manifest import SCHEMA


def test_ends_with_what_came_of_it(night: Night) -> None:
    assert night.finished.code == 3, night.finished
    assert "failed:         4" in night.finished.out
    assert f"report:            {night.destination}/report/index.html" in night.finished.out
    assert "1 .txt" in night.finished.out


def test_progress_in_a_pipe_is_plain_lines(night: Night) -> None:
    lines = night.finished.err.splitlines()
    assert lines
    for line in lines:
        assert " scans done, " in line
        assert " remaining" in line
        assert line.isprintable()
    planned = len(NAMES) + 6
    assert lines[-1].startswith(f"{planned} of {planned} scans done, 4 failed, 0 remaining")


def test_pandas_reads_one_row_for_every_page(night: Night) -> None:
    assert list(night.rows.columns) == SCHEMA.names
    assert not night.rows.duplicated(["relative_path", "page"]).any()
    assert len(night.rows) == len(NAMES) + 2 + 5
    pages = night.rows[night.rows.relative_path == "album.tif"]
    assert sorted(pages.page) == [0, 1]
    assert set(pages.page_count) == {2}
    assert set(night.rows.run_sequence) == {1}
    assert night.rows.recipe.nunique() == 1


def test_every_odd_name_is_restored_inside_the_destination(night: Night) -> None:
    for name in NAMES:
        printed = name.encode(errors="backslashreplace").decode()
        found = night.rows[night.rows.relative_path == printed]
        assert list(found.status) == ["restored"], name
        (restored,) = [o for o in found.iloc[0].outputs if o["kind"] == "restored"]
        written = (night.destination / restored["path"]).resolve()
        assert written.is_relative_to(night.destination / "restored"), name
        assert written.stat().st_size == restored["bytes"]
    assert not (night.destination.parent / "escape.png").exists()


def test_only_damaged_samples_differ(night: Night) -> None:
    before = np.asarray(Image.open(night.source / "plain.png")).astype(int)
    (path,) = night.outputs("plain.png", "restored")
    after = np.asarray(Image.open(path)).astype(int)
    changed = before != after
    assert 0 < changed.mean() < 0.05
    row = night.row("plain.png")
    assert row.changed_fraction == pytest.approx(changed.mean(), abs=0.01)
    assert row.psnr_outside_mask == np.inf
    assert row.damaged_fraction_after < row.damaged_fraction_before


def test_grey_scans_are_colorized_once_there_are_weights(night: Night) -> None:
    for name in ("plain.png", "blank.png"):
        colored = COLORIZES and name == "plain.png"
        assert bool(night.row(name)["colorized"]) == colored
        assert len(night.outputs(name, "colorized")) == colored
    reason = "monochrome" if COLORIZES else "not colourized: no weights"
    assert night.row("plain.png").colorize_reason == reason


def test_what_needs_no_restoration_is_copied(night: Night) -> None:
    assert night.row("blank.png").status == "unchanged"
    (copied,) = night.outputs("blank.png", "restored")
    assert copied.read_bytes() == (night.source / "blank.png").read_bytes()


def test_pages_of_a_scan_are_written_back_as_one_file(night: Night) -> None:
    with tifffile.TiffFile(night.destination / "restored/album.tif") as file:
        assert [page.asarray().dtype for page in file.pages] == [np.uint16, np.uint16]
        for seed, page in zip((50, 51), file.pages, strict=True):
            source = print_with_scratch(seed).astype(np.uint16) * 257
            assert 0 < (page.asarray() != source).mean() < 0.05


def test_previews_before_and_after_are_jpegs(night: Night) -> None:
    previews = night.outputs("plain.png", "preview")
    endings = {".jpg", ".before.jpg"} | ({".colorized.jpg"} if COLORIZES else set())
    assert {p.name for p in previews} == {f"plain.png{ending}" for ending in endings}
    for preview in previews:
        with Image.open(preview) as opened:
            assert (opened.format, opened.size) == ("JPEG", (320, 240))


@pytest.mark.parametrize(
    ("name", "error_class"),
    [
        ("cut off.jpg", "CorruptImage"),
        ("letter.jpg", "NotAnImage"),
        ("empty.tif", "NotAnImage"),
        ("link out.png", "OutsideSource"),
    ],
)
def test_what_failed_says_why(night: Night, name: str, error_class: str) -> None:
    row = night.row(name)
    assert (row.status, row.error_class) == ("failed", error_class)
    assert len(row.error_message) > 20
    assert not row.transient
    assert len(row.outputs) == 0


def test_the_ledger_and_the_run_s_record(night: Night) -> None:
    (folder,) = (night.destination / "manifest").iterdir()
    parts = [pd.read_parquet(part) for part in folder.glob("*.parquet")]
    assert sum(map(len, parts)) == len(night.rows)
    assert len({part.partition_id[0] for part in parts}) == 3
    (record,) = (night.destination / ".albumen/runs").iterdir()
    run = json.loads(record.read_text())
    assert run["ended"] == "completed"
    assert run["counts"] == {"restored": len(NAMES) + 1, "unchanged": 1, "failed": 4}
    assert run["ignored"] == {".txt": 1, ".db": 1}
    assert {"inventory and plan", "cluster and models", "restoration"} <= run["phases"].keys()
    assert record.name == f"000001-{run['run_id']}.json"


def test_nothing_unfinished_is_left(night: Night) -> None:
    top = {path.name for path in night.destination.iterdir()}
    assert top - {"colorized"} == {
        *("restored", "previews", "manifest", "manifest.parquet", "report", ".albumen")
    }
    assert ("colorized" in top) == COLORIZES
    assert not (night.destination / ".albumen/lease").exists()
    assert not list(night.destination.glob(".albumen/tmp/*"))
    assert not list(night.destination.glob(".albumen/strikes/*"))


def test_the_source_was_only_read(night: Night) -> None:
    assert state_of(night.source) == night.before


def test_the_report_tells_of_every_scan(night: Night) -> None:
    page = (night.destination / "report/index.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    data = "".join(p.read_text() for p in sorted((night.destination / "report").rglob("*.js")))
    assert "cut off.jpg" in data
    assert "quote\\" in data or "quote&" in data or "\\u003c" in data
