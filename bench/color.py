"""The colour networks on a CPU, ours and plain, and the colour stage on a scan of 108 megapixels.

    python bench/color.py [--render-factor 35] [--threads 2] [--runs 3] [--json FILE]
                          [--model auto | --weights FILE] [--width 12000] [--height 9000]

Each case in a process of its own. DeOldify's `stable` and `artistic` layouts: random weights,
float32, batch 1, a square of 16 times the render factor. `plain` is the same network as it is
commonly built: attention with its N x N matrix, the weight divided by its spectral norm at every
pass, channels outermost in memory, the layers at full size in one piece. Beside both the
published code's own figures, from another machine. The stage: a grey scan of 16 bit in shared
memory, colourized whole; time, and peak of private bytes (USS) of its process.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from dense_color import make_plain

from models.color.generator import ColorUNet
from models.evaluation.color_tables import OURS, PLAIN, STAGE
from models.weights import WeightsError, build

_PUBLISHED = {"stable": (8.6, 3.96), "artistic": (10.0, 2.97)}
"""Median s and peak GiB of the published code at render factor 35 on another 2-core machine (AMD
EPYC, torch 2.12.1, 2 threads, a fresh process, Python and weights included)."""

_ELSEWHERE = "published code, elsewhere"
_EVERY = 0.05  # seconds between looks at the stage's memory
_ROWS = 500


def main() -> None:
    """Run every case in a fresh process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--render-factor", type=int, default=35)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--layout", choices=tuple(_PUBLISHED), action="append")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--weights", type=Path, help="of a training, instead of --model")
    parser.add_argument("--width", type=int, default=12000)
    parser.add_argument("--height", type=int, default=9000)
    parser.add_argument("--json", type=Path, help="where the figures are written too")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        case = json.loads(given.case)
        print(json.dumps(_stage(case) if "path" in case else _network(case)))
        return
    costs = _layouts(given) + _scan(given)
    if given.json:
        given.json.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")


def _layouts(given: argparse.Namespace) -> list[dict[str, Any]]:
    side = 16 * given.render_factor
    print(f"Render factor {given.render_factor} ({side} x {side}), float32, random weights")
    print(f"{given.threads} threads, median of {given.runs}; peak resident memory, and that before")
    print(f"{'':18}{'wall s':>8}{'CPU s':>8}{'peak GiB':>10}{'before':>8}   {_ELSEWHERE}")
    costs = []
    for layout in given.layout or _PUBLISHED:
        on = f"{layout}, render factor {given.render_factor}, random weights"
        known = _PUBLISHED[layout] if given.render_factor == 35 else None
        for how in (OURS, PLAIN):
            case = {"layout": layout, "how": how, "side": side}
            found = _run(case | {"threads": given.threads, "runs": given.runs})
            elsewhere = f"{known[0]} s, {known[1]} GiB" if known and how == PLAIN else ""
            print(
                f"{layout:10}{how:8}{found['wall']:8.1f}{found['cpu']:8.1f}{found['peak']:10.2f}"
                f"{found['before']:8.2f}   {elsewhere}".rstrip()
            )
            costs.append(_cost(on, how, found["wall"], found["peak"]) | {"cpu": found["cpu"]})
        if known:
            costs.append(_cost(on, _ELSEWHERE, *known))
    return costs


def _scan(given: argparse.Namespace) -> list[dict[str, Any]]:
    """The stage on a grey scan; nothing, and that said, where it has no weights."""
    from models.evaluation.color_networks import network_of_file, network_of_model

    try:
        if given.weights:
            network_of_file(given.weights, "cpu")
        else:
            network_of_model(given.model, "cpu")
    except WeightsError as error:
        print(f"\nThe stage was not measured: {error}")
        return []
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        path, shape = Path(folder) / "scan", (given.height, given.width)
        # Seen by this process too, so that nobody owns its pages.
        pixels = np.memmap(path, np.uint16, "w+", shape=shape)
        _draw(pixels)
        case = {
            "path": str(path),
            "shape": shape,
            "threads": given.threads,
            "model": given.model,
            "weights": str(given.weights) if given.weights else None,
        }
        found = _run(case)
        del pixels
    on = f"{given.width} x {given.height}, 16-bit grey"
    took = f"{found['wall']:.1f} s, after a look of {found['look']:.1f} s"
    print(f"\nThe stage on {on}: {took};")
    print(
        f"private memory {found['uss']:.2f} GB at its peak, {found['loaded']:.2f} GB before; "
        f"render factor {found['factor']}, {found['rectangles']} rectangles"
    )
    memory = "peak of private memory"
    return [_cost(on, STAGE, found["wall"], found["uss"], memory, "GB")]


