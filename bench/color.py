"""DeOldify's `stable` and `artistic` layouts on a CPU: seconds and peak memory, ours and plain.

    python bench/color.py [--render-factor 35] [--threads 2] [--runs 3]

Random weights, float32, batch 1, a square of 16 times the render factor, each case in a process
of its own. `plain` is the same network as it is commonly built: attention with its N x N matrix,
the weight divided by its spectral norm at every pass, channels outermost in memory, the layers
at full size in one piece. Beside both the published code's own figures, from another machine.
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

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from dense_color import make_plain

from models.color.generator import ColorUNet
from models.weights import build

_PUBLISHED = {"stable": "8.6 s, 3.96 GiB", "artistic": "10.0 s, 2.97 GiB"}
"""Median and peak of the published code at render factor 35 on another 2-core machine (AMD EPYC,
torch 2.12.1, 2 threads, a fresh process, Python and weights included)."""


def main() -> None:
    """Run every case in a fresh process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--render-factor", type=int, default=35)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--layout", choices=tuple(_PUBLISHED), action="append")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    side = 16 * given.render_factor
    if given.case:
        layout, how = given.case.split(":")
        print(json.dumps(_measure(layout, how, side, given.threads, given.runs)))
        return
    print(f"Render factor {given.render_factor} ({side} x {side}), float32, random weights")
    print(f"{given.threads} threads, median of {given.runs}; peak resident memory, and that before")
    print(f"{'':18}{'wall s':>8}{'CPU s':>8}{'peak GiB':>10}{'before':>8}   published, elsewhere")
    for layout in given.layout or _PUBLISHED:
        for how in ("ours", "plain"):
            command = [sys.executable, __file__, "--case", f"{layout}:{how}"]
            command += ["--render-factor", str(given.render_factor)]
            command += ["--threads", str(given.threads), "--runs", str(given.runs)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            elsewhere = _PUBLISHED[layout] if how == "plain" and given.render_factor == 35 else ""
            print(
                f"{layout:10}{how:8}{found['wall']:8.1f}{found['cpu']:8.1f}{found['peak']:10.2f}"
                f"{found['before']:8.2f}   {elsewhere}".rstrip()
            )


def _measure(layout: str, how: str, side: int, threads: int, runs: int) -> dict[str, float]:
    """Median seconds and CPU seconds, peak GiB, and GiB before the first pass."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = build(f"deoldify_{layout}").eval()
    assert isinstance(network, ColorUNet)
    picture = torch.randn(1, 1, side, side).expand(-1, 3, -1, -1).contiguous()
    if how == "plain":
        make_plain(network)
    else:
        network.prepare()
    before = _peak()
    walls, spent = [], []
    for _ in range(runs):
        start, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            network(picture)
        walls.append(time.perf_counter() - start)
        spent.append(time.process_time() - cpu)
    median = statistics.median
    return {"wall": median(walls), "cpu": median(spent), "peak": _peak(), "before": before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
