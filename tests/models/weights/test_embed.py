"""Taking an exported file into the package gives it a row that the table can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.damage.vae import Autoencoder
from models.weights import WeightsMismatch, export
from models.weights.embed import embed
from models.weights.store import file_sha256
from models.weights.table import embedded_rows

SETTINGS = {"width": 4, "norm": "position"}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    path = tmp_path / "best.safetensors"
    network = Autoencoder(width=4, norm="position")
    export("damage_vae_a", network, path, {"settings": SETTINGS, "recipe": {"steps": 3}})
    return path


def test_an_embedded_file_has_its_row(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "embedded"
    row = embed("damage_vae_a", exported, "MIT", "here", folder)
    assert embedded_rows(folder) == (row,)
    assert (folder / row.file).read_bytes() == exported.read_bytes()
    assert (row.name, row.stage, row.embedded) == ("damage_vae_a", "damage", True)
    assert (row.network, row.settings) == ("Autoencoder", SETTINGS)
    assert (row.sha256, row.size) == (file_sha256(exported), exported.stat().st_size)
    assert (row.licence, row.source, row.recipe) == ("MIT", "here", '{"steps": 3}')


def test_rows_are_replaced_and_kept_in_order(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "embedded"
    for name in ("damage_vae_b", "damage_vae_a", "damage_vae_b"):
        embed(name, exported, "MIT", "here", folder)
    table = (folder / "table.json").read_text()
    assert list(json.loads(table)) == ["damage_vae_a", "damage_vae_b"]
    embed("damage_vae_b", folder / "damage_vae_b.safetensors", "MIT", "here", folder)
    assert (folder / "table.json").read_text() == table


def test_a_file_that_does_not_say_what_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({key: t.half() for key, t in Autoencoder(4).state_dict().items()}, path)
    with pytest.raises(WeightsMismatch, match="which network"):
        embed("damage_vae_a", path, "MIT", "here", tmp_path / "embedded")
    assert not (tmp_path / "embedded").exists()


def test_full_floats_and_a_name_without_a_stage_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatch, match="begin with its stage"):
        embed("vae_a", exported, "MIT", "here", tmp_path / "embedded")
    told = {"albumen": json.dumps({"network": "Autoencoder", "settings": SETTINGS})}
    path = tmp_path / "wide.safetensors"
    save_file(dict(Autoencoder(width=4, norm="position").state_dict()), path, told)
    with pytest.raises(WeightsMismatch, match="not float16"):
        embed("damage_vae_a", path, "MIT", "here", tmp_path / "embedded")