def _cost(
    on: str, how: str, wall: float, peak: float, memory: str = "peak memory", unit: str = "GiB"
) -> dict[str, Any]:
    return {"on": on, "how": how, "wall": wall, "peak": peak, "memory": memory, "unit": unit}


def _run(case: dict[str, Any]) -> dict[str, float]:
    """What a fresh process says of `case`, and the peak of its private bytes in GB."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak, watched = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_full_info().uss)
        except psutil.Error:
            break
        time.sleep(_EVERY)
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{case}: ended with {process.returncode}, see above")
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found | {"uss": peak / 1e9}


def _network(case: dict[str, Any]) -> dict[str, float]:
    """Median seconds and CPU seconds, peak GiB, and GiB before the first pass."""
    torch.set_num_threads(case["threads"])
    torch.manual_seed(0)
    network = build(f"deoldify_{case['layout']}").eval()
    assert isinstance(network, ColorUNet)
    picture = torch.randn(1, 1, case["side"], case["side"]).expand(-1, 3, -1, -1).contiguous()
    if case["how"] == PLAIN:
        make_plain(network)
    else:
        network.prepare()
    before = _peak()
    walls, spent = [], []
    for _ in range(case["runs"]):
        start, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            network(picture)
        walls.append(time.perf_counter() - start)
        spent.append(time.process_time() - cpu)
    median = statistics.median
    return {"wall": median(walls), "cpu": median(spent), "peak": _peak(), "before": before}


def _stage(case: dict[str, Any]) -> dict[str, Any]:
    """Look, load, colourize; seconds of look (not part of the stage) and stage."""
    from models.color.restorer import ColorRestorer
    from models.contract import StageInput
    from models.evaluation.color_networks import network_of_file, network_of_model, use_threads
    from models.look import look

    use_threads(case["threads"])
    file = case["weights"]
    network = network_of_file(Path(file), "cpu") if file else network_of_model(case["model"], "cpu")
    stage = ColorRestorer("auto", network.colorizer(), "cpu", case["threads"])
    pixels = np.memmap(case["path"], np.uint16, "r", shape=tuple(case["shape"]))
    start = time.perf_counter()
    hints = look(pixels, threads=case["threads"])
    looked = time.perf_counter() - start
    loaded = psutil.Process().memory_full_info().uss
    start = time.perf_counter()
    (result,) = stage([StageInput(pixels, hints)])
    wall = time.perf_counter() - start
    if not result.metrics["colorized"]:
        sys.exit(f"the scan was not colourized: {result.metrics['colorize_reason']}")
    return {
        "wall": wall,
        "look": looked,
        "loaded": loaded / 1e9,
        "rectangles": len(result.rectangles),
        "factor": result.metrics["render_factor"],
    }


def _draw(pixels: np.ndarray[Any, np.dtype[np.uint16]]) -> None:
    """Tones with structure and grain, strip by strip."""
    rng = np.random.default_rng(1)
    height, width = pixels.shape
    x = np.linspace(0, 1, width)[None]
    for top in range(0, height, _ROWS):
        count = min(_ROWS, height - top)
        y = np.linspace(top, top + count, count, endpoint=False)[:, None] / height
        tone = 32_000 + 16_000 * np.sin(7 * x + 5 * y)
        tone = tone + 6_000 * np.sign(np.sin(60 * x) * np.sin(45 * y))
        strip = tone + rng.normal(0, 400, (count, width))
        pixels[top : top + count] = strip.clip(0, 65_535)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
