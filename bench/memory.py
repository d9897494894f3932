"""Memory of one 108-megapixel 16-bit colour TIFF through all stages.

    python bench/memory.py [--height 9000] [--width 12000]

Prints the peak of private memory (USS) of every process and of the shared object store, the
bytes the lane accounted for, and its budget; then the same file against a store that is too
small for it, and the row that says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from bench_scans import hundred_megapixel_tiff
from process_tree import Tree, measure

_SMALL_STORE = "1GB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=9000)
    parser.add_argument("--width", type=int, default=12000)
    size = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder:
        base = Path(folder)
        (base / "scans").mkdir()
        hundred_megapixel_tiff(base / "scans" / "large.tif", size.height, size.width)
        decoded = size.height * size.width * 6
        tree = _restore(base, base / "out")
        row = pd.read_parquet(base / "out" / "manifest.parquet").iloc[0]
        (record,) = (json.loads(p.read_text()) for p in (base / "out/.albumen/runs").iterdir())
        print(f"\nMemory: one scan of {size.width} x {size.height}, 16 bit, RGB: {row['status']}")
        print(f"{'decoded':44}{decoded / 1e9:8.2f} GB")
        for name, peak in sorted(tree.peak_uss.items(), key=lambda item: -item[1])[:8]:
            print(f"{'USS, ' + name[:38]:44}{peak / 1e9:8.2f} GB")
        print(f"{'object store, peak':44}{tree.peak_shared / 1e9:8.2f} GB")
        print(f"{'in flight by the lane, peak':44}{record['bytes_in_flight_peak'] / 1e9:8.2f} GB")
        for step in ("read", "look", "damage", "faces", "color", "write"):
            print(f"{'seconds, ' + step:44}{row['seconds_' + step]:8.1f} s")
        _restore(base, base / "small", "--object-store", _SMALL_STORE)
        refused = pd.read_parquet(base / "small" / "manifest.parquet").iloc[0]
        print(f"with an object store of {_SMALL_STORE}: {refused['status']}, ", end="")
        print(f"{refused['error_class']}: {refused['error_message']}")


def _restore(base: Path, out: Path, *options: str) -> Tree:
    command = [sys.executable, "-m", "flows.cli", "restore", str(base / "scans"), str(out)]
    return measure([*command, *options], uss=True, every=0.1)


if __name__ == "__main__":
    main()
