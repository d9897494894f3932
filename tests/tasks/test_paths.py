import itertools

import pytest

from tasks.paths import DERIVATIVE_FOLDERS, derivative_path, without_extension
from tasks.records import DerivativeKind

HOSTILE = [
    "a.jpg",
    "../a.jpg",
    "../../etc/passwd.jpg",
    "./a.jpg",
    "/a.jpg",
    "a//b.jpg",
    "a/../b.jpg",
    "a/%2E%2E/b.jpg",
    "a/%252E%252E/b.jpg",
    "a/%/b.jpg",
    "a/%25/b.jpg",
    "nul\0.jpg",
    "nul%00.jpg",
    "nul%2500.jpg",
    "line\nfeed.jpg",
    "line%0Afeed.jpg",
    "100% sure.jpg",
    "a%20b.jpg",
    "-rf.jpg",
    " lead and trail .jpg",
    "ünïcödé/写真.tif",
    "x" * 251 + ".jpg",
    "x" * 252 + ".jpg",
    "x" * 300 + ".jpg",
    "x" * 300 + ".jpeg",
    "é" * 130 + ".jpg",
    "f" * 250 + "/" + "g" * 250 + "/" + "h" * 250 + "/" + "i" * 250 + "/a.jpg",
    "f" * 250 + "/" + "g" * 250 + "/" + "h" * 250 + "/" + "j" * 250 + "/a.jpg",
    "a.jpg.before",
    "a.jpg.colorized",
    "a.jpg.page1",
    "a.jpg.page1.before",
    "a%2Ejpg%2Ebefore%25",
    "a.jpg.jpg",
    "restored/a.jpg",
]


def everything(relative_path: str) -> list[str]:
    companions = [
        derivative_path("preview", relative_path, page, variant)
        for page in (0, 1, 12)
        for variant in (None, "before", "colorized")
    ]
    kinds: tuple[DerivativeKind, ...] = ("mask", "uncertainty")
    masks = [derivative_path(kind, relative_path, page) for kind in kinds for page in (0, 1)]
    pictures = [
        derivative_path("restored", relative_path),
        derivative_path("colorized", relative_path),
    ]
    return companions + masks + pictures


def test_layout() -> None:
    assert derivative_path("restored", "a/b c.tif") == "restored/a/b c.tif"
    assert derivative_path("colorized", "a/b c.tif") == "colorized/a/b c.tif"
    assert derivative_path("restored", "a.v2/b.tif", extension=".png") == "restored/a.v2/b.png"
    assert derivative_path("mask", "a/b.tif") == "masks/a/b.tif.png"
    assert derivative_path("preview", "a/b.tif") == "previews/a/b.tif.jpg"
    assert derivative_path("preview", "b.tif", variant="before") == "previews/b.tif.before.jpg"
    assert derivative_path("preview", "b.tif", page=2) == "previews/b.tif.page2.jpg"
    assert (
        derivative_path("preview", "b.tif", page=2, variant="colorized")
        == "previews/b.tif.page2.colorized.jpg"
    )


@pytest.mark.parametrize("relative_path", HOSTILE)
def test_every_path_is_safe(relative_path: str) -> None:
    for path in everything(relative_path):
        segments = path.split("/")
        assert segments[0] in DERIVATIVE_FOLDERS
        assert not {"", ".", ".."} & set(segments)
        assert all(len(segment.encode()) <= 255 for segment in segments)
        assert len(path.encode()) <= 900
        assert not any(character < " " or character == "\x7f" for character in path)


def test_no_two_scans_share_a_path() -> None:
    paths = list(itertools.chain.from_iterable(map(everything, HOSTILE)))
    assert len(set(paths)) == len(paths)


def test_shortened_names_do_not_meet_names_that_look_like_them() -> None:
    long_name = "x" * 300 + ".jpg"
    shortened = derivative_path("restored", long_name).removeprefix("restored/")
    assert shortened.endswith(".jpg")
    assert derivative_path("restored", shortened) != derivative_path("restored", long_name)
    deep = "/".join(["folder" * 40] * 5) + "/a.jpg"
    shortened = derivative_path("restored", deep).removeprefix("restored/")
    assert derivative_path("restored", shortened) != derivative_path("restored", deep)


def test_common_names_are_kept() -> None:
    for name in (
        "100% sure.jpg",
        "a%20b.jpg",
        "-rf.jpg",
        "..a.jpg",
        "a..jpg",
        "写真/é ü.tif",
        "~/x.tif",
    ):
        assert derivative_path("restored", name) == f"restored/{name}"


def test_without_extension() -> None:
    assert without_extension("a.b/c") == "a.b/c"
    assert without_extension("a/.tif") == "a/.tif"
    assert without_extension("a/b.tar.gz") == "a/b.tar"


def test_pages_belong_to_previews_and_masks_only() -> None:
    with pytest.raises(ValueError, match="no pages"):
        derivative_path("restored", "a.tif", page=1)
    with pytest.raises(ValueError, match="unknown variant"):
        derivative_path("preview", "a.tif", variant="../../x")
