"""`albumen weights import`: published checkpoints, checked and converted once to safetensors.

ONNX files are kept as they are, and only the very file that the table knows.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from models.weights import table
from models.weights.errors import UnsafeWeights, WeightsError, WeightsMismatch, WeightsMissing
from models.weights.networks import expected_layout
from models.weights.row import WeightFile
from models.weights.safe import read_checkpoint
from models.weights.sources import Archive, Folder, Source, is_archive
from models.weights.spectral import present_form
from models.weights.store import (
    checked_file,
    file_sha256,
    fitted,
    replace_durably,
    write_safetensors,
)
from models.weights.table import Record, location, row_of, weights_folder

if TYPE_CHECKING:
    from torch import Tensor

_ROOM = ".import-"
_FORGOTTEN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row of the table; `reason` is for the user to read.

    `present`: the very same file had been imported before. `missing`: it is not in there.
    """

    name: str
    status: Literal["imported", "present", "missing", "refused"]
    reason: str = ""


def import_path(path: Path, name: str | None = None) -> list[Outcome]:
    """Import what is known of a zip, a folder or a single checkpoint into the weights folder.

    Files are known by the end of their paths (`VAE_A_quality/latest_net_G.pth`), wherever they
    lie; `name` says which weights a single file is. One outcome for each published row of the
    table, or for the one row of a single file. What cannot be used is an outcome, `refused`,
    and changes nothing on disk. Raises `WeightsError` where `path` as a whole cannot be used.
    """
    if not path.exists():
        raise WeightsMissing(f"{path} does not exist")
    whole = path.is_dir() or is_archive(path)
    if whole and name is not None:
        raise WeightsMismatch(f"{path} is no single checkpoint: leave out the name, or give a file")
    if whole:
        return _import_all(Folder.at(path) if path.is_dir() else Archive.at(path))
    folder = Folder(path.absolute().parent, (path.name,))
    row = _importable(row_of(name)) if name else _recognised(folder)
    return [_import_one(row, folder, path.name)]


def _import_all(source: Source) -> list[Outcome]:
    outcomes = []
    for row in table.WEIGHTS:
        if row.embedded:
            continue
        found = source.find(row)
        if len(found) == 1:
            outcomes.append(_import_one(row, source, found[0]))
        elif found:
            reason = f"found more than once: {', '.join(found)}. Give the one you mean alone."
            outcomes.append(Outcome(row.name, "refused", reason))
        else:
            outcomes.append(Outcome(row.name, "missing", f"no .../{row.member} in there"))
    return outcomes


def _recognised(folder: Folder) -> WeightFile:
    """The row that a single file is known as."""
    rows = [row for row in table.WEIGHTS if not row.embedded]
    known = [row for row in rows if folder.find(row)]
    if len(known) != 1:
        names = ", ".join(row.name for row in rows)
        raise WeightsMismatch(
            f"{folder.files[0]} is not the path of a published file; say what it is with "
            f"--name, one of {names}"
        )
    return known[0]


def _importable(row: WeightFile) -> WeightFile:
    if row.embedded:
        raise WeightsMismatch(f"{row.name} ships with Albumen; it cannot be imported")
    return row


def _import_one(row: WeightFile, source: Source, path: str) -> Outcome:
    try:
        with _room() as room, source.opened(path, row, room) as file:
            return _taken(row, file, path, room)
    except WeightsError as error:
        return Outcome(row.name, "refused", str(error))


def _taken(row: WeightFile, file: Path, path: str, room: Path) -> Outcome:
    """Check one file and lay it, converted or as it is, into the weights folder."""
    if (size := file.stat().st_size) > row.limit:  # before hashing what may be enormous
        raise UnsafeWeights(f"{path} has {size} bytes, more than the {row.limit} it may have")
    sha256 = file_sha256(file)
    if _is_imported(row, sha256):
        return Outcome(row.name, "present", f"imported before from the same {path}")
    prepared = room / row.file
    if row.form == "onnx":
        _refuse_another(row, file, sha256, path)
        shutil.copyfile(file, prepared)
    else:
        _converted(row, file, path, prepared)
    published = None if row.sha256 is None else sha256 == row.sha256
    record = Record(
        name=row.name,
        sha256=file_sha256(prepared),
        size=prepared.stat().st_size,
        source_file=Path(path).name,
        source_sha256=sha256,
        published=published,
    )
    beside = prepared.with_suffix(".json")
    beside.write_text(record.to_json(), encoding="utf-8")
    target = location(row.name)
    replace_durably(prepared, target)
    replace_durably(beside, target.with_suffix(".json"))  # last: weights without it do not count
    if published is False:
        note = f"; but it is not the published file, whose sha256 is {row.sha256}"
        return Outcome(row.name, "imported", f"from {path}{note}")
    return Outcome(row.name, "imported", f"from {path}")


def _refuse_another(row: WeightFile, file: Path, sha256: str, path: str) -> None:
    """Only the very file of `row`: nobody here could tell whether another does the same."""
    size = file.stat().st_size
    if (size, sha256) != (row.size, row.sha256):
        raise WeightsMismatch(
            f"{path} is not the published {row.member}: {size} bytes, sha256 {sha256}; not "
            f"{row.size} bytes, sha256 {row.sha256}. Download {row.url}"
        )


def _converted(row: WeightFile, file: Path, path: str, prepared: Path) -> None:
    """Write the weights of a checkpoint as safetensors, once they are found to fit."""
    tensors = read_checkpoint(file, row.limit, row.sub_key)
    layout = expected_layout(row.network, row.settings)
    tensors = present_form(tensors, layout, path)
    try:
        fit = fitted(tensors, layout, path)
    except WeightsMismatch as error:
        raise WeightsMismatch(f"{error}{_hint(tensors, row)}") from error
    write_safetensors(fit, prepared, {"name": row.name, "network": row.network})


def _is_imported(row: WeightFile, source_sha256: str) -> bool:
    """Whether this very file, or what it is, was imported before and is still whole."""
    try:
        checked_file(row.name)
        record = table.record_of(row)
    except WeightsError:
        return False
    return source_sha256 in (record.source_sha256, record.sha256)


def _hint(tensors: dict[str, Tensor], row: WeightFile) -> str:
    """Which other rows a misplaced file would fit."""
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    others = []
    for other in table.WEIGHTS:
        if other.form == "onnx" or (other.network, other.settings) == (row.network, row.settings):
            continue
        layout = expected_layout(other.network, other.settings)
        if shapes == {key: shape for key, (shape, _) in layout.items()}:
            others.append(other.name)
    return f". It has the layout of {' or '.join(others)}" if others else ""


@contextmanager
def _room() -> Iterator[Path]:
    """A folder on the disk of the weights folder, since /tmp may be small; gone afterwards."""
    folder = weights_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for forgotten in folder.glob(f"{_ROOM}*"):  # of an import that was killed
        if time.time() - forgotten.stat().st_mtime > _FORGOTTEN_SECONDS:
            shutil.rmtree(forgotten, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_ROOM, dir=folder) as room:
        yield Path(room)
