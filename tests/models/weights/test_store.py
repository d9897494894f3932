"""Weights are loaded whole, in float32, from the very bytes on record, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from checkpoints import VAE, save
from safetensors.torch import load_file, save_file

from models.damage.scratch import ScratchUNet
from models.damage.vae import Autoencoder
from models.weights import WeightsMismatch, WeightsMissing, WeightsTruncated, build, export, load
from models.weights.imports import import_path
from models.weights.networks import layout_of
from models.weights.store import file_sha256, fitted, read_metadata
from models.weights.table import location

SETTINGS = {"width": 4}


@pytest.fixture
def imported(folder: Path, tmp_path: Path) -> Path:
    """The weights folder with `VAE` in it."""
    (outcome,) = import_path(save(VAE, tmp_path / "VAE_A_quality" / "latest_net_G.pth"))
    assert outcome.status == "imported"
    return folder


def rewrite(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Replace imported weights and their record by these: what only `load` can still notice."""
    save_file(tensors, path)
    record = json.loads(path.with_suffix(".json").read_text())
    record |= {"sha256": file_sha256(path), "size": path.stat().st_size}
    path.with_suffix(".json").write_text(json.dumps(record))


@pytest.mark.usefixtures("imported")
def test_load_fills_the_network_with_the_numbers_of_the_checkpoint(tmp_path: Path) -> None:
    network = build(VAE)
    load(VAE, network)
    published = torch.load(tmp_path / "VAE_A_quality" / "latest_net_G.pth", weights_only=True)
    for key, tensor in network.state_dict().items():
        assert tensor.dtype is torch.float32
        assert torch.equal(tensor, published[key]), key


@pytest.mark.usefixtures("folder")
def test_missing_weights_are_an_error() -> None:
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        load(VAE, build(VAE))


@pytest.mark.usefixtures("imported")
def test_a_record_without_its_file_is_an_error() -> None:
    location(VAE).unlink()
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        load(VAE, build(VAE))


@pytest.mark.usefixtures("imported")
def test_a_file_without_its_record_is_an_error() -> None:
    location(VAE).with_suffix(".json").unlink()
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        load(VAE, build(VAE))


@pytest.mark.usefixtures("imported")
def test_a_truncated_file_is_an_error() -> None:
    whole = location(VAE).read_bytes()
    location(VAE).write_bytes(whole[:-100])
    with pytest.raises(WeightsTruncated, match=f"{len(whole) - 100} bytes, not {len(whole)}"):
        load(VAE, build(VAE))


@pytest.mark.usefixtures("imported")
def test_an_altered_file_is_an_error_and_leaves_the_network_as_it_was() -> None:
    held = bytearray(location(VAE).read_bytes())
    held[-1] ^= 1
    location(VAE).write_bytes(held)
    network = build(VAE)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(WeightsMismatch, match="altered: sha256"):
        load(VAE, network)
    assert all(torch.equal(before[key], now) for key, now in network.state_dict().items())


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (Autoencoder(width=8), r"shape: encoder.1.weight is 4x3x7x7, not 8x3x7x7, .* more"),
        (Autoencoder(width=4, norm="position"), r"missing: encoder"),
        (ScratchUNet(width=2, depth=2), r"missing: .* more; unknown: .* more"),
    ],
    ids=["another width", "another norm", "another network"],
)
def test_another_network_is_an_error(network: torch.nn.Module, complaint: str) -> None:
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(WeightsMismatch, match=complaint):
        load(VAE, network)
    assert all(torch.equal(before[key], now) for key, now in network.state_dict().items())


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_an_error(bad: float) -> None:
    tensors = load_file(location(VAE))
    tensors["decoder.4.weight"].view(-1)[3] = bad
    rewrite(location(VAE), tensors)
    with pytest.raises(WeightsMismatch, match=r"NaN or infinite numbers in decoder\.4\.weight"):
        load(VAE, build(VAE))


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_numbers_of_another_kind_are_an_error(dtype: torch.dtype) -> None:
    tensors = load_file(location(VAE))
    tensors["encoder.1.bias"] = torch.ones(4, dtype=dtype)
    rewrite(location(VAE), tensors)
    with pytest.raises(WeightsMismatch, match=rf"kind: encoder\.1\.bias holds {dtype}"):
        load(VAE, build(VAE))


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_read_as_float32(dtype: torch.dtype) -> None:
    tensors = load_file(location(VAE))
    rewrite(location(VAE), {key: tensor.to(dtype) for key, tensor in tensors.items()})
    network = build(VAE)
    load(VAE, network)
    for key, tensor in network.state_dict().items():
        assert tensor.dtype is torch.float32
        assert torch.equal(tensor, tensors[key].to(dtype).float())


def test_a_float64_beyond_float32_is_not_finite_any_more() -> None:
    network = Autoencoder(**SETTINGS)
    tensors = {key: tensor.double() for key, tensor in network.state_dict().items()}
    tensors["encoder.1.bias"][0] = 1e300
    with pytest.raises(WeightsMismatch, match="infinite"):
        fitted(tensors, layout_of(network), "a file")


def test_an_export_holds_halves_and_what_it_was_told(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = ScratchUNet(width=2, depth=2)
    told = {"settings": {"width": 2, "depth": 2}, "recipe": "train scratch"}
    path = tmp_path / "new" / "damage_scratch.safetensors"
    export("damage_scratch", network, path, told)
    for key, tensor in load_file(path).items():
        given = network.state_dict()[key]
        assert tensor.dtype is (torch.float16 if given.is_floating_point() else torch.int64)
        assert torch.equal(tensor, given.to(tensor.dtype))
    assert read_metadata(path) == told | {"name": "damage_scratch", "network": "ScratchUNet"}
    assert list(path.parent.iterdir()) == [path]


def test_the_same_weights_export_to_the_same_bytes(tmp_path: Path) -> None:
    network = Autoencoder(**SETTINGS)
    for number, told in enumerate(
        [
            {"settings": SETTINGS, "recipe": "r", "note": "n", "data": ["a", "b"]},
            {"data": ["a", "b"], "note": "n", "recipe": "r", "settings": SETTINGS},
        ]
    ):
        export("damage_vae_a", network, tmp_path / f"{number}.safetensors", told)
    assert file_sha256(tmp_path / "0.safetensors") == file_sha256(tmp_path / "1.safetensors")


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({}, "lacks 'settings'"),
        ({"settings": {"width": 8}}, "shape: encoder.1.weight is 4x3x7x7, not 8x3x7x7"),
        ({"settings": {"wide": 4}}, "does not take"),
    ],
)
def test_settings_that_do_not_build_the_network_are_not_exported(
    tmp_path: Path, metadata: dict[str, object], complaint: str
) -> None:
    with pytest.raises(WeightsMismatch, match=complaint):
        export("damage_vae_a", Autoencoder(**SETTINGS), tmp_path / "x.safetensors", metadata)
    assert list(tmp_path.iterdir()) == []


def test_what_float16_cannot_hold_is_not_exported(tmp_path: Path) -> None:
    network = Autoencoder(**SETTINGS)
    with torch.no_grad():
        network.encoder[1].bias[0] = 1e5
    with pytest.raises(WeightsMismatch, match=r"encoder\.1\.bias .* too large for float16"):
        export("damage_vae_a", network, tmp_path / "x.safetensors", {"settings": SETTINGS})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="No space"):
        export("damage_vae_a", Autoencoder(**SETTINGS), path, {"settings": SETTINGS})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_written_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    path = tmp_path / "x.safetensors"
    export("damage_vae_a", Autoencoder(**SETTINGS), path, {"settings": SETTINGS})
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode
