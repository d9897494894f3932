"""Time and memory for the table of an evaluation: the benchmark of a checkout, run beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.errors import UsageError

_BENCHMARK = Path(__file__).parent.parent / "bench" / "color.py"


def color_costs(threads: int, weights: Sequence[Path], model: str) -> list[dict[str, Any]]:
    """What `bench/color.py` measures, its stage with the first of `weights`, else with `model`.

    Every case in a process of its own. Raises `UsageError` where there is no checkout, or where
    the benchmark fails.
    """
    if not _BENCHMARK.is_file():
        raise UsageError(
            f"evaluate color: --costs needs {_BENCHMARK}, which is part of a checkout, not of "
            "an installed package."
        )
    with tempfile.TemporaryDirectory(prefix="albumen-costs-") as folder:
        found = Path(folder) / "costs.json"
        command = [sys.executable, str(_BENCHMARK), "--threads", str(threads), "--layout", "stable"]
        command += ["--json", str(found), "--model", model]
        command += ["--weights", str(weights[0])] if weights else []
        done = subprocess.run(command, check=False)
        if done.returncode:
            raise UsageError(
                f"evaluate color: the benchmark ended with {done.returncode}: see above."
            )
        costs: list[dict[str, Any]] = json.loads(found.read_text(encoding="utf-8"))
    return costs
