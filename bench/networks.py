"""The published networks of the damage stage on a CPU: seconds and peak memory.

    python bench/networks.py [--quick] [--threads 2]

From image to image (encoder, mapping, decoder), batch 1, weights filled by a rule, every case in
a process of its own. Beside it the published code's own figures, and the same scratch network
with the non-local block written plainly, N x N, in the same run. Then bf16 beside float32, with
its error, where the CPU computes in bf16.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from dense_attention import dense_twin
from published_fill import fill

from models.damage.mapping import PatchMapping, QualityMapping, ScratchMapping
from models.damage.scratch import ScratchUNet
from models.damage.vae import Autoencoder
from models.device import Precision, autocast, supports_bf16_cpu

_PUBLISHED: dict[tuple[str, int], tuple[float | None, float]] = {
    ("detector", 512): (3.2, 1.33),
    ("detector", 1024): (12.5, 3.28),
    ("quality", 512): (5.0, 1.07),
    ("quality", 1024): (20.4, 1.73),
    ("scratch", 256): (1.6, 1.22),
    ("scratch", 512): (11.9, 5.08),
    ("scratch", 768): (None, 22.0),
    ("patches", 1024): (38.8, 2.55),
}
"""Median seconds and peak GiB of the published code: measured on another 2-core machine (AMD
EPYC, torch 2.12.1, 2 threads, float32, a fresh process a case, Python and weights included);
`None`: killed above 14 GiB, the memory scaled up from 512."""

_CASES = [
    ("detector", 512),
    ("detector", 1024),
    ("quality", 512),
    ("quality", 768),
    ("quality", 1024),
    ("scratch", 256),
    ("scratch", 512),
    ("scratch", 768),
    ("scratch", 1024),
    ("patches", 1024),
]
_PLAIN = [("scratch", 256), ("scratch", 512)]
_BF16 = [("detector", 512), ("quality", 512), ("scratch", 512), ("patches", 512)]

_MAPPINGS = {"quality": QualityMapping, "scratch": ScratchMapping, "patches": PatchMapping}
_GAINS = {"detector": 0.8, "scratch": 0.5}
_CPU = torch.device("cpu")


def main() -> None:
    """Run every case in a fresh process and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="sides up to 512 only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        name, side, how = given.case.split(":")
        runs = given.runs or (3 if int(side) <= 512 else 1)
        print(json.dumps(_measure(name, int(side), how, given.threads, runs)))
        return
    largest = 512 if given.quick else 1024
    cases = [case for case in _CASES if case[1] <= largest]
    print("Published networks, float32, filled weights, image to image; median of 3 (from 768: 1)")
    print("s = seconds, c = CPU seconds of both threads, G = GiB of peak resident memory")
    print(f"{'':18}{'ours':>22}{'plain N x N':>24}{'published code, elsewhere':>28}")
    for name, side in cases:
        ours = _fresh(name, side, "float32", given.threads)
        plain = _fresh(name, side, "plain", given.threads) if (name, side) in _PLAIN else None
        print(f"{name:9}{side:>5} px  {_cell(ours)}  {_cell(plain)}{_official(name, side):>26}")
    if not supports_bf16_cpu():
        print("This CPU does not compute in bf16.")
        return
    print("\nbf16 beside float32; error = root mean square of the difference / spread of float32")
    for name, side in _BF16:
        rough = _fresh(name, side, "bf16", given.threads)
        print(f"{name:9}{side:>5} px  {_cell(rough)}   error {rough['error']:.2%}")


def _fresh(name: str, side: int, how: str, threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--case", f"{name}:{side}:{how}"]
    command += ["--threads", str(threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _cell(figures: dict[str, float] | None) -> str:
    if figures is None:
        return " " * 22
    return f"{figures['seconds']:6.1f}s{figures['cpu']:7.1f}c{figures['peak']:6.2f}G"


def _official(name: str, side: int) -> str:
    seconds, peak = _PUBLISHED.get((name, side), (None, 0.0))
    if not peak:
        return ""
    return f"{seconds:6.1f}s{peak:6.2f}G" if seconds else f"killed, about {peak:.0f}G"


def _measure(name: str, side: int, how: str, threads: int, runs: int) -> dict[str, float]:
    """Seconds and CPU seconds (median of `runs`), peak in GiB; the error where `how` is bf16."""
    torch.set_num_threads(threads)
    networks = _networks(name, how)
    image, mask = _picture(side)
    precision: Precision = "bf16" if how == "bf16" else "float32"
    walls, spent = [], []
    for _ in range(runs):
        start, cpu = time.perf_counter(), time.process_time()
        result = _through(networks, image, mask, precision)
        walls.append(time.perf_counter() - start)
        spent.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    median = statistics.median
    figures = {"seconds": median(walls), "cpu": median(spent), "peak": peak}
    if how == "bf16":
        exact = _through(networks, image, mask, "float32")
        difference = (result.float() - exact).square().mean().sqrt()
        figures["error"] = float(difference / exact.std())
    return figures


def _networks(name: str, how: str) -> list[nn.Module]:
    """The detector alone, or encoder, mapping and decoder, filled."""
    if name == "detector":
        return [fill(ScratchUNet(), _GAINS["detector"])]
    mapping = fill(_MAPPINGS[name](), _GAINS.get(name, 1.0))
    if how == "plain" and isinstance(mapping, ScratchMapping):
        mapping.NL = dense_twin(mapping.NL)  # type: ignore[assignment]
    return [fill(Autoencoder()), mapping, fill(Autoencoder())]


def _picture(side: int) -> tuple[Tensor, Tensor]:
    """An image in [-1, 1] and its mask: crossing scratches, some 5.5 % of the area."""
    random = torch.Generator().manual_seed(side)
    mask = torch.zeros(1, 1, side, side)
    for line in range(4):
        at = side * (2 * line + 1) // 8
        mask[..., at : at + side // 72, :] = 1
    image = torch.rand(1, 3, side, side, generator=random) * 2 - 1
    return torch.where(mask > 0, 1.0, image), mask


def _through(networks: list[nn.Module], image: Tensor, mask: Tensor, how: Precision) -> Tensor:
    with torch.inference_mode(), autocast(_CPU, how):
        if len(networks) == 1:
            logits: Tensor = networks[0](image.mean(dim=1, keepdim=True))
            return logits
        first, mapping, second = networks
        restored: Tensor = second.decode(mapping(first.encode(image), mask))  # type: ignore[operator]
        return restored


if __name__ == "__main__":
    main()
