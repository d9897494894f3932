"""The whole command in a process of its own, killed and counted: what fault tests share."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import tifffile
from PIL import Image

SUPPORT = Path(__file__).resolve().parent
_MARK = "ALBUMEN_FAULT_TEST"
_COMPLETE = {"restored": {"restored": 1, "preview": 2}, "unchanged": {"restored": 1, "preview": 1}}
_FOLDERS = ("restored", "colorized", "masks", "previews")


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
            pixels[y[:, 0], 20 + number + y[:, 0] // 5] = 250
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
    rules: list[dict[str, Any]] = field(default_factory=list)

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

    def sabotage(self, *rules: dict[str, Any]) -> None:
        """The faults from now on; see `sabotage/saboteur.py`."""
        for left in [*self.control.glob("paused-*"), *self.control.glob("calls-*")]:
            left.unlink()
        (self.control / "rules.json").write_text(json.dumps(rules))

    @contextmanager
    def restoring(self, *options: str, **environment: str) -> Iterator[Command]:
        """`albumen restore` under way. Whatever is left of it is killed at the end."""
        command = Command(self, options, environment)
        try:
            yield command
        finally:
            command.clear()

    def restore(self, *options: str, seconds: float = 180, **environment: str) -> Command:
        """`albumen restore` to its end."""
        with self.restoring(*options, **environment) as command:
            command.wait(seconds)
        return command

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
            assert kinds == _COMPLETE.get(row.status, {}), row.relative_path
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


class Command:
    """`albumen restore` as a process, with all that it started, known by their environment."""

    def __init__(
        self, place: Collection, options: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        self._mark = secrets.token_hex(8)
        self._control = place.control
        folders = [str(SUPPORT / "sabotage"), str(SUPPORT), os.environ.get("PYTHONPATH", "")]
        inherited = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, folders)),
            "ALBUMEN_SABOTAGE": str(place.control),
            _MARK: self._mark,
        }
        self._errors = (place.base / f"stderr-{self._mark}").open("w+")
        self._output = (place.base / f"stdout-{self._mark}").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "restore"]
            + [str(place.source), str(place.destination), "--object-store", "200MB", *options],
            env=inherited | environment,
            cwd=place.base,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            start_new_session=True,
        )

    @property
    def code(self) -> int | None:
        """The exit code, once it has ended."""
        return self.process.returncode

    @property
    def errors(self) -> str:
        """What it wrote to standard error so far."""
        return Path(self._errors.name).read_text()

    @property
    def output(self) -> str:
        """What it wrote to standard output so far."""
        return Path(self._output.name).read_text()

    def wait(self, seconds: float = 180) -> int:
        """Its exit code; fails the test when it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s:\n{self.errors}") from None

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Wait for something to happen while it runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.process.poll()
            assert ended is None, f"ended with {ended} before {what}:\n{self.errors}"
            assert time.monotonic() < deadline, f"no {what} within {seconds:g} s:\n{self.errors}"
            time.sleep(0.02)

    def until_paused(self, rule: int = 0) -> None:
        """Wait until the saboteur holds a process at a point."""
        marker = self._control / f"paused-{rule}"
        self.until(marker.exists, f"pause at rule {rule}")

    def kill(self) -> None:
        """End the driver alone, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def family(self, title: str = "") -> list[psutil.Process]:
        """The processes it started that live, wherever they belong now; those with `title` in
        their command line."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    process.environ().get(_MARK) == self._mark
                    and process.status() != psutil.STATUS_ZOMBIE
                    and title in " ".join(process.cmdline())
                ):
                    found.append(process)
        return found

    def outliving(self, seconds: float) -> list[str]:
        """What is left of it that long after its end."""
        deadline = time.monotonic() + seconds
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.2)
        names = []
        for process in left:
            with suppress(psutil.Error):
                names.append(" ".join(process.cmdline())[:120])
        return names

    def clear(self) -> None:
        """Kill whatever is left of it."""
        for process in self.family():
            with suppress(psutil.Error):
                process.kill()
        self.process.wait()
        self._errors.close()
        self._output.close()


def victims(command: Command, kind: str) -> list[psutil.Process]:
    """Processes of a running command by what they are; Ray names its workers by their task."""
    titles = {
        "stage actor": ("ray::StageActor",),
        "io worker": ("ray::_probe", "ray::_read", "ray::_look", "ray::_write"),
        "runner": ("ray::run_partition",),
        "raylet": ("raylet/raylet",),
        "gcs": ("gcs/gcs_server",),
        "prefect server": ("prefect.server.api.server:create_app",),
        "tally": ("ray::Tally",),
    }
    return [process for title in titles[kind] for process in command.family(title)]
