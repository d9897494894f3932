"""Loading and writing safetensors: everything is checked before the first weight is touched."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.weights.errors import WeightsMismatch, WeightsTruncated
from models.weights.networks import Layout, expected_layout, layout_of
from models.weights.table import location, missing, record_of, row_of

if TYPE_CHECKING:
    from torch import Tensor, nn

METADATA_KEY = "albumen"
"""All metadata is one JSON text: safetensors does not keep several entries in one order."""

_NAMED = 4  # keys that a message spells out


def load(name: str, network: nn.Module) -> None:
    """Fill `network` with the weights `name`, in float32.

    The file's size and sha256 must be those of the table (of the import's record where it is
    not embedded), its keys, shapes and kinds of numbers exactly those of `network`, and every
    number finite; otherwise nothing is loaded and `network` stays as it was. Raises
    `WeightsMissing`, `WeightsTruncated` or `WeightsMismatch`.
    """
    path = checked_file(name)
    tensors = fitted(read_safetensors(path), layout_of(network), f"weights {name} ({path})")
    network.load_state_dict(tensors, strict=True)


def checked_file(name: str) -> Path:
    """The file of weights `name`, its bytes found to be those on record.

    Raises `WeightsMissing`, `WeightsTruncated` (another size) or `WeightsMismatch` (altered).
    """
    row = row_of(name)
    path = location(name)
    # What is kept as it is must be the file of the table, whatever a record says.
    record = None if row.embedded or row.form == "onnx" else record_of(row)
    size, sha256 = (record.size, record.sha256) if record else (row.size, row.sha256)
    if not path.is_file():
        raise missing(row)
    remedy = "Install Albumen again." if row.embedded else "Run 'albumen weights import PATH'."
    if path.stat().st_size != size:
        raise WeightsTruncated(f"{path} has {path.stat().st_size} bytes, not {size}. {remedy}")
    if (found := file_sha256(path)) != sha256:
        raise WeightsMismatch(f"{path} was altered: sha256 {found}, not {sha256}. {remedy}")
    return path


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file. Raises `WeightsTruncated` for any other file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsTruncated(f"{path} is cut off, damaged or no safetensors: {error}") from error


def read_metadata(path: Path) -> dict[str, Any]:
    """What `export` was given as metadata; empty for a file of another origin."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(METADATA_KEY, "{}")
    except SafetensorError as error:
        raise WeightsTruncated(f"{path} is cut off, damaged or no safetensors: {error}") from error
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def fitted(tensors: Mapping[str, Tensor], layout: Layout, what: str) -> dict[str, Tensor]:
    """`tensors` as contiguous float32 (integers: int64), found to fit `layout` exactly.

    `what` names them in the message of `WeightsMismatch`: keys that are missing, unknown, of
    another shape or kind, or numbers that are not finite.
    """
    import torch

    complaints = _complaints(tensors, layout)
    if complaints:
        raise WeightsMismatch(f"{what} do not fit the network: {'; '.join(complaints)}")
    made: dict[str, Tensor] = {}
    for key, (_, floating) in layout.items():
        dtype = torch.float32 if floating else torch.int64
        made[key] = tensors[key].detach().to("cpu", dtype).contiguous()
        if not torch.isfinite(made[key]).all():
            raise WeightsMismatch(f"{what} hold NaN or infinite numbers in {key}")
    return made


def _complaints(tensors: Mapping[str, Tensor], layout: Layout) -> list[str]:
    absent = [key for key in layout if key not in tensors]
    unknown = [key for key in tensors if key not in layout]
    shapes, kinds = [], []
    for key, (shape, floating) in layout.items():
        tensor = tensors.get(key)
        if tensor is None:
            continue
        if tuple(tensor.shape) != shape:
            shapes.append(f"{key} is {_by(tensor.shape)}, not {_by(shape)}")
        elif not _fits(tensor, floating):
            kinds.append(f"{key} holds {tensor.dtype} ({tensor.layout})")
    found = (("missing", absent), ("unknown", unknown), ("shape", shapes), ("kind", kinds))
    return [f"{label}: {_listed(keys)}" for label, keys in found if keys]


def _fits(tensor: Tensor, floating: bool) -> bool:
    """Dense numbers of the right kind: floats for floats, integers for counters."""
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex():
        return False
    return tensor.is_floating_point() == floating and tensor.dtype is not torch.bool


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more


def export(name: str, module: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write `module` as float16 safetensors: the same bytes for the same weights and metadata.

    `metadata` must hold `settings`, the flat keywords that build the network, and may hold
    whatever JSON can (`recipe`, `licence`, `source`, ...); `name` and `network` are added. The
    file replaces `path` in one step. Raises `WeightsMismatch` where the settings build another
    layout, or where a number is not finite or too large for float16.
    """
    import torch

    network = type(module).__name__
    settings = metadata.get("settings")
    if not isinstance(settings, Mapping):
        raise WeightsMismatch(f"{name}: metadata lacks 'settings', the keywords of {network}")
    layout = expected_layout(network, settings)
    halves = {
        key: tensor.half() if tensor.is_floating_point() else tensor
        for key, tensor in fitted(module.state_dict(), layout, name).items()
    }
    for key, tensor in halves.items():
        if not torch.isfinite(tensor).all():
            raise WeightsMismatch(f"{name}: {key} holds numbers too large for float16")
    write_safetensors(halves, path, {**metadata, "name": name, "network": network})


def write_safetensors(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, Any]
) -> None:
    """Write `path` whole or not at all."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.touch()
        mode = part.stat().st_mode
        save_file(_owned(tensors), part, {METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        part.chmod(mode)  # as any new file here; safetensors lets its owner alone read it
        replace_durably(part, path)
    finally:
        part.unlink(missing_ok=True)


def _owned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of what shares memory (tied weights, views of a larger tensor): safetensors keeps
    no such ties and refuses them."""
    owned, seen = {}, set()
    for key, tensor in tensors.items():
        storage = tensor.untyped_storage()
        shares = storage.data_ptr() in seen or storage.nbytes() != tensor.nbytes
        seen.add(storage.data_ptr())
        owned[key] = tensor.clone() if shares else tensor
    return owned


def replace_durably(part: Path, path: Path) -> None:
    """Rename `part` to `path` once its bytes have reached the disk."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)
