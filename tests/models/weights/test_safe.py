"""A checkpoint from anywhere gives its tensors or an error, and never runs anything."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from checkpoints import SCRATCH, VAE, Payload, save, state
from safetensors.torch import save_file

from models.weights import UnsafeWeights, WeightsMismatch, WeightsTruncated
from models.weights.safe import read_checkpoint

LIMIT = 1 << 20


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old form"])
def test_a_checkpoint_gives_the_tensors_it_holds(tmp_path: Path, old: bool) -> None:
    path = save(SCRATCH, tmp_path / "FT_Epoch_latest.pt", old=old)
    found = read_checkpoint(path, LIMIT, "model_state")
    given = state(SCRATCH)
    assert list(found) == list(given)
    assert all(torch.equal(found[key], given[key]) for key in given)


def test_a_bare_state_dict_is_taken_where_a_sub_key_is_usual(tmp_path: Path) -> None:
    torch.save(state(SCRATCH), tmp_path / "bare.pt")
    assert list(read_checkpoint(tmp_path / "bare.pt", LIMIT, "model_state")) == list(state(SCRATCH))


def test_safetensors_are_read_as_well(tmp_path: Path) -> None:
    save_file(state(VAE), tmp_path / "x.pth")
    found = read_checkpoint(tmp_path / "x.pth", LIMIT)
    assert all(torch.equal(found[key], tensor) for key, tensor in state(VAE).items())


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old form"])
@pytest.mark.parametrize("function", [os.mkdir, exec, eval, open], ids=lambda f: f.__name__)
def test_code_in_a_pickle_does_not_run(
    tmp_path: Path, old: bool, function: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    arguments = {
        os.mkdir: (str(trace),),
        exec: (f"open({str(trace)!r}, 'w')",),
        eval: (f"open({str(trace)!r}, 'w')",),
        open: (str(trace), "w"),
    }[function]  # type: ignore[index]
    payload = Payload(function, *arguments)  # type: ignore[arg-type]
    path = save(VAE, tmp_path / "x.pth", {**state(VAE), "extra": payload}, old=old)
    # Even where the environment asks for the unsafe way.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(UnsafeWeights, match="asks for more than tensors"):
        read_checkpoint(path, LIMIT)
    assert not trace.exists()
    if function is os.mkdir:  # the trap is real: a plain load walks into it
        torch.load(path, weights_only=False)
        assert trace.is_dir()


def test_a_plain_pickle_with_code_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (tmp_path / "x.pth").write_bytes(pickle.dumps(Payload(os.mkdir, str(trace))))
    with pytest.raises((UnsafeWeights, WeightsTruncated)):
        read_checkpoint(tmp_path / "x.pth", LIMIT)
    assert not trace.exists()


def test_a_whole_model_instead_of_its_weights_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pth")
    with pytest.raises(UnsafeWeights, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(tmp_path / "x.pth", LIMIT)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old form"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, old: bool, share: float) -> None:
    path = save(VAE, tmp_path / "x.pth", old=old)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WeightsTruncated, match="cut off"):
        read_checkpoint(path, LIMIT)


def test_truncated_safetensors_are_refused(tmp_path: Path) -> None:
    save_file(state(VAE), tmp_path / "x.safetensors")
    whole = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes(whole[:-1])
    with pytest.raises(WeightsTruncated, match="cut off"):
        read_checkpoint(tmp_path / "x.safetensors", LIMIT)


def test_a_flipped_bit_is_noticed_by_the_checksum(tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "x.pth")
    held = bytearray(path.read_bytes())
    weight = state(VAE)["encoder.4.weight"].numpy().tobytes()
    held[held.find(weight) + 5] ^= 4
    path.write_bytes(held)
    with pytest.raises(WeightsTruncated, match="checksum"):
        read_checkpoint(path, LIMIT)


@pytest.mark.parametrize("text", [b"<!DOCTYPE html><title>Sign in</title>", b"\0" * 4096, b"{}"])
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(text)
    with pytest.raises(WeightsTruncated, match="no checkpoint of PyTorch"):
        read_checkpoint(tmp_path / "x.pth", LIMIT)


def test_a_checkpoint_larger_than_its_network_can_be_is_not_read(tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "x.pth")
    with pytest.raises(UnsafeWeights, match="more than the 1000"):
        read_checkpoint(path, 1000)


def test_compressed_records_are_refused(tmp_path: Path) -> None:
    """Mapped from disk they would be taken for weights as they are; and they may be bombs."""
    path = save(VAE, tmp_path / "x.pth")
    with (
        zipfile.ZipFile(path) as plain,
        zipfile.ZipFile(tmp_path / "y.pth", "w", zipfile.ZIP_DEFLATED) as squeezed,
    ):
        for name in plain.namelist():
            squeezed.writestr(name, plain.read(name))
    with pytest.raises(UnsafeWeights, match="compressed"):
        read_checkpoint(tmp_path / "y.pth", LIMIT)


@pytest.mark.parametrize(
    ("held", "complaint"),
    [
        ([torch.ones(2)], "but a list"),
        ({}, "but a dict"),
        ({"a": torch.ones(2), "epoch": 3}, "tensors alone; it holds epoch"),
        ({"model_state": {"a": "b"}}, "entry 'model_state' with tensors alone; it holds a"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    tmp_path: Path, held: object, complaint: str
) -> None:
    torch.save(held, tmp_path / "x.pt")
    with pytest.raises(WeightsMismatch, match=complaint):
        read_checkpoint(tmp_path / "x.pt", LIMIT, "model_state")
