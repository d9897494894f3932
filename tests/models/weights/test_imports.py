"""The official zip, the folder it unpacks to, or single files become weights that load."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch
from checkpoints import (
    NAMES,
    SCRATCH,
    VAE,
    assert_loads,
    packed,
    reason,
    row,
    save,
    state,
    statuses,
    unpacked,
)

from models.spectral import SpectralConv
from models.weights import (
    WeightsMismatch,
    WeightsMissing,
    build,
    load,
    sha256_of,
)
from models.weights import imports as module
from models.weights.imports import import_path
from models.weights.store import file_sha256

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("form", ["zip", "zip within folders", "folder", "outer folder"])
def test_everything_published_is_found_wherever_it_lies(
    folder: Path, tmp_path: Path, form: str
) -> None:
    given = unpacked(tmp_path / "backup" / "Global")
    paths = {
        "zip": lambda: packed(given, tmp_path / "global_checkpoints.zip"),
        "zip within folders": lambda: packed(tmp_path / "backup", tmp_path / "all.zip"),
        "folder": lambda: given / "checkpoints",
        "outer folder": lambda: tmp_path,
    }
    outcomes = import_path(paths[form]())
    assert statuses(outcomes) == dict.fromkeys(NAMES, "imported")
    for name in NAMES:
        assert_loads(name)
    kinds = {path.suffix for path in folder.iterdir()}
    assert kinds == {".safetensors", ".json"}
    assert len(list(folder.iterdir())) == 2 * len(NAMES)


def test_what_lies_in_a_zip_and_in_a_folder_converts_to_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = unpacked(tmp_path / "Global")
    import_path(packed(given, tmp_path / "global_checkpoints.zip"))
    first = {path.name: file_sha256(path) for path in folder.iterdir()}
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path / "elsewhere"))
    import_path(given)
    assert {p.name: file_sha256(p) for p in (tmp_path / "elsewhere").iterdir()} == first


def test_the_record_names_what_a_file_was_made_from(folder: Path, tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality" / "latest_net_G.pth")
    import_path(path)
    assert json.loads((folder / f"{VAE}.json").read_text()) == {
        "name": VAE,
        "sha256": file_sha256(folder / f"{VAE}.safetensors"),
        "size": (folder / f"{VAE}.safetensors").stat().st_size,
        "source_file": "latest_net_G.pth",
        "source_sha256": file_sha256(path),
        "published": None,
    }
    assert sha256_of(VAE) == file_sha256(folder / f"{VAE}.safetensors")


def test_a_second_import_changes_nothing(folder: Path, tmp_path: Path) -> None:
    given = unpacked(tmp_path / "Global")
    import_path(given)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert statuses(import_path(given)) == dict.fromkeys(NAMES, "present")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_an_altered_conversion_is_made_again(folder: Path, tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality" / "latest_net_G.pth")
    import_path(path)
    held = bytearray((folder / f"{VAE}.safetensors").read_bytes())
    held[-1] ^= 1
    (folder / f"{VAE}.safetensors").write_bytes(held)
    assert statuses(import_path(path)) == {VAE: "imported"}
    assert_loads(VAE)


def test_other_weights_of_the_same_network_take_the_place(tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality" / "latest_net_G.pth")
    import_path(path)
    first = sha256_of(VAE)
    save(VAE, path, {key: tensor + 1 for key, tensor in state(VAE).items()})
    assert statuses(import_path(path)) == {VAE: "imported"}
    assert sha256_of(VAE) != first


def test_converted_weights_can_be_carried_to_another_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_path(unpacked(tmp_path / "Global"))
    assert statuses(import_path(folder)) == dict.fromkeys(NAMES, "present")
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path / "elsewhere"))
    assert statuses(import_path(folder)) == dict.fromkeys(NAMES, "imported")
    assert_loads(SCRATCH)


def test_what_is_missing_is_named_and_the_rest_is_imported(tmp_path: Path) -> None:
    outcomes = import_path(unpacked(tmp_path / "Global", without=(VAE,)))
    expected = dict.fromkeys(NAMES, "imported") | {VAE: "missing"}
    assert statuses(outcomes) == expected
    assert "VAE_A_quality/latest_net_G.pth" in reason(outcomes, VAE)


def test_a_file_that_is_not_the_published_one_is_said_not_to_be(
    folder: Path, tmp_path: Path
) -> None:
    (outcome,) = import_path(save(SCRATCH, tmp_path / "FT_Epoch_latest.pt"))
    assert outcome.status == "imported"
    assert f"not the published file, whose sha256 is {row(SCRATCH).sha256}" in outcome.reason
    assert json.loads((folder / f"{SCRATCH}.json").read_text())["published"] is False


def test_the_same_file_twice_is_not_chosen_from(tmp_path: Path) -> None:
    save(VAE, tmp_path / "a/VAE_A_quality/latest_net_G.pth")
    save(VAE, tmp_path / "b/VAE_A_quality/latest_net_G.pth")
    outcomes = import_path(tmp_path)
    assert statuses(outcomes)[VAE] == "refused"
    assert "found more than once" in reason(outcomes, VAE)


def test_a_single_file_of_another_name_needs_to_be_named(tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "mine.pth")
    with pytest.raises(WeightsMismatch, match=r"--name, one of .*bopbl_vae_a_quality"):
        import_path(path)
    assert statuses(import_path(path, VAE)) == {VAE: "imported"}
    assert_loads(VAE)


def test_a_relative_path_is_known_by_the_folder_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth")
    monkeypatch.chdir(path.parent)
    assert statuses(import_path(Path("latest_net_G.pth"))) == {VAE: "imported"}
    assert statuses(import_path(Path()))[VAE] == "present"


def test_a_path_that_is_not_there_and_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="does not exist"):
        import_path(tmp_path / "nothing.zip")
    with pytest.raises(WeightsMissing, match="no weights are called 'vae'"):
        import_path(save(VAE, tmp_path / "mine.pth"), "vae")
    with pytest.raises(WeightsMismatch, match="no single checkpoint"):
        import_path(tmp_path, VAE)


def test_an_import_that_is_killed_leaves_no_weights_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth")
    real = module.replace_durably

    def killed_after_the_weights(part: Path, to: Path) -> None:
        if to.suffix == ".json":
            raise KeyboardInterrupt
        real(part, to)

    monkeypatch.setattr(module, "replace_durably", killed_after_the_weights)
    with pytest.raises(KeyboardInterrupt):
        import_path(path)
    with pytest.raises(WeightsMissing):
        load(VAE, build(VAE))
    monkeypatch.setattr(module, "replace_durably", real)
    assert statuses(import_path(path)) == {VAE: "imported"}
    assert_loads(VAE)


def test_what_a_killed_import_left_is_swept_a_day_later(folder: Path, tmp_path: Path) -> None:
    for name, age in ((".import-old", 25), (".import-new", 1)):
        (folder / name).mkdir(parents=True)
        (folder / name / "member").write_bytes(b"x")
        then = time.time() - age * 3600
        os.utime(folder / name, (then, then))
    import_path(save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth"))
    assert not (folder / ".import-old").exists()
    assert (folder / ".import-new").exists()


def test_conversions_of_before_do_not_stand_in_the_way(folder: Path, tmp_path: Path) -> None:
    """The folder of imported weights may lie inside the folder that is given."""
    unpacked(tmp_path / "Global")
    import_path(tmp_path)
    assert folder.is_relative_to(tmp_path)
    assert statuses(import_path(tmp_path)) == dict.fromkeys(NAMES, "present")


def test_spectral_norm_as_it_was_once_saved_is_brought_to_the_present_form(tmp_path: Path) -> None:
    name = "deoldify_artistic"
    given = state(name)
    old = dict(given)
    for key in [key for key in given if key.endswith("weight_orig")]:
        stem = key.removesuffix("orig")
        u, v = given[f"{stem}u"], old.pop(f"{stem}v")
        old[stem.removesuffix("_")] = given[key] / (u @ (given[key].flatten(1) @ v))
    outcomes = import_path(save(name, tmp_path / "ColorizeArtistic_gen.pth", old))
    assert statuses(outcomes) == {name: "imported"}, outcomes
    network, wanted = build(name), build(name)
    load(name, network)
    wanted.load_state_dict(given)
    layers = [layer for layer in network.modules() if isinstance(layer, SpectralConv)]
    others = [layer for layer in wanted.modules() if isinstance(layer, SpectralConv)]
    assert len(layers) == 16
    for layer, other in zip(layers, others, strict=True):
        assert torch.allclose(layer.eval().weight(), other.eval().weight(), rtol=1e-4, atol=1e-5)

    old["layers.3.0.0.weight"] = old["layers.3.0.0.weight"].clone()
    old["layers.3.0.0.weight"][0] *= 2
    outcomes = import_path(save(name, tmp_path / "ColorizeArtistic_gen.pth", old))
    assert statuses(outcomes) == {name: "refused"}
    assert "layers.3.0.0.weight is not what spectral norm makes" in reason(outcomes, name)
