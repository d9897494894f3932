"""How manifest rows become scripts a browser can load: compact columns, safely escaped.

A column of a part is one of: absent (every value null), `{"c": value}` (constant),
`{"d": [values], "i": [index or -1]}` (few distinct values), or a plain list. Lists of records
(derivatives, faces) are `{"n": [count per row], "<field>": column, ...}`. Numbers are rounded
to the digits a reader can use; positive infinity is the string "inf".
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_DICTIONARY_SHARE = 0.5
"""A column with fewer distinct values than this share of its rows is stored by index."""

_TOKEN_LIMIT = 4000
"""Characters of one text value that reach the report; the manifest keeps the whole."""

DIGITS: dict[str, int] = {
    "damaged_fraction_before": 7,
    "damaged_fraction_after": 7,
    "changed_fraction": 7,
    "color_uncertain": 5,
    "color_clipped": 5,
    "psnr_outside_mask": 2,
    "ssim_outside_mask": 6,
}
"""Decimals kept of a number, by column; 3 where nothing is said."""


def script(name: str, data: object) -> bytes:
    """A script that hands `data` to the page under `name`; pure ASCII.

    Safe in every place a script can stand: beside the page, and even inside an HTML
    `<script>` element, since no `<`, `>`, `&`, U+2028 or U+2029 appears in it literally.
    """
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f"Albumen.part({json.dumps(name)},{text});\n".encode("ascii")


def regroup(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `rows` (the last may be smaller), none empty.

    Holds at most one input batch and `rows` rows at a time, whatever the sizes that come in:
    what a page shows must not depend on how the manifest happened to be cut.
    """
    pending: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, rows - held)
            pending.append(piece)
            held += piece.num_rows
            start += piece.num_rows
            if held == rows:
                yield pa.concat_batches(pending)
                pending, held = [], 0
    if pending:
        yield pa.concat_batches(pending)


def plain_values(column: pa.Array, digits: int = 3) -> list[Any]:
    """The values of a flat column as JSON can hold them: times as whole seconds since 1970."""
    if pa.types.is_floating(column.type):
        return _numbers(floats(column), digits)
    if pa.types.is_timestamp(column.type):
        column = pc.floor(pc.divide(column.cast(pa.int64()).cast(pa.float64()), 1e6))
        return column.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]
    values: list[Any] = column.to_pylist()
    if pa.types.is_string(column.type) and column.nbytes > _TOKEN_LIMIT:
        return [cut(value) for value in values]
    return values


def cut(text: str | None) -> str | None:
    """`text`, shortened visibly where it is beyond what anyone reads on a page."""
    if text is None or len(text) <= _TOKEN_LIMIT:
        return text
    return f"{text[:_TOKEN_LIMIT]} ... ({len(text):,} characters; the manifest has them all)"


def encode(values: list[Any]) -> Any | None:
    """A column in its shortest form (see the module), or None where every value is null."""
    if not values:
        return None
    keys = [tuple(value) if isinstance(value, list) else value for value in values]
    if not _hashable(keys):
        return values
    distinct = dict.fromkeys(keys)
    if len(distinct) == 1:
        return None if values[0] is None else {"c": values[0]}
    if len(distinct) > len(values) * _DICTIONARY_SHARE:
        return values
    distinct.pop(None, None)
    place = {key: index for index, key in enumerate(distinct)}
    return {"d": list(distinct), "i": [place.get(key, -1) for key in keys]}


def encode_records(column: pa.Array, fields: Iterable[str]) -> dict[str, Any] | None:
    """A column of lists of structs, field by field, or None where there is none at all."""
    counts = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    records = column.flatten()
    if len(records) == 0:
        return None
    encoded = {"n": encode(counts)}
    for field in fields:
        values = pc.struct_field(records, field)
        if pa.types.is_list(values.type):
            inner = [_short(value) for value in values.to_pylist()]
            encoded[field] = encode(inner)
        else:
            encoded[field] = encode(plain_values(values))
    return {name: value for name, value in encoded.items() if value is not None}


def floats(column: pa.Array) -> NDArray[np.float64]:
    """A number column as float64, NaN where null."""
    values: NDArray[np.float64] = np.asarray(
        column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64
    )
    return values


def packed(values: NDArray[Any]) -> str:
    """An array's little-endian bytes as base64, for a typed array in the browser."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def _numbers(values: NDArray[np.float64], digits: int) -> list[Any]:
    rounded: list[Any] = np.round(values, digits).tolist()
    if np.isfinite(values).all():
        return rounded
    return [_finite(value) for value in rounded]


def _finite(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else None
    return value


def _short(values: list[float | None] | None) -> list[Any] | None:
    if values is None:
        return None
    return [None if value is None else _finite(round(value, 3)) for value in values]


def _hashable(values: list[Any]) -> bool:
    return not any(isinstance(value, dict) for value in values)
