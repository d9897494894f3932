"""The damage stage on large scans: peak private memory, and seconds per megapixel by tile.

    python bench/damage.py [--models classical,direct] [--height 9000] [--width 12000]
                           [--tiles 256,512,1024] [--megapixels 24] [--threads 2] [--device auto]

First one scan of 12000 x 9000, 16 bit, RGB, through `repair` with every model: peak of private
memory (USS) of the stage's process, and seconds. Then a scan of 24 megapixels through both modes
by side of the tile. Every measurement is a process of its own; the scan lies in shared memory,
as it does in a run, and does not count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

_ROWS = 250
_EVERY = 0.05  # seconds between two looks at the memory
_LIMIT_GB = 4.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", help="by default all whose weights are at hand")
    parser.add_argument("--height", type=int, default=9000)
    parser.add_argument("--width", type=int, default=12000)
    parser.add_argument("--tiles", default="256,512,1024")
    parser.add_argument("--megapixels", type=float, default=24.0)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count() or 1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(_restore(json.loads(given.case))))
        return
    models = given.models.split(",") if given.models else _at_hand()
    _large(models, given)
    if given.tiles:
        _by_tile(models, [int(tile) for tile in given.tiles.split(",")], given)


def _at_hand() -> list[str]:
    from models.damage.choices import CHOICES
    from models.weights import location

    whole = (n for n, c in CHOICES.items() if all(location(w).is_file() for w in c.weights))
    return ["classical", *whole]


def _large(models: list[str], given: argparse.Namespace) -> None:
    print(f"One scan of {given.width} x {given.height}, 16 bit, RGB, repair")
    print(f"{'':14}{'private GB':>12}{'before it':>12}{'s':>8}{'s/MP':>8}  at most {_LIMIT_GB} GB")
    with _Scan(given.height, given.width) as scan:
        for model in models:
            made = scan.through(model, "repair", None, given)
            print(
                f"{model:14}{made['peak'] / 1e9:12.2f}{made['loaded'] / 1e9:12.2f}"
                f"{made['seconds']:8.1f}{made['seconds'] / scan.megapixels:8.2f}"
                f"  {'yes' if made['peak'] <= _LIMIT_GB * 1e9 else 'NO'}",
                flush=True,
            )


def _by_tile(models: list[str], tiles: list[int], given: argparse.Namespace) -> None:
    height = round((given.megapixels * 1e6 * 2 / 3) ** 0.5)
    width = height * 3 // 2
    print(f"\nSeconds per megapixel by side of the tile, {width} x {height}")
    print(f"{'':24}" + "".join(f"{tile:>8}   GB" for tile in tiles))
    with _Scan(height, width) as scan:
        for model in models:
            for mode in ("repair", "revive"):
                cells = []
                for tile in tiles if model != "classical" else tiles[:1]:
                    made = scan.through(model, mode, tile, given)
                    pace = made["seconds"] / scan.megapixels
                    cells.append(f"{pace:8.2f} {made['peak'] / 1e9:4.1f}")
                print(f"{model + ', ' + mode:24}" + "".join(cells), flush=True)


class _Scan:
    """A scan in shared memory: seen by this process too, so that nobody owns its pages."""

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width, 3)
        self.megapixels = height * width / 1e6

    def __enter__(self) -> _Scan:
        shared = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        self.path = Path(self._folder.name) / "scan"
        self.pixels = np.memmap(self.path, np.uint16, "w+", shape=self.shape)
        _draw(self.pixels)
        return self

    def __exit__(self, *_: object) -> None:
        del self.pixels
        self._folder.cleanup()

    def through(
        self, model: str, mode: str, tile: int | None, given: argparse.Namespace
    ) -> dict[str, Any]:
        """Seconds and peak of private bytes of a fresh process that restores this scan."""
        case = {
            "path": str(self.path),
            "shape": self.shape,
            "model": model,
            "mode": mode,
            "tile": tile,
            "threads": given.threads,
            "device": given.device,
        }
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
            sys.exit(f"{model}, {mode}: ended with {process.returncode}, see above")
        made: dict[str, Any] = json.loads(output.splitlines()[-1])
        return made | {"peak": peak}


def _draw(pixels: np.ndarray[Any, np.dtype[np.uint16]]) -> None:
    """Tones with structure and grain, and scratches in all directions, strip by strip."""
    rng = np.random.default_rng(1)
    height, width = pixels.shape[:2]
    column = np.arange(width)
    x = np.linspace(0, 1, width)[None, :, None]
    for top in range(0, height, _ROWS):
        count = min(_ROWS, height - top)
        y = np.linspace(top, top + count, count, endpoint=False)[:, None, None] / height
        tone = 20_000 + 25_000 * (0.5 + 0.5 * np.sin(7 * x + 5 * y + np.arange(3) / 3))
        tone = tone + 3_000 * np.sign(np.sin(width / 60 * x) * np.sin(height / 60 * y))
        strip = tone + rng.normal(0, 400, (count, width, 1))
        for row in range(count):
            for start in range(500, width, 1700):
                place = start + (top + row) // 3
                strip[row, (column >= place) & (column < place + 4)] = 62_000
        pixels[top : top + count] = strip.clip(0, 65_535)


def _restore(case: dict[str, Any]) -> dict[str, float]:
    """In a process of its own: load the stage, restore, say how long it took."""
    from models.contract import StageInput
    from models.look import look
    from models.registry import build_stage

    pixels = np.memmap(case["path"], np.uint16, "r", shape=tuple(case["shape"]))
    hints = look(pixels, threads=case["threads"])
    options = {"mode": case["mode"], "threads": case["threads"], "model": case["model"]}
    if case["tile"] is None or case["model"] == "classical":
        stage = build_stage("damage", device=case["device"], **options)
    else:
        from models.damage.restorer import DamageRestorer

        stage = DamageRestorer(device=case["device"], window=case["tile"], **options)
    loaded = psutil.Process().memory_full_info().uss
    start = time.perf_counter()
    (result,) = stage([StageInput(pixels, hints)])
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loaded": loaded, "rectangles": len(result.rectangles)}


if __name__ == "__main__":
    main()
