"""The inventory: every scan of a source as a stream of records, and all that is not a scan.

Pixels are never decoded, files never opened. What is not an image is counted by extension.

Globs are matched against the path below SOURCE, `/` between folders, upper and lower case
being different:
- `*` and `?` stay within one folder, `**` stands for any number of folders, `[ab]` for one
  of the characters: `1920s/**/*.tif`.
- A pattern without `/` is matched against the file name in every folder: `*_verso.*`.
- A pattern that ends in `/` stands for everything below that folder: `restricted/`.
A scan is taken where one include glob matches (or there is none) and no exclude glob does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fsspec.utils import glob_translate

from tasks.errors import UsageError
from tasks.records import Scan
from tasks.storage import Listed, Location, list_files

IMAGE_EXTENSIONS = frozenset(
    [
        ".tif",
        ".tiff",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".png",
        ".webp",
        ".jp2",
        ".j2k",
        ".jpf",
        ".jpx",
        ".avif",
        ".heic",
        ".heif",
    ]
)
_APPLE_DOUBLE = "._* (AppleDouble)"
_EXAMPLES = 20


@dataclass(slots=True)
class Noted:
    """How many entries of a kind there were, and the first few with their reasons."""

    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def add(self, entry: Listed) -> None:
        """Count an entry."""
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append((entry.relative_path, entry.problem or ""))


class Inventory:
    """The scans of a source, and what was left out.

    The counts are of the last pass through `scans`, and complete when it has ended:
    `ignored` files that are no images, by extension in lower case; `excluded` images that the
    globs leave out; `not_followed` links to folders; `unreadable` folders that could not be
    listed.
    """

    def __init__(self, source: Location, wanted: Callable[[str], bool], is_whole: bool) -> None:
        self.source = source
        self.is_whole = is_whole
        """Whether no glob leaves scans out: only then can a missing scan have vanished."""
        self._wanted = wanted
        self._reset()

    def _reset(self) -> None:
        self.ignored: Counter[str] = Counter()
        self.excluded = 0
        self.not_followed = Noted()
        self.unreadable = Noted()

    def scans(self) -> Iterator[Scan]:
        """One pass over the source, in path order. Raises StorageError."""
        self._reset()
        for entry in list_files(self.source):
            if entry.kind == "folder link":
                self.not_followed.add(entry)
            elif entry.kind == "unreadable folder":
                self.unreadable.add(entry)
            elif ignored := _ignored_as(entry.relative_path):
                self.ignored[ignored] += 1
            elif not self._wanted(entry.relative_path):
                self.excluded += 1
            else:
                yield Scan(
                    entry.uri,
                    entry.relative_path,
                    entry.size,
                    entry.modified_us,
                    entry.etag,
                    entry.problem,
                )


def take_inventory(
    source: Location, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Inventory:
    """The inventory of a source, not yet begun. Raises UsageError for a glob that is none."""
    included, excluded = _matcher("--include", include), _matcher("--exclude", exclude)

    def wanted(path: str) -> bool:
        return (not include or included(path)) and not (exclude and excluded(path))

    return Inventory(source, wanted, is_whole=not include and not exclude)


def extension_of(path: str) -> str:
    """The extension of a path's name in lower case with its dot, or ""; `.tif` has none."""
    name = path.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot and stem.strip(".") else ""


def _ignored_as(path: str) -> str | None:
    """The heading under which a file that is no image is counted; None for an image."""
    extension = extension_of(path)
    if extension not in IMAGE_EXTENSIONS:
        return extension or "(none)"
    # macOS writes these beside files on foreign disks: metadata under an image's extension.
    return _APPLE_DOUBLE if path.rpartition("/")[2].startswith("._") else None


def _matcher(option: str, globs: Sequence[str]) -> Callable[[str], bool]:
    patterns = []
    for glob in globs:
        whole = glob.removeprefix("./").lstrip("/")
        if not whole:
            raise UsageError(f"{option} {glob!r} matches nothing.")
        if whole.endswith("/"):
            whole += "**"
        elif "/" not in whole:
            whole = f"**/{whole}"
        try:
            patterns.append(re.compile(glob_translate(whole)))
        except (ValueError, re.error) as error:
            raise UsageError(f"{option} {glob!r}: {error}.") from None
    return lambda path: any(pattern.match(path) for pattern in patterns)
