"""A small folder as untidy as real ones are, and its restoration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from cli import Cli, Finished
from PIL import Image
from small_collection import print_with_scratch, save, state_of

NAMES = (
    "plain.png",
    "Dust Bowl, 1935/with  spaces .png",
    "長崎/Fédèle.jpg",
    "line\nbreak.png",
    "-rf.png",
    "--include.png",
    "..x.png",
    ".../dots.png",
    "..%2F..%2Fescape.png",
    "percent%0Aname.png",
    "quote\"'<b>&.png",
    "ä" * 125 + "x.png",  # 255 bytes
    "\udcff not UTF-8.png",
    "\udcff nor this.jpg",
    "~home.png",
    "CON.png",
)


@dataclass
class Night:
    """A finished restoration."""

    source: Path
    destination: Path
    finished: Finished
    before: dict[str, tuple[Any, ...]] = field(repr=False)
    rows: pd.DataFrame = field(repr=False)

    def row(self, relative_path: str) -> Any:
        found = self.rows[self.rows.relative_path == relative_path]
        assert len(found) == 1
        return found.iloc[0]

    def outputs(self, relative_path: str, kind: str) -> list[Path]:
        outputs = self.row(relative_path).outputs
        return [self.destination / o["path"] for o in outputs if o["kind"] == kind]


def restore_untidy(top: Path, cli: Cli) -> Night:
    """Make the folder below `top` and restore it."""
    source, destination = top / "scans", top / "out"
    for number, name in enumerate(NAMES):
        save(source / name, number)
    pages = [print_with_scratch(seed).astype(np.uint16) * 257 for seed in (50, 51)]
    tifffile.imwrite(source / "album.tif", pages[0])
    tifffile.imwrite(source / "album.tif", pages[1], append=True)
    Image.new("L", (80, 60), 128).save(source / "blank.png")
    (source / "cut off.jpg").write_bytes(jpeg(source)[:900])
    (source / "letter.jpg").write_text("Dear Anna,")
    (source / "empty.tif").touch()
    (source / "notes.txt").write_text("not a photograph")
    (source / "Thumbs.db").write_bytes(b"\0")
    (top / "elsewhere.png").write_bytes((source / "plain.png").read_bytes())
    (source / "link out.png").symlink_to(top / "elsewhere.png")
    for path in [source, *source.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    before = state_of(source)
    finished = cli.run("restore", source, destination, "--partition-scans", 8)
    rows = pd.read_parquet(str(destination) + "/manifest.parquet")
    return Night(source, destination, finished, before, rows)


def jpeg(folder: Path) -> bytes:
    return (folder / "長崎/Fédèle.jpg").read_bytes()
