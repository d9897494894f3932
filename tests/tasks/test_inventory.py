import os
from pathlib import Path

import pytest
from nights import scans_in

from tasks.errors import UsageError
from tasks.inventory import IMAGE_EXTENSIONS, extension_of, take_inventory
from tasks.storage import Location


def paths(folder: Path, **globs: tuple[str, ...]) -> list[str]:
    inventory = take_inventory(Location.parse(str(folder)), **globs)
    return [scan.relative_path for scan in inventory.scans()]


def test_scans_and_what_is_none(tmp_path: Path) -> None:
    scans_in(tmp_path, [f"image{extension}" for extension in IMAGE_EXTENSIONS])
    scans_in(tmp_path, ["box/A.TIFF", "box/B.Jpg", ".hidden.png"])
    scans_in(tmp_path, ["notes.TXT", "box/notes.txt", "README", ".DS_Store", "a.tif.bak", ".tif"])
    scans_in(tmp_path, ["._image.tif", "box/._A.TIFF", "._notes.txt"])
    inventory = take_inventory(Location.parse(str(tmp_path)))
    scans = list(inventory.scans())
    assert len(scans) == len(IMAGE_EXTENSIONS) + 3
    assert inventory.ignored == {
        ".txt": 3,
        "(none)": 3,
        ".bak": 1,
        "._* (AppleDouble)": 2,
    }
    by_path = {scan.relative_path: scan for scan in scans}
    scan = by_path["box/A.TIFF"]
    found = (tmp_path / "box/A.TIFF").stat()
    assert (scan.size, scan.modified_us) == (found.st_size, found.st_mtime_ns // 1000)
    assert scan.uri == str(tmp_path / "box/A.TIFF") and scan.etag is None and not scan.problem


def test_counts_are_of_the_last_pass(tmp_path: Path) -> None:
    scans_in(tmp_path, ["a.tif", "b.txt"])
    inventory = take_inventory(Location.parse(str(tmp_path)))
    for _ in range(2):
        assert len(list(inventory.scans())) == 1
    assert inventory.ignored == {".txt": 1}


def test_links_are_reported(tmp_path: Path) -> None:
    root = tmp_path / "root"
    scans_in(root, ["a.tif"])
    scans_in(tmp_path, ["outside/b.tif"])
    (root / "dangling.tif").symlink_to("none.tif")
    (root / "out.tif").symlink_to("../outside/b.tif")
    (root / "folder.tif").symlink_to("../outside")
    os.mkfifo(root / "pipe.jpg")
    inventory = take_inventory(Location.parse(str(root)))
    problems = {scan.relative_path: scan.problem for scan in inventory.scans()}
    assert problems.pop("a.tif") is None
    assert set(problems) == {"dangling.tif", "out.tif", "pipe.jpg"} and all(problems.values())
    assert inventory.not_followed.count == 1
    assert inventory.not_followed.examples[0][0] == "folder.tif"


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (("*.tif",), {"a.tif", "1920s/b.tif", "1920s/box 1/c.tif"}),
        (("1920s/*.tif",), {"1920s/b.tif"}),
        (("1920s/**/*.tif",), {"1920s/b.tif", "1920s/box 1/c.tif"}),
        (("1920s/",), {"1920s/b.tif", "1920s/box 1/c.tif", "1920s/box 1/d.jpg"}),
        (("./1920s/**",), {"1920s/b.tif", "1920s/box 1/c.tif", "1920s/box 1/d.jpg"}),
        (("**/box ?/[cd].*",), {"1920s/box 1/c.tif", "1920s/box 1/d.jpg"}),
        (("a.tif", "*.jpg"), {"a.tif", "1920s/box 1/d.jpg"}),
        (("A.TIF",), set()),
        (("*",), {"a.tif", "1920s/b.tif", "1920s/box 1/c.tif", "1920s/box 1/d.jpg"}),
        (("new*line.tif",), set()),
    ],
)
def test_include(tmp_path: Path, include: tuple[str, ...], expected: set[str]) -> None:
    scans_in(tmp_path, ["a.tif", "1920s/b.tif", "1920s/box 1/c.tif", "1920s/box 1/d.jpg"])
    assert set(paths(tmp_path, include=include)) == expected
    everything = set(paths(tmp_path))
    assert set(paths(tmp_path, exclude=include)) == everything - expected


def test_exclude_wins_and_is_counted(tmp_path: Path) -> None:
    scans_in(tmp_path, ["a.tif", "restricted/b.tif", "restricted/c.txt"])
    inventory = take_inventory(
        Location.parse(str(tmp_path)), include=["*.tif"], exclude=["restricted/"]
    )
    assert [scan.relative_path for scan in inventory.scans()] == ["a.tif"]
    assert inventory.excluded == 1 and inventory.ignored == {".txt": 1}
    assert not inventory.is_whole


def test_globs_match_any_character_in_a_name(tmp_path: Path) -> None:
    scans_in(tmp_path, ["new\nline.tif", "box\n/写真.tif"])
    assert paths(tmp_path, include=("new*line.tif",)) == ["new\nline.tif"]
    assert paths(tmp_path, include=("**/写?.tif",)) == ["box\n/写真.tif"]


@pytest.mark.parametrize("glob", ["", "a**/b", "/"])
def test_bad_globs(tmp_path: Path, glob: str) -> None:
    with pytest.raises(UsageError, match="--exclude"):
        take_inventory(Location.parse(str(tmp_path)), exclude=[glob])


def test_extension_of() -> None:
    assert extension_of("a.b/c") == ""
    assert extension_of("a/.tif") == ""
    assert extension_of("a/..tif") == ""
    assert extension_of("a/b.c.TIF") == ".tif"
