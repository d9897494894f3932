"""The table says what is true of the files and of the networks."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from models.weights import (
    WEIGHTS,
    WeightFile,
    WeightsMismatch,
    WeightsMissing,
    WeightsTruncated,
    build,
    load,
    location,
    sha256_of,
    weights_folder,
)
from models.weights.networks import NETWORKS, expected_layout
from models.weights.published import KEPT, PUBLISHED
from models.weights.table import EMBEDDED_FOLDER

EMBEDDED = [row for row in WEIGHTS if row.embedded]
BUILT = [row for row in WEIGHTS if row not in KEPT]


def named(row: WeightFile) -> str:
    return row.name


def test_every_name_is_given_once() -> None:
    assert len({row.name for row in WEIGHTS}) == len(WEIGHTS)


def test_every_row_says_whose_it_is() -> None:
    assert all(row.licence and row.source for row in WEIGHTS)


def test_embedded_files_and_rows_are_the_same() -> None:
    files = {path.name for path in EMBEDDED_FOLDER.glob("*.safetensors")}
    assert files == {row.file for row in EMBEDDED}


@pytest.mark.parametrize("row", EMBEDDED, ids=named)
def test_an_embedded_file_is_the_one_of_its_row_and_fills_its_network(row: WeightFile) -> None:
    held = location(row.name).read_bytes()
    assert len(held) == row.size
    assert hashlib.sha256(held).hexdigest() == row.sha256 == sha256_of(row.name)
    network = build(row.name)
    load(row.name, network)
    assert sum(parameter.numel() for parameter in network.parameters()) == row.parameters


def test_what_is_embedded_stays_small() -> None:
    damage = sum(row.size or 0 for row in EMBEDDED if row.stage == "damage")
    assert damage <= 20_000_000
    assert sum(row.size or 0 for row in EMBEDDED) <= 45_000_000


@pytest.mark.parametrize("row", KEPT, ids=named)
def test_a_file_that_is_kept_as_it_is_is_known_to_the_byte(row: WeightFile) -> None:
    assert row.size == row.limit and len(row.sha256 or "") == 64
    assert row.file == f"{row.name}.onnx"
    # float32 and little else: neither another precision nor another network.
    assert 4 * row.parameters < (row.size or 0) < 4.4 * row.parameters
    with pytest.raises(WeightsMismatch, match=row.network):
        build(row.name)


@pytest.mark.parametrize("row", BUILT, ids=named)
def test_a_row_builds_its_network_with_as_many_parameters(row: WeightFile) -> None:
    with torch.device("meta"):
        network = build(row.name)
    assert type(network).__name__ == row.network
    assert sum(parameter.numel() for parameter in network.parameters()) == row.parameters


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_is_where_the_table_looks(network: str) -> None:
    assert issubclass(getattr(import_module(NETWORKS[network]), network), torch.nn.Module)


def test_the_table_is_read_without_torch() -> None:
    script = (
        "import sys; from models.weights import WEIGHTS, location, sha256_of\n"
        "[location(row.name) for row in WEIGHTS]\n"
        "[sha256_of(row.name) for row in WEIGHTS if row.embedded]\n"
        "print(len(WEIGHTS), sorted({'torch', 'numpy', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{len(WEIGHTS)} []"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(WeightsMissing, match=r"'vae'.*bopbl_vae_a_quality"):
        location("vae")


def test_imported_weights_lie_in_the_home_or_where_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ALBUMEN_WEIGHTS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_folder() == tmp_path / ".local/share/albumen/weights"
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path / "shared"))
    name = PUBLISHED[0].name
    assert location(name) == tmp_path / "shared" / f"{name}.safetensors"


def test_weights_that_are_not_imported_say_how_to_get_them(folder: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"global_checkpoints\.zip.*albumen weights import"):
        sha256_of(PUBLISHED[0].name)
    assert not folder.exists()


def test_a_spoilt_record_is_no_record(folder: Path) -> None:
    folder.mkdir()
    (folder / f"{PUBLISHED[0].name}.json").write_text(json.dumps({"sha256": "00"}))
    with pytest.raises(WeightsTruncated, match="not a record"):
        sha256_of(PUBLISHED[0].name)


_LAYOUTS = {
    "ScratchUNet": "bopbl_scratch_detection",
    "SpadeGenerator": "bopbl_face_256",
    "Autoencoder": "bopbl_vae",
    "QualityMapping": "bopbl_mapping_quality",
    "ScratchMapping": "bopbl_mapping_scratch",
    "PatchMapping": "bopbl_mapping_patch_attention",
    "deoldify_artistic": "deoldify_artistic",
    "deoldify_stable": "deoldify_stable",
    "deoldify_video": "deoldify_stable",
}
"""Folder of the reference, by class of network, or by name where one class has two layouts."""

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.mark.parametrize("row", PUBLISHED, ids=named)
def test_a_published_row_expects_exactly_the_published_keys(row: WeightFile) -> None:
    folder = _LAYOUTS.get(row.network) or _LAYOUTS[row.name]
    told = json.loads((VECTORS / folder / "keys.json").read_text(encoding="utf-8"))
    published = {key: (tuple(shape), "float" in kind) for key, shape, kind in told["keys"]}
    assert expected_layout(row.network, row.settings) == published
    (file,) = [file for file in told["files"] if file["path"].endswith(str(row.member))]
    assert file["sub_key"] == row.sub_key
