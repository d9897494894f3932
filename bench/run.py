"""All benchmarks, one after the other: `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def main() -> None:
    """Run every benchmark in a process of its own, so that none inherits another's memory."""
    for script in (
        "end_to_end.py",
        "overhead.py",
        "lanes.py",
        "memory.py",
        "inventory.py",
        "storage.py",
        "networks.py",
        "damage.py",
        "faces.py",
        "color.py",
    ):
        subprocess.run([sys.executable, str(_HERE / script)], check=True)


if __name__ == "__main__":
    main()
