import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import report_rows as rows_of
from report_files import Kept, decoded, kept

from tasks import errors
from tasks.manifest import SCHEMA
from tasks.records import STATUSES
from tasks.report import PART_ROWS, write_report
from tasks.report_histograms import CHARTS
from tasks.report_index import BLOCK_ROWS, SORTS

ASSETS = Path(str(resources.files("tasks"))) / "report_assets"


def in_batches(rows: list[dict[str, Any]], size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(rows), size):
        yield rows_of.batch(rows[start : start + size])


def test_parts_hold_every_row_once() -> None:
    rows = list(rows_of.many(2 * PART_ROWS + 7))
    files = kept(in_batches(rows, 333))
    paths = []
    for number, count in enumerate([PART_ROWS, PART_ROWS, 7]):
        part = files.part(f"rows-{number:05d}")
        folders = decoded(part["folder"], count)
        paths += [folder + name for folder, name in zip(folders, part["name"], strict=True)]
        expected = [row["status"] for row in rows[number * PART_ROWS :][:count]]
        assert decoded(part["status"], count) == expected
    assert paths == [row["relative_path"] for row in rows]
    assert "report/data/rows-00003.js" not in files
    assert len(files.part("index-paths-000")["name"]) == len(rows)


def test_totals_are_those_of_the_rows() -> None:
    rows = list(rows_of.many(1500))
    rows += [rows_of.restored("z.tif", page=page, page_count=2) for page in (0, 1)]
    summary = kept(in_batches(rows, 400)).part("summary")
    counts = dict(zip(summary["statuses"], summary["counts"], strict=True))
    assert counts == {status: sum(row["status"] == status for row in rows) for status in STATUSES}
    reasons = dict(zip(summary["errors"], summary["error_counts"], strict=True))
    assert sum(reasons.values()) == counts["failed"] + counts["quarantined"]
    flags = dict(summary["flags"])
    assert sum(flags.values()) == sum(len(row.get("flags") or []) for row in rows)
    assert [n for _, n in summary["flags"]] == sorted(flags.values(), reverse=True)
    assert (summary["rows"], summary["files"]) == (1502, 1501)
    assert summary["source_bytes"] == 1501 * 40_000_000
    assert summary["colorized"] == sum(bool(row.get("colorized")) for row in rows)
    current = [row["run_sequence"] for row in rows]
    assert summary["current_by_run"] == {str(n): current.count(n) for n in sorted(set(current))}


def test_same_rows_give_the_same_bytes_however_they_are_cut() -> None:
    rows = list(rows_of.many(PART_ROWS + 200))
    options = {"run_summaries": [{"run_sequence": 1}], "ignored": {".txt": 2, ".db": 2}}
    one = kept(in_batches(rows, 2000), **options)
    assert one == kept(in_batches(rows, 77), **options)
    changed = kept(in_batches(rows[:-1], 77), **options)
    assert changed.part("summary")["edition"] != one.part("summary")["edition"]
    assert changed.page() != one.page()


def test_rows_are_written_as_they_come_and_the_page_comes_last() -> None:
    files = Kept()
    given = 0
    ahead: list[int] = []

    def stream() -> Iterator[pa.RecordBatch]:
        nonlocal given
        batch = rows_of.batch(list(rows_of.many(250)))
        for _ in range(20):
            given += batch.num_rows
            yield batch
            ahead.append(given - PART_ROWS * sum("/rows-" in path for path in files))

    report = write_report(stream(), files.put, title="A collection")
    assert given == 5000
    assert max(ahead) <= PART_ROWS
    order = list(files)
    assert order[-1] == report.index == "report/index.html"
    assert report.paths == tuple(order)
    assert order.index("report/data/summary.js") > order.index("report/data/details-00004.js")


def test_a_failed_put_leaves_the_earlier_page_in_place() -> None:
    def put(path: str, data: bytes) -> None:  # noqa: ARG001
        if path.endswith("summary.js"):
            raise errors.StorageError("disk full")
        assert not path.endswith("index.html")

    with pytest.raises(errors.StorageError):
        write_report([rows_of.batch([rows_of.restored("a.tif")])], put, title="A collection")


def test_previews_are_told_apart_by_role() -> None:
    long = "n" * 250 + ".tif"
    rows = [
        rows_of.restored("a.tif", colorized=True),
        rows_of.restored("map.before"),
        rows_of.failed("x.tif"),
        rows_of.restored(long, colorized=True),
        rows_of.restored("p.tif", page=1, page_count=2),
        rows_of.restored("odd", outputs=[rows_of.output("preview", "previews/elsewhere.png")]),
    ]
    part = kept([rows_of.batch(rows)]).part("rows-00000")
    shown = {
        role: decoded(part[f"preview_{role}"], 6) for role in ("before", "restored", "colorized")
    }
    previews = [
        [one["path"] for one in row.get("outputs") or [] if one["kind"] == "preview"]
        for row in rows
    ]
    assert [len(set(previews[3])), any(".before" in path for path in previews[3])] == [3, False]
    assert shown["before"] == [1, previews[1][0], None, previews[3][0], previews[4][0], None]
    assert shown["restored"] == [
        1,
        previews[1][1],
        None,
        previews[3][1],
        *previews[4][1:],
        "previews/elsewhere.png",
    ]
    assert shown["colorized"] == [1, None, None, previews[3][2], None, None]


