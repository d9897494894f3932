"""Reading checkpoints that come from anywhere: numbers are read, code never runs."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.weights.errors import UnsafeWeights, WeightsMismatch, WeightsTruncated
from models.weights.store import read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

ZIP_MAGIC = b"PK\x03\x04"
_JSON_START = b"{"
_FOREIGN = re.compile(r"(?i)unsupported (?:global:|class|global) (?:global )?([\w.]+)")
"""How torch names what a pickle wants to call, and may not."""


def read_checkpoint(path: Path, limit: int, sub_key: str | None = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint by key, on the CPU, as they were saved.

    Safetensors, files of `torch.save` in its present (zip) and in its old form. `sub_key` is
    the entry that holds the `state_dict`, where the checkpoint is not one itself. Raises
    `UnsafeWeights` for more than `limit` bytes, packed or unpacked, and for a pickle that
    wants anything but tensors; `WeightsTruncated` for what cannot be read to its end;
    `WeightsMismatch` for a checkpoint without the tensors that were asked for.
    """
    size = path.stat().st_size
    if size > limit:
        raise UnsafeWeights(f"{path.name} has {size} bytes, more than the {limit} it may have")
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == _JSON_START:  # eight bytes of length, then JSON: no pickle begins so
        return read_safetensors(path)
    packed = head.startswith(ZIP_MAGIC)
    if packed:
        _check_records(path, limit)
    return _tensors(_unpickled(path, packed), sub_key, path.name)


def _check_records(path: Path, limit: int) -> None:
    """Refuse a zip that torch would never have written, or whose bytes have changed."""
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if any(record.compress_type != zipfile.ZIP_STORED for record in records):
                raise UnsafeWeights(f"{path.name} holds compressed records; torch writes none")
            if sum(record.file_size for record in records) > limit:
                raise UnsafeWeights(f"{path.name} unpacks to more than {limit} bytes")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
        raise WeightsTruncated(f"{path.name} is cut off or damaged: {error}") from error
    if damaged is not None:
        raise WeightsTruncated(f"{path.name} is damaged: the checksum of {damaged} is wrong")


def _unpickled(path: Path, mapped: bool) -> Any:
    """What was pickled, tensors mapped from disk where the form allows it."""
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # what it may mean is decided below
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        if wanted := _FOREIGN.search(str(error)):
            raise UnsafeWeights(
                f"{path.name} is a pickle that asks for more than tensors and was not opened "
                f"({wanted[1]}). Whoever made it can save it again as "
                "safetensors, or as a plain state_dict."
            ) from error
        raise _unreadable(path, error) from error
    except MemoryError:
        raise
    except Exception as error:  # torch names its many reasons in as many types
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> WeightsTruncated:
    reason = str(error).split("\n", 1)[0][:200]
    return WeightsTruncated(
        f"{path.name} is cut off, damaged or no checkpoint of PyTorch ({reason}). Get it again."
    )


def _tensors(found: Any, sub_key: str | None, name: str) -> dict[str, Tensor]:
    """The `state_dict` inside what was unpickled."""
    import torch

    if isinstance(found, Mapping) and sub_key in found:
        found = found[sub_key]
    if not isinstance(found, Mapping) or not found:
        raise WeightsMismatch(f"{name} holds no weights by name, but a {type(found).__name__}")
    others = [str(key) for key, value in found.items() if not isinstance(value, torch.Tensor)]
    if others:
        where = f"an entry {sub_key!r} with tensors alone" if sub_key else "tensors alone"
        raise WeightsMismatch(f"{name} should hold {where}; it holds {', '.join(others[:4])}")
    return {str(key): value for key, value in found.items()}
