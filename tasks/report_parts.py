"""The parts of the report's data: what a list shows of each row, and all the rest of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.manifest import SCHEMA
from tasks.paths import derivative_path
from tasks.report_data import DIGITS, encode, encode_records, plain_values
from tasks.report_index import split_paths

_ROW_COLUMNS = (
    "page", "page_count", "status", "error_class", "error_message", "transient",
    "width", "height", "source_format", "tone", "damaged_fraction_before",
    "damaged_fraction_after", "changed_fraction", "psnr_outside_mask", "face_count", "colorized",
)  # fmt: skip
_RECORDS = {
    "outputs": ("kind", "path", "sha256", "bytes"),
    "faces": (
        "left",
        "top",
        "width",
        "height",
        "score",
        "correlations",
        "applied",
        "strength",
        "reason",
    ),
}
_DETAIL_COLUMNS = tuple(
    name
    for name in SCHEMA.names
    if name not in (*_ROW_COLUMNS, *_RECORDS, "relative_path", "flags")
)
_ENDINGS = {"before": ".before.jpg", "colorized": ".colorized.jpg", "restored": ".jpg"}
"""Endings of previews by what they show; the longer ones first."""


def conform(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch in the columns and types of this version's schema, missing ones null."""
    names = set(batch.schema.names)
    columns = [
        _cast(batch.column(column.name), column.type)
        if column.name in names
        else pa.nulls(batch.num_rows, column.type)
        for column in SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, names=SCHEMA.names)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def row_part(rows: pa.RecordBatch, paths: list[str]) -> dict[str, Any]:
    """What a list of pictures shows of each row."""
    part = {name: _column(rows, name) for name in _ROW_COLUMNS}
    part["flags"] = encode([flags or None for flags in rows.column("flags").to_pylist()])
    for role, column in _previews(rows, paths).items():
        part[f"preview_{role}"] = encode(column)
    return {**split_paths(paths), **_present(part)}


def detail_part(rows: pa.RecordBatch) -> dict[str, Any]:
    """Everything else the manifest says, loaded when someone opens a picture's details."""
    part = {name: _column(rows, name) for name in _DETAIL_COLUMNS}
    for name, fields in _RECORDS.items():
        part[name] = encode_records(rows.column(name), fields)
    return _present(part)


def _column(rows: pa.RecordBatch, name: str) -> Any | None:
    column = rows.column(name)
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return encode([texts or None for texts in column.to_pylist()])
    if pa.types.is_list(column.type):
        return encode([_rounded(value) for value in column.to_pylist()])
    return encode(plain_values(column, DIGITS.get(name, 3)))


def _previews(rows: pa.RecordBatch, paths: list[str]) -> dict[str, list[str | int | None]]:
    """For each role the preview's path, or 1 where it is the row's path plus the role's ending."""
    found: dict[str, list[str | int | None]] = {role: [None] * len(paths) for role in _ENDINGS}
    column = rows.column("outputs")
    records = column.flatten()
    wanted = pc.equal(pc.struct_field(records, "kind"), "preview")
    owners = pc.list_parent_indices(column).filter(wanted).to_pylist()
    names = pc.struct_field(records, "path").filter(wanted).to_pylist()
    pages = pc.fill_null(rows.column("page"), 0).to_pylist()
    for row, name in zip(owners, names, strict=True):
        expected = f"previews/{paths[row]}"
        for role, ending in _ENDINGS.items():
            if name == expected + ending:
                found[role][row] = 1
                break
        else:
            found[_role(name, paths[row], pages[row])][row] = name
    return found


def _role(name: str, path: str, page: int) -> str:
    """What a preview shows whose name is not simply the scan's: by rule, else by its ending."""
    for role in _ENDINGS:
        variant = None if role == "restored" else role
        if name == derivative_path("preview", path, page, variant):
            return role
    return next(
        role for role, ending in (*_ENDINGS.items(), ("restored", "")) if name.endswith(ending)
    )


def _rounded(values: list[float | None] | None) -> list[float | None] | None:
    if values is None:
        return None
    return [None if value is None or value != value else round(value, 2) for value in values]


def _present(part: dict[str, Any]) -> dict[str, Any]:
    return {name: column for name, column in part.items() if column is not None}
