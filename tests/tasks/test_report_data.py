import base64
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from report_files import decoded

from tasks.report_data import cut, encode, encode_records, packed, plain_values, regroup, script

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]>",
    'quote " and back\\slash',
    "line\nbreak \u2028 and \u2029",
    "\u202egnp.exe",
    "&lt;&amp;",
    "\x00\x1f\x7f",
    "\U0001f4f7 長崎",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_script_is_ascii_without_markup_and_keeps_the_text(text: str) -> None:
    data = script("part", {text: [text]}).decode("ascii")
    assert not set("<>&\u2028\u2029") & set(data)
    assert data.count("\n") == 1
    body = data.removeprefix('Albumen.part("part",').removesuffix(");\n")
    assert json.loads(body) == {text: [text]}


def test_script_refuses_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script("part", [float("nan")])


@pytest.mark.parametrize("cuts", [[10], [1] * 10, [3, 0, 4, 3], [9, 1], []])
def test_regroup_does_not_depend_on_how_rows_come(cuts: list[int]) -> None:
    values = iter(range(sum(cuts)))
    batches = [pa.record_batch({"n": [next(values) for _ in range(cut)]}) for cut in cuts]
    typed = [batch.cast(pa.schema([("n", pa.int64())])) for batch in batches]
    out = [batch.column("n").to_pylist() for batch in regroup(typed, 4)]
    assert out == ([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] if cuts else [])


def test_regroup_asks_for_no_more_than_it_needs() -> None:
    asked = 0

    def endless() -> object:
        nonlocal asked
        while True:
            asked += 1
            yield pa.record_batch({"n": [1, 2, 3]})

    groups = regroup(endless(), 5)  # type: ignore[arg-type]
    next(groups)
    assert asked == 2


@pytest.mark.parametrize(
    "values",
    [
        [None, None],
        ["a", "a", "a"],
        ["a", "b", "c"],
        ["a", None, "b", "a", "a", "b", None],
        [["x", "y"], None, ["x", "y"], ["x", "y"], ["z"], ["x", "y"]],
        [0, 1, None, 1, 0, 0],
        [True, False, True, True, True],
        ["", None, "", ""],
        ["inf", 1.5, 1.5, 1.5, None, 1.5, 1.5],
    ],
)
def test_encode_loses_nothing(values: list[object]) -> None:
    through_json = json.loads(json.dumps(encode(values)))
    assert decoded(through_json, len(values)) == values


def test_encode_is_short_where_values_repeat() -> None:
    assert encode([None] * 9) is None
    assert encode(["same"] * 9) == {"c": "same"}
    assert encode(["a", "b"] * 9) == {"d": ["a", "b"], "i": [0, 1] * 9}
    assert encode([]) is None


def test_plain_values_of_numbers_and_times() -> None:
    figures = pa.array([0.123456789, None, float("inf"), float("nan"), float("-inf")], pa.float32())
    assert plain_values(figures, 4) == [0.1235, None, "inf", None, None]
    moments = [datetime(2026, 3, 2, 3, 4, 5, 999_999, tzinfo=UTC), None, datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)]  # fmt: skip # noqa: E501
    times = pa.array(moments, pa.timestamp("us", tz="UTC"))
    assert plain_values(times) == [1772420645, None, -1]


def test_long_texts_are_cut_visibly() -> None:
    assert cut("x" * 4000) == "x" * 4000
    shortened = cut("x" * 100_000)
    assert shortened is not None
    assert len(shortened) < 4100 and "100,000 characters" in shortened
    assert plain_values(pa.array(["x" * 100_000, None])) == [shortened, None]


def test_records_of_a_slice_with_nulls_and_empty_lists() -> None:
    kind = pa.list_(pa.struct([("path", pa.string()), ("marks", pa.list_(pa.float32()))]))
    rows = [
        [{"path": "out of the slice", "marks": []}],
        None,
        [{"path": "a", "marks": [0.12345, None]}, {"path": "b", "marks": None}],
        [],
        [{"path": "c", "marks": [float("inf")]}],
    ]
    encoded = encode_records(pa.array(rows, kind).slice(1), ("path", "marks"))
    assert encoded is not None
    assert decoded(encoded["n"], 4) == [0, 2, 0, 1]
    assert decoded(encoded["path"], 3) == ["a", "b", "c"]
    assert [list(one) if one else one for one in decoded(encoded["marks"], 3)] == [
        [0.123, None],
        None,
        ["inf"],
    ]
    assert encode_records(pa.array([None, []], kind), ("path",)) is None


def test_packed_is_little_endian() -> None:
    data = base64.b64decode(packed(np.array([1.5, np.nan], dtype=">f4")))
    assert np.frombuffer(data, "<f4")[0] == 1.5
    assert len(data) == 8