def test_everything_the_manifest_says_reaches_the_details() -> None:
    face = {"left": 1, "top": 2, "width": 3, "height": 4, "score": 0.5, "correlations": [0.9],
            "applied": False, "strength": 0.0, "reason": "no weights"}  # fmt: skip
    row = rows_of.restored("a/b.tif", face_count=1, faces=[face], source_etag="e", flags=["torn"])
    row |= {"error_class": "StageFailed", "error_message": "odd", "transient": False}
    assert {name for name in SCHEMA.names if row.get(name) is None} == set()
    files = kept([rows_of.batch([row])])
    part = {**files.part("details-00000"), **files.part("rows-00000")}
    shown = {name: decoded(part[name], 1)[0] for name in SCHEMA.names if name in part
             and name not in ("outputs", "faces")}  # fmt: skip
    assert set(SCHEMA.names) - set(part) == {"relative_path"}
    assert shown["source_sha256"] == row["source_sha256"]
    assert shown["settings"] == row["settings"]
    assert shown["cast_before"] == [0.1, 2.5]
    assert shown["psnr_outside_mask"] == "inf"
    assert decoded(part["outputs"]["sha256"], 4) == [one["sha256"] for one in row["outputs"]]
    assert decoded(part["faces"]["reason"], 1) == ["no weights"]
    assert decoded(part["faces"]["strength"], 1) == [0.0]


def test_older_manifests_lack_columns_and_may_hold_other_types() -> None:
    table = pa.table({
        "relative_path": pa.array(["a.tif", "b.tif"], pa.large_string()),
        "status": pa.array(["restored", "failed"]).dictionary_encode(),
        "changed_fraction": pa.array([0.5, None], pa.float64()),
    })  # fmt: skip
    files = kept(table.to_batches())
    assert files.part("rows-00000")["status"] == ["restored", "failed"]
    assert files.part("summary")["rows"] == 2


def test_an_empty_destination_has_a_report_too() -> None:
    files = kept([])
    summary = files.part("summary")
    assert (summary["rows"], summary["histograms"], summary["runs"]) == (0, [], [])
    assert "report/index.html" in files


def test_runs_and_ignored_are_plain_data() -> None:
    started = datetime(2026, 3, 1, 23, 0, tzinfo=timezone(timedelta(hours=2)))
    run = {
        "run_sequence": 4,
        "started": started,
        "finished": datetime(2026, 3, 2),
        "seconds": 1.23456,
        "counts": {"restored": 3},
        "extra": [Path("x"), float("nan")],
    }
    summary = kept([], run_summaries=[run], ignored={f".{n}": n + 1 for n in range(300)}).part(
        "summary"
    )
    assert summary["runs"] == [{
        "run_sequence": 4, "started": "2026-03-01T21:00:00+00:00", "seconds": 1.235,
        "finished": "2026-03-02T00:00:00+00:00", "counts": {"restored": 3}, "extra": ["x", None],
    }]  # fmt: skip
    assert summary["ignored"][0] == [".299", 300]
    assert summary["ignored"][-1] == ["(other)", sum(range(1, 101))]
    assert sum(count for _, count in summary["ignored"]) == sum(range(1, 301))


def test_names_that_javascript_takes_specially_survive() -> None:
    rows = [rows_of.restored("a", flags=["__proto__", "constructor"])]
    summary = kept([rows_of.batch(rows)], ignored={".__proto__": 1}).part("summary")
    assert summary["flags"] == [["__proto__", 1], ["constructor", 1]]
    assert summary["ignored"] == [[".__proto__", 1]]


def test_the_title_is_escaped_in_the_page() -> None:
    page = kept([], title='<img src=x onerror="alert(1)"> $edition').page()
    assert "<img" not in page
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt; $edition" in page


def test_the_page_may_load_nothing_from_elsewhere() -> None:
    page = kept([]).page()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["img-src"] == "'self' file:"
    assert rules["require-trusted-types-for"] == "'script'"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
    for asset in ASSETS.iterdir():
        text = asset.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(|//cdn", text), asset.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text
        )


def test_every_asset_the_page_names_is_written() -> None:
    files = kept([rows_of.batch([rows_of.restored("a")])])
    named = re.findall(r'(?:src|href)="([\w./]+)\?[0-9a-f]{16}"', files.page())
    assert {f"report/{name}" for name in named} <= set(files)
    scripts = {path for path in files if re.fullmatch(r"report/\w+\.(js|css)", path)}
    assert scripts == {f"report/{name}" for name in named if not name.startswith("data/")}


def scan_errors(base: type[errors.ScanError] = errors.ScanError) -> set[str]:
    return {
        name for child in base.__subclasses__() for name in {child.__name__, *scan_errors(child)}
    }


def test_there_are_words_for_everything_that_can_be_shown() -> None:
    words = (ASSETS / "words.js").read_text(encoding="utf-8")
    keys = set(re.findall(r"^    (\w+): \[", words, re.MULTILINE))
    assert set(STATUSES) | scan_errors() | set(SORTS) <= keys
    assert {key for key, _, _ in CHARTS} <= keys
    columns = set(re.findall(r'^      \["(\w+)", ', words, re.MULTILINE))
    elsewhere = {"status", "error_class", "error_message", "transient", "flags", "outputs", "faces",
                 "page_count"}  # fmt: skip
    assert columns == set(SCHEMA.names) - elsewhere


def test_parts_divide_blocks() -> None:
    assert BLOCK_ROWS % PART_ROWS == 0
