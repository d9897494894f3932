"""Devices and precisions: what is picked, what is refused, what bf16 costs in accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from published_fill import fill
from torch import nn

from models import device
from models.damage.vae import Autoencoder
from models.device import BadDevice, autocast, channels_last, pick_device, supports_bf16_cpu

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    supports_bf16_cpu.cache_clear()
    yield
    supports_bf16_cpu.cache_clear()


@pytest.mark.parametrize(("there", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_cuda_where_there_is_one(
    there: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert pick_device("auto").type == expected


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device("cuda:0") == torch.device("cuda:0")
    assert pick_device("cpu") == CPU
    for name, complaint in (("cuda:1", "sees 1 CUDA"), ("gpu", "no device"), ("meta", "supported")):
        with pytest.raises(BadDevice, match=complaint):
            pick_device(name)


def _type_inside(precision: device.Precision) -> torch.dtype:
    with autocast(CPU, precision):
        return nn.Linear(4, 4)(torch.ones(1, 4)).dtype


def test_precision_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _type_inside("float32") == torch.float32
    assert _type_inside("bf16") == torch.bfloat16
    monkeypatch.setattr(device, "supports_bf16_cpu", lambda: True)
    assert _type_inside("auto") == torch.bfloat16
    monkeypatch.setattr(device, "supports_bf16_cpu", lambda: False)
    assert _type_inside("auto") == torch.float32


def test_precisions_that_do_not_exist_are_refused() -> None:
    with pytest.raises(BadDevice, match="fp16 is for CUDA"):
        autocast(CPU, "fp16")
    with pytest.raises(BadDevice, match="'half': say auto"):
        autocast(CPU, "half")  # type: ignore[arg-type]


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_half_precision_of_a_gpu(
    has_bf16: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)
    assert device.half_dtype(torch.device("cuda")) == expected


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx512f avx512_bf16", True), ("amx_bf16", True), ("avx512f", False)]
)
def test_bf16_is_read_from_the_kernel_where_torch_does_not_say(
    flags: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, probe, raising=False)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"flags : fpu {flags}\n")
    assert supports_bf16_cpu() is expected


def test_channels_last_changes_the_order_in_memory_alone() -> None:
    x = torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    inner = channels_last(x)
    assert inner.stride() == (3 * 24 * 16, 1, 16 * 3, 3)
    assert torch.equal(inner, x)
    network = fill(Autoencoder(width=8))
    with torch.inference_mode():
        plain = network(x)
        assert torch.allclose(channels_last(network)(inner), plain, atol=1e-4)
    assert network.encoder[1].weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("norm", ["instance", "position"])
def test_error_of_bf16_against_float32(norm: str) -> None:
    """Root mean square over spread: measured 2.7 % (instance) and 1.5 % (position)."""
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    network = fill(Autoencoder(width=16, norm=norm))  # type: ignore[arg-type]
    with torch.inference_mode():
        exact = network(x)
        with autocast(CPU, "bf16"):
            rough = network(x).float()
    error = (rough - exact).pow(2).mean().sqrt() / exact.std()
    assert 0 < error < 0.06
