import base64
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import report_rows as rows_of

from tasks.report_histograms import CHARTS, Axis, Histograms
from tasks.report_index import Codes, Index, total_seconds


def parts(scripts: list[tuple[str, bytes]]) -> dict[str, Any]:
    return {
        name: json.loads(data.decode().split(",", 1)[1].removesuffix(");\n"))
        for name, data in scripts
    }


def add(index: Index, rows: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
    return list(index.add(rows_of.batch(rows), [row["relative_path"] for row in rows]))


def test_blocks_hold_status_flags_and_figures_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.report_index.BLOCK_ROWS", 4)
    index = Index()
    first = [
        rows_of.restored("a/1.tif", flags=["dark", "dark", "torn"], damaged_fraction_before=0.25),
        rows_of.failed("a/2.tif"),
    ]
    second = [rows_of.restored("b/3.tif", flags=["torn"]), rows_of.restored("4.tif")]
    third = [rows_of.failed("c.tif", "WorkerDied", "quarantined", flags=["dark"])]
    assert add(index, first) == []
    full = parts(add(index, second))
    assert add(index, third) == []
    rest = parts(list(index.flush()))

    assert full["index-flags-000"] == [["dark", [0]], ["torn", [0, 2]]]
    assert rest["index-flags-001"] == [["dark", [0]]]
    assert index.flags == {"dark": 2, "torn": 2}
    codes = np.frombuffer(base64.b64decode(full["index-status-000"]), np.uint8)
    assert [index.status.names[code - 1] for code in codes] == [
        "restored", "failed", "restored", "restored",
    ]  # fmt: skip
    damage = np.frombuffer(base64.b64decode(full["index-damaged_fraction_before-000"]), "<f4")
    np.testing.assert_allclose(damage, [0.25, np.nan, 0.02, 0.02], rtol=1e-6)
    assert list(index.flush()) == []
    assert (index.rows, index.blocks) == (5, 2)
    assert not index.in_order


def test_order_is_seen_across_batches() -> None:
    index = Index()
    add(index, [rows_of.restored("a"), rows_of.restored("b")])
    add(index, [rows_of.restored("b", page=1)])
    assert index.in_order
    add(index, [rows_of.restored("a2")])
    assert not index.in_order


def test_a_vocabulary_beyond_a_byte_is_counted_as_other() -> None:
    codes = Codes()
    column = pa.array([f"Error{number:03d}" for number in range(300)] + [None])
    taken = codes.take(column)
    assert taken[:254].tolist() == list(range(1, 255))
    assert set(taken[254:300].tolist()) == {255}
    assert taken[300] == 0
    assert codes.counts["(other)"] == 46
    assert sum(codes.counts.values()) == 300


def test_endless_flags_stay_bounded() -> None:
    index = Index()
    add(index, [rows_of.restored("a", flags=[f"flag {n}" for n in range(2000)])])
    assert len(index.flags) <= 501
    assert index.flags["(other)"] == 1


def test_seconds_are_summed_and_unknown_where_nothing_was_measured() -> None:
    batch = rows_of.batch([rows_of.restored("a", seconds_read=None), rows_of.failed("b")])
    np.testing.assert_allclose(total_seconds(batch), [0.2 + 2.5 + 0.1 + 0.05 + 1.1, np.nan])


def chart(histograms: Histograms, key: str) -> dict[str, Any]:
    return next(entry for entry in histograms.summary() if entry["key"] == key)


def test_histograms_put_edges_and_infinity_where_the_labels_say() -> None:
    histograms = Histograms()
    rows = [
        rows_of.restored(f"{n}", damaged_fraction_before=damage, psnr_outside_mask=psnr)
        for n, (damage, psnr) in enumerate(
            [(0.0, 20.0), (0.0001, 20.5), (0.00011, 61.0), (0.9, float("inf")), (None, None)]
        )
    ]
    histograms.add(rows_of.batch([*rows, rows_of.failed("broken")]))
    damage = chart(histograms, "damaged")
    before = dict(zip(damage["labels"], damage["series"][0]["counts"], strict=True))
    assert {label: n for label, n in before.items() if n} == {
        "none": 1, "to 0.01 %": 1, "0.01\u20130.1 %": 1, "over 50 %": 1,
    }  # fmt: skip
    psnr = chart(histograms, "psnr")
    counts = dict(zip(psnr["labels"], psnr["series"][0]["counts"], strict=True))
    assert {label: n for label, n in counts.items() if n} == {
        "to 20 dB": 1, "20\u201325 dB": 1, "over 60 dB": 1, "identical": 1,
    }  # fmt: skip
    assert psnr["series"][0]["finite"] == 3


def test_histograms_of_parts_add_up() -> None:
    rows = list(rows_of.many(300))
    whole, halves = Histograms(), Histograms()
    whole.add(rows_of.batch(rows))
    halves.add(rows_of.batch(rows[:120]))
    halves.add(rows_of.batch(rows[120:]))
    counted = [[s["counts"] for s in entry["series"]] for entry in whole.summary()]
    assert counted == [[s["counts"] for s in entry["series"]] for entry in halves.summary()]
    assert len(counted) == len(CHARTS)


def test_nothing_measured_is_no_chart() -> None:
    histograms = Histograms()
    histograms.add(rows_of.batch([rows_of.failed("a")]))
    assert histograms.summary() == []


def test_an_axis_without_its_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="one label more"):
        Axis((1.0, 2.0), ("a", "b"))
