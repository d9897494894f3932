"""Where the networks run, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

Precision = Literal["auto", "float32", "bf16", "fp16"]

_Given = TypeVar("_Given", Tensor, nn.Module)


class BadDevice(ValueError):
    """A device or precision was asked for that this machine or this version does not have."""


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name` (`cpu`, `cuda`, `cuda:1`); `auto` is CUDA where there is one.

    Raises `BadDevice` for a name torch does not know and for CUDA on a machine without it, so
    that a run meant for a GPU never crawls along on a CPU unnoticed.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadDevice(f"no device {name!r}: say auto, cpu, cuda or cuda:N") from error
    if device.type not in {"cpu", "cuda"}:
        raise BadDevice(f"device {name!r} is not supported: say auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadDevice(
            f"device {name!r} was asked for, and torch sees {torch.cuda.device_count()} CUDA "
            "devices: say auto or cpu, or look at the driver and CUDA_VISIBLE_DEVICES"
        )
    return device


def autocast(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[object]:
    """A context in which networks run in `precision` on `device`.

    `auto`: on CUDA bf16, or fp16 where the GPU has no bf16; on a CPU bf16 where its
    instructions compute in it (elsewhere it is emulated and slower), else float32.
    `float32` changes nothing. Weights stay float32; outputs may come as bf16 or fp16.
    Raises `BadDevice` for another word, and for fp16 on a CPU.
    """
    if precision not in get_args(Precision):
        raise BadDevice(f"precision {precision!r}: say {', '.join(get_args(Precision))}")
    if precision == "fp16" and device.type == "cpu":
        raise BadDevice("fp16 is for CUDA devices: say auto, bf16 or float32 on a CPU")
    dtype = half_dtype(device) if precision == "auto" else _DTYPES[precision]
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def half_dtype(device: torch.device) -> torch.dtype | None:
    """The 16-bit type `device` computes in fastest, None where float32 is the best it has."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if supports_bf16_cpu() else None


@cache
def supports_bf16_cpu() -> bool:
    """Whether this CPU multiplies matrices in bf16 (AVX512_BF16 or AMX), not only stores it."""
    # Older and newer versions of torch name these differently: then the kernel is asked.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    answers = [getattr(torch.cpu, probe)() for probe in probes if hasattr(torch.cpu, probe)]
    if answers:
        return any(answers)
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def free_gpu_memory() -> None:
    """Give back what torch keeps of the GPU's memory, before a smaller attempt.

    To be called outside of the handler of the out-of-memory error, whose traceback keeps the failed
    tensors alive.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def channels_last(given: _Given) -> _Given:
    """A module or a BxCxHxW tensor with channels innermost in memory: same values, same shape.

    Convolutions then need no reordering of their inputs, which saves time and memory.
    """
    return given.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


_DTYPES: dict[str, torch.dtype | None] = {
    "float32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
