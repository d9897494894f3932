"""What the flow costs beside its work: three-megapixel scans against a plain loop.

    python bench/overhead.py [--scans N]

Both go through the same reading, stages and writing on the same cores. Prints throughput once
running, CPU seconds a scan, and what the time from the command to the first row is made of.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench_scans import three_megapixel_scans
from process_tree import measure

_HERE = Path(__file__).parent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=48)
    count = parser.parse_args().scans
    with tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder:
        base = Path(folder)
        three_megapixel_scans(base / "scans", count)
        plain = _plain(base)
        flow = _flow(base)
    print(f"\nOverhead: {count} scans of 3 megapixels, JPEG, all stages, one lane")
    print(f"{'':26}{'scans/s':>10}{'CPU s/scan':>12}{'wall s':>9}")
    print(f"{'plain loop, one process':26}{_row(plain)}")
    print(f"{'flow, once running':26}{_row(flow)}")
    ratio, cpu = flow["rate"] / plain["rate"], flow["cpu"] / plain["cpu"]
    print(f"throughput, flow / loop: {ratio:.2f}   CPU, flow / loop: {cpu:.2f}")
    print(f"\nFrom the command to the first row: {flow['first']:.1f} s, of it")
    for phase, seconds in flow["phases"].items():
        print(f"  {phase:28}{seconds:7.1f} s")


def _plain(base: Path) -> dict[str, float]:
    command = [sys.executable, str(_HERE / "plain_loop.py"), str(base / "scans"), str(base / "a")]
    line = json.loads(measure(command).output)
    return {
        "rate": line["scans"] / line["wall"],
        "cpu": line["cpu"] / line["scans"],
        "wall": line["wall"],
    }


def _flow(base: Path) -> dict[str, float]:
    out = base / "b"
    command = [sys.executable, "-m", "flows.cli", "restore", str(base / "scans"), str(out)]
    tree = measure(command)
    (record,) = (json.loads(p.read_text()) for p in (out / ".albumen/runs").iterdir())
    phases = dict(record["phases"])
    restoration = phases.pop("restoration")
    phases["first scan through its steps"] = record["timeline"][0]["at"] - sum(phases.values())
    # Once running: from the moment the first scans had a row to the last.
    first, last = record["timeline"]
    return {
        "rate": (last["done"] - first["done"]) / (last["at"] - first["at"]),
        "cpu": tree.cpu / record["planned"],
        "wall": restoration,
        "first": first["at"],
        "phases": phases,
    }


def _row(figures: dict[str, float]) -> str:
    return f"{figures['rate']:10.2f}{figures['cpu']:12.2f}{figures['wall']:9.1f}"


if __name__ == "__main__":
    main()
