"""`python -m models.weights.embed NAME PATH`: take an exported file into the package.

For whoever trains the weights that ship: copies PATH to models/embedded/NAME.safetensors and
writes its row of models/embedded/table.json. Commit both, and the model card.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.weights.errors import WeightsMismatch
from models.weights.networks import construct, layout_of
from models.weights.row import WeightFile
from models.weights.store import file_sha256, fitted, read_metadata, read_safetensors
from models.weights.table import EMBEDDED_FOLDER, embedded_rows

STAGES = ("damage", "faces", "color")
_OWN = "trained by this project; data, recipe and figures in models/embedded/README.md"


def embed(
    name: str, path: Path, licence: str, source: str, folder: Path = EMBEDDED_FOLDER
) -> WeightFile:
    """Copy the exported file `path` into `folder` as weights `name`; the row it now has.

    The stage is the first word of `name`. Network, settings and recipe are what `export` wrote
    into the file. Raises `WeightsMismatch` where they do not fit the weights, or where these
    are not float16.
    """
    stage = name.split("_")[0]
    if stage not in STAGES:
        raise WeightsMismatch(f"{name} should begin with its stage: {', '.join(STAGES)}")
    metadata = read_metadata(path)
    tensors = read_safetensors(path)
    if "network" not in metadata or "settings" not in metadata:
        raise WeightsMismatch(f"{path} does not say which network it is of; write it by export()")
    wide = [key for key, tensor in tensors.items() if tensor.element_size() != _expected(tensor)]
    if wide:
        raise WeightsMismatch(f"{path} is not float16: {', '.join(wide[:4])}")
    network = construct(metadata["network"], metadata["settings"])
    fitted(tensors, layout_of(network), str(path))
    recipe = metadata.get("recipe", "")
    row = WeightFile(
        name=name,
        stage=stage,  # type: ignore[arg-type]
        network=metadata["network"],
        settings=metadata["settings"],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        licence=licence,
        source=source,
        embedded=True,
        size=path.stat().st_size,
        sha256=file_sha256(path),
        recipe=recipe if isinstance(recipe, str) else json.dumps(recipe, sort_keys=True),
    )
    folder.mkdir(parents=True, exist_ok=True)
    if path.resolve() != (folder / row.file).resolve():
        shutil.copyfile(path, folder / row.file)
    rows = {other.name: _entry(other) for other in embedded_rows(folder)} | {name: _entry(row)}
    text = json.dumps(rows, indent=1, sort_keys=True) + "\n"
    (folder / "table.json").write_text(text, encoding="utf-8")
    return row


def _expected(tensor: Any) -> int:
    """Bytes an element of an embedded tensor has: 2 for floats, 8 for counters."""
    return 2 if tensor.is_floating_point() else 8


def _entry(row: WeightFile) -> dict[str, Any]:
    """A row as table.json holds it: what is empty or the same for all is left out."""
    entry = asdict(row)
    for implied in ("name", "embedded", "url", "member", "sub_key", "form"):
        del entry[implied]
    return entry


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("path", type=Path)
    parser.add_argument("--licence", default="MIT")
    parser.add_argument("--source", default=_OWN)
    given = parser.parse_args()
    row = embed(given.name, given.path, given.licence, given.source)
    print(json.dumps({row.name: _entry(row)}, indent=1, sort_keys=True))
    total = sum(other.size or 0 for other in embedded_rows(EMBEDDED_FOLDER))
    print(f"{total / 1e6:.1f} MB embedded in all")


if __name__ == "__main__":
    main()
