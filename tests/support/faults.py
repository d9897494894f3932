"""A collection under faults: what it holds, what is done to it, and what is left, by counting."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from cli import LIGHT
from fault_command import Command
from PIL import Image

Note = Callable[..., None]
"""Adds a line to the table of faults: a value for each of its headings."""

_COMPLETE = {"restored": {"restored": 1, "preview": 2}, "unchanged": {"restored": 1, "preview": 1}}
_FOLDERS = ("restored", "colorized", "masks", "uncertainty", "previews")


def collection(folder: Path, count: int) -> list[str]:
    """Small scans in nested folders: JPEG, colour PNG and 16-bit TIFF in turn, each with a
    scratch, except for every fifth, which is `clean`."""
    names = []
    for number in range(count):
        suffix = ("jpg", "png", "tif")[number % 3]
        kind = "clean" if number % 5 == 4 else "scan"
        name = f"box {number % 4}/{kind} {number:03}.{suffix}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        y, x = np.mgrid[0:180, 0:240]
        grain = np.random.default_rng(number).normal(0, 3, y.shape)
        pixels = (110 + 60 * np.sin(x / 29) * np.cos(y / 31) + grain).astype(np.uint8)
        if kind == "scan":
            pixels[y[:, 0], 20 + number % 150 + y[:, 0] // 5] = 250
        if suffix == "tif":
            tifffile.imwrite(path, pixels.astype(np.uint16) << 8, photometric="minisblack")
        elif suffix == "png":
            Image.fromarray(np.dstack([pixels, pixels - 20, pixels - 40])).save(path)
        else:
            Image.fromarray(pixels).save(path, quality=95)
        names.append(name)
    return names


def digest_of_tree(folder: Path) -> str:
    """Names, contents, times and permissions of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found = path.lstat()
        digest.update(repr((str(path), found.st_size, found.st_mtime_ns, found.st_mode)).encode())
        if path.is_file() and not path.is_symlink():
            digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass
class Collection:
    """A source, a destination, and the control folder of the saboteur, below one folder."""

    base: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.source, self.destination, self.control):
            folder.mkdir(parents=True, exist_ok=True)
        self.sabotage()

    @property
    def source(self) -> Path:
        return self.base / "scans"

    @property
    def destination(self) -> Path:
        return self.base / "out"

    @property
    def control(self) -> Path:
        return self.base / "control"

    @property
    def places(self) -> tuple[object, object]:
        """Source and destination as the command is given them."""
        return self.source, self.destination

    def sabotage(self, *rules: dict[str, Any]) -> None:
        """The faults from now on; see `sabotage/saboteur.py`."""
        for name in ("paused-*", "calls-*", "released"):
            for left in self.control.glob(name):
                left.unlink()
        (self.control / "rules.json").write_text(json.dumps(rules))

    def release(self) -> None:
        """Let go of what a rule holds."""
        (self.control / "released").touch()

    @contextmanager
    def restoring(
        self, *options: str, light: Sequence[str] = LIGHT, **environment: str
    ) -> Iterator[Command]:
        """`albumen restore` under way. Whatever is left of it is killed at the end."""
        command = Command(
            self.base,
            self.control,
            (*self.places, *options),
            {**self.environment, **environment},
            light=light,
        )
        try:
            yield command
        finally:
            command.clear()

    def restore(
        self,
        *options: str,
        seconds: float = 180,
        light: Sequence[str] = LIGHT,
        **environment: str,
    ) -> Command:
        """`albumen restore` to its end."""
        with self.restoring(*options, light=light, **environment) as command:
            command.wait(seconds)
        return command

    def digest_of_source(self) -> str:
        """Changes when anything of the source does."""
        return digest_of_tree(self.source)

    # -- what came of it

    def calls(self, point: str) -> list[tuple[float, Any]]:
        """Time and argument of the calls of a point that returned, by all runs so far."""
        log = self.control / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        split = [line.split("\t", 3) for line in lines]
        return [(float(t), json.loads(text)) for t, _, at, text in split if at == point]

    def written(self) -> Counter[str]:
        """How often the restored derivative of each scan was written."""
        paths = [path for _, path in self.calls("tasks.storage.put_file")]
        return Counter(path for path in paths if path.startswith("restored/"))

    def repeated(self) -> int:
        """Scans whose restored derivative was written more than once, counted as often."""
        return sum(count - 1 for count in self.written().values())

    def rows(self) -> pd.DataFrame:
        """The current rows, as a user reads them."""
        return pd.read_parquet(self.destination / "manifest.parquet")

    def assert_whole(self, statuses: dict[str, str] | None = None) -> None:
        """Every scan has one current row and all of its derivatives as the row says; nothing
        else lies about. `statuses` are those of scans that are not restored."""
        rows = self.rows()
        scans = {
            str(path.relative_to(self.source))
            for path in self.source.rglob("*")
            if path.is_file() or path.is_symlink()
        }
        assert not rows.duplicated(["relative_path", "page"]).any()
        assert set(rows["relative_path"]) == scans
        expected = {scan: "unchanged" if "clean" in scan else "restored" for scan in scans}
        expected |= statuses or {}
        assert dict(zip(rows["relative_path"], rows["status"], strict=True)) == expected
        named = set()
        for outputs in rows["outputs"]:
            for output in outputs:
                data = (self.destination / output["path"]).read_bytes()
                assert hashlib.sha256(data).hexdigest() == output["sha256"], output["path"]
                named.add(output["path"])
        for row in rows.itertuples():
            kinds = Counter(output["kind"] for output in row.outputs)
            complete = Counter(_COMPLETE.get(row.status, {}))
            if complete and row.colorized:
                complete.update(("colorized", "preview"))
            assert kinds == complete, row.relative_path
        assert named == self.files()
        assert self.unfinished() == []
        assert not (self.destination / ".albumen/lease").exists()

    def files(self) -> set[str]:
        """Everything that lies among the derivatives."""
        found = (path for folder in _FOLDERS for path in (self.destination / folder).rglob("*"))
        return {str(path.relative_to(self.destination)) for path in found if path.is_file()}

    def unfinished(self) -> list[Path]:
        """Temporary files that interrupted writes left."""
        return [p for p in (self.destination / ".albumen/tmp").rglob("*") if p.is_file()]
