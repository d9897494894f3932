"""A collection of a million TIFFs that exists in its listing alone, and its manifest.

Three derivatives a scan lie at the destination, as a first night writes them: restored, and
its preview and that of the source. `Kind` says where: in a listing made up in the same process,
on S3 (see `listing_server.py`) or as files on a disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from fsspec.spec import AbstractFileSystem

from tasks.manifest import SCHEMA
from tasks.paths import derivative_path
from tasks.recipe import Recipe
from tasks.storage import Listed

FOLDER = 1000
TIME = 1_700_000_000
_LINKS = 10_000  # scans whose four files each are one file's names; ext4 allows 65,000


def size_of(number: int) -> int:
    """Bytes of an object: 5 to 105 MB, unevenly."""
    return 5_000_000 + number * 7919 % 100_000_000


def path_of(number: int) -> str:
    """The relative path of an object."""
    return f"box {number // FOLDER:05d}/scan {number:08d}.tif"


def derivatives_of(number: int) -> list[tuple[str, str]]:
    """Kind and path of what was written for a scan; both previews in the order of their keys."""
    path = path_of(number)
    preview = derivative_path("preview", path)
    return [
        ("restored", derivative_path("restored", path)),
        ("preview", preview.removesuffix(".jpg") + ".before.jpg"),
        ("preview", preview),
    ]


class Synthetic(AbstractFileSystem):  # type: ignore[misc]
    """The collection as an fsspec file system that only lists."""

    protocol = "synthetic"
    objects = 1_000_000

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The folders of the collection, or the files of a folder."""
        name = self._strip_protocol(path).strip("/")
        if name == "collection":
            folders = range(0, self.objects, FOLDER)
            entries = [
                {"name": f"collection/box {first // FOLDER:05d}", "size": 0, "type": "directory"}
                for first in folders
            ]
        else:
            first = int(name.rpartition(" ")[2]) * FOLDER
            entries = [
                {
                    "name": f"{name}/scan {number:08d}.tif",
                    "size": size_of(number),
                    "type": "file",
                    "mtime": TIME + number,
                    "ETag": f"{number:032x}",
                }
                for number in range(first, min(first + FOLDER, self.objects))
            ]
        return entries if detail else [entry["name"] for entry in entries]


@dataclass(frozen=True, slots=True)
class Kind:
    """How storage lists the file with a number: bytes, seconds since the epoch, etag."""

    name: str

    def state(self, number: int) -> tuple[int, int, str | None]:
        """A scan's."""
        if self.name == "disk":
            return 1 + number // _LINKS, TIME + number // _LINKS, None
        return size_of(number), TIME + number, f"{number:032x}"

    def derivative_state(self, number: int) -> tuple[int, int, str | None]:
        """A derivative's."""
        if self.name == "disk":
            return self.state(number)
        return 1000 + number, TIME + number, f"{number:032x}"


def derivatives(objects: int) -> Iterator[Listed]:
    """The listing of the derivatives, made up here."""
    kind = Kind("listing")
    for number in range(objects):
        size, seconds, etag = kind.derivative_state(number)
        for _, path in derivatives_of(number):
            yield Listed(path, size, seconds * 1_000_000, etag)


def rows(kind: Kind, first: int, end: int, recipe: Recipe) -> pa.Table:
    """Rows of scans as the lanes would have written them, columns that planning reads only."""
    return pa.Table.from_pylist([_row(kind, n, recipe) for n in range(first, end)], SCHEMA)


def _row(kind: Kind, number: int, recipe: Recipe) -> dict[str, Any]:
    size, seconds, etag = kind.state(number)
    made = kind.derivative_state(number)
    return {
        "relative_path": path_of(number),
        "source_uri": f"synthetic://collection/{path_of(number)}",
        "page": 0,
        "recipe": recipe.digest,
        "requested": recipe.requested_json,
        "settings": recipe.settings_json,
        "source_sha256": f"{number:064x}",
        "source_bytes": size,
        "source_modified": seconds * 1_000_000,
        "source_etag": etag,
        "status": "restored",
        "seconds_damage": 2.0,
        "outputs": [
            {
                "kind": what,
                "path": path,
                "sha256": f"{number:064x}",
                "bytes": made[0],
                "etag": made[2],
                "modified": made[1] * 1_000_000,
            }
            for what, path in derivatives_of(number)
        ],
    }


def files(scans: Path, destination: Path, objects: int) -> None:
    """The collection and its derivatives as real files: many names of a few of them."""
    inode = scans.parent
    for number in range(objects):
        path = path_of(number)
        if number % _LINKS == 0:
            size, seconds, _ = Kind("disk").state(number)
            inode = scans.parent / f"inode {number // _LINKS}"
            inode.write_bytes(bytes(size))
            os.utime(inode, (seconds, seconds))
        names = [scans / path, *(destination / made for _, made in derivatives_of(number))]
        for name in names:
            if number % FOLDER == 0:
                name.parent.mkdir(parents=True, exist_ok=True)
            os.link(inode, name)
