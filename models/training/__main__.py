"""`python -m models.training scratch|damage|tone|faces|color PHOTOGRAPHS... --out FOLDER ...`.

The same as `albumen train`, for a machine with a GPU and without Prefect, Ray or Typer: only
torch, numpy, OpenCV, Pillow and safetensors are imported.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models.training.command import FORESEEABLE, train_all
from models.training.request import PARTS, Request, settings_from


def parser() -> argparse.ArgumentParser:
    """The options; their names are those of `albumen train`."""
    made = argparse.ArgumentParser(prog="python -m models.training", description=__doc__)
    made.add_argument("recipe", choices=list(PARTS))
    made.add_argument("photographs", nargs="+", type=Path, help="folders of clean photographs")
    made.add_argument("--out", type=Path, required=True, help="checkpoints and weights")
    for name, what in (
        ("old", "folder of real old photographs"),
        ("textures", "folder of damage masks and papers"),
        ("held-out", "folder of photographs for the score"),
        ("splits", "CSV of folder, file, split"),
        ("start", "weights of another training to begin from"),
    ):
        made.add_argument(f"--{name}", type=Path, help=what)
    made.add_argument("--minutes", type=float, default=60.0)
    made.add_argument("--part", help="train this part alone")
    for name in ("steps", "width", "batch", "crop", "workers"):
        made.add_argument(f"--{name}", type=int)
    made.add_argument("--device", default="auto")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a keyword of the recipe"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; 0, or 2 after one line on standard error."""
    given = vars(parser().parse_args(arguments))
    pairs = given.pop("set")
    try:
        train_all(Request(**given, settings=settings_from(pairs)))
    except FORESEEABLE as error:
        print(f"albumen train: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
