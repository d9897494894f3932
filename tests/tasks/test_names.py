from pathlib import Path

from nights import night, plan_of, scans_in

from tasks.names import own_or_new_extension
from tasks.recipe import Recipe
from tasks.storage import Location

PNG = Recipe(format="png", requested={"format": "png"})


def places(tmp_path: Path) -> tuple[Location, Location]:
    return Location.parse(str(tmp_path / "in")), Location.parse(str(tmp_path / "out"))


def names(tmp_path: Path, recipe: Recipe = PNG) -> dict[str, str]:
    source, destination = places(tmp_path)
    return {
        job.scan.relative_path: job.restored_path
        for part in plan_of(source, destination, recipe).partitions()
        for job in part.jobs
    }


def test_extensions() -> None:
    assert own_or_new_extension("a/b.TIFF", "tiff") is None
    assert own_or_new_extension("a/b.jpe", "jpeg") is None
    assert own_or_new_extension("a/b.jpg", "png") == ".png"
    assert own_or_new_extension("a/b.jpg", "source") is None
    assert own_or_new_extension("a/b.j2k", "jp2") == ".jp2"
    assert own_or_new_extension("a/b.HEIC", "source") == ".avif"


def test_source_format_mirrors_names(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["a.jpg", "a.tif", "a.JPG", "box/a.jpg"])
    assert names(tmp_path, Recipe()) == {
        "a.jpg": "restored/a.jpg",
        "a.tif": "restored/a.tif",
        "a.JPG": "restored/a.JPG",
        "box/a.jpg": "restored/box/a.jpg",
    }


def test_the_extension_follows_the_format(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["a.jpg", "b.v2.tif", "c.png", "d.PNG"])
    made = names(tmp_path)
    assert made == {
        "a.jpg": "restored/a.png",
        "b.v2.tif": "restored/b.v2.png",
        "c.png": "restored/c.png",
        "d.PNG": "restored/d.PNG",
    }


def test_colorized_lies_beside_under_the_same_name(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["box/a.jpg"])
    (part,) = plan_of(*places(tmp_path), PNG).partitions()
    assert part.jobs[0].colorized_path == "colorized/box/a.png"


def test_collisions_keep_the_extension_inside(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["a.jpg", "a.tif", "b.jpg", "b.png", "c.jpg"])
    assert names(tmp_path) == {
        "a.jpg": "restored/a.jpg.png",
        "a.tif": "restored/a.tif.png",
        "b.jpg": "restored/b.jpg.png",
        "b.png": "restored/b.png",
        "c.jpg": "restored/c.png",
    }


def test_names_that_are_already_like_that(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["a.jpg", "a.png", "a.jpg.png", "a.jpg.tif", "a.png.png"])
    made = names(tmp_path)
    assert len(set(made.values())) == 5
    assert made["a.png"] == "restored/a.png" and made["a.jpg.png"] == "restored/a.jpg.png"


def test_a_name_made_for_one_is_not_the_first_choice_of_another(tmp_path: Path) -> None:
    scans_in(tmp_path / "in", ["a.jpg", "a.tif", "a.jpg.tif"])
    made = names(tmp_path)
    assert len(set(made.values())) == 3
    assert made["a.jpg.tif"] == "restored/a.jpg.png" and made["a.tif"] == "restored/a.tif.png"
    assert made["a.jpg"].startswith("restored/a.jpg.") and made["a.jpg"].endswith(".png")


def test_names_stay_from_night_to_night(tmp_path: Path) -> None:
    source, destination = places(tmp_path)
    scans_in(tmp_path / "in", ["a.jpg"])
    night(source, destination, PNG)
    assert (tmp_path / "out/restored/a.png").exists()
    scans_in(tmp_path / "in", ["a.tif", "a.png"])
    assert names(tmp_path) == {"a.tif": "restored/a.tif.png", "a.png": "restored/a.png.png"}
    night(source, destination, PNG)
    scans_in(tmp_path / "in", ["a.jpg", "a.tif", "a.png"], b"changed")
    assert names(tmp_path) == {
        "a.jpg": "restored/a.png",
        "a.png": "restored/a.png.png",
        "a.tif": "restored/a.tif.png",
    }
    (tmp_path / "in/a.tif").unlink()
    assert names(tmp_path)["a.jpg"] == "restored/a.png"


def test_another_format_gives_new_names(tmp_path: Path) -> None:
    source, destination = places(tmp_path)
    scans_in(tmp_path / "in", ["a.jpg", "b.tif"])
    night(source, destination, PNG)
    webp = Recipe(format="webp", requested={"format": "webp"})
    assert names(tmp_path, webp) == {"a.jpg": "restored/a.webp", "b.tif": "restored/b.webp"}


def test_a_vanished_scan_keeps_its_derivative(tmp_path: Path) -> None:
    source, destination = places(tmp_path)
    scans_in(tmp_path / "in", ["a.jpg"])
    night(source, destination, PNG)
    (tmp_path / "in/a.jpg").unlink()
    scans_in(tmp_path / "in", ["a.tif"])
    assert names(tmp_path) == {"a.tif": "restored/a.tif.png"}
