"""The colorized derivative: beside the restored one, of every kind of scan, and known to all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from lane_setup import crew_of, order_for, rows_by_path, run
from nights import plan_of
from painted_scenes import SEPIA, in_color, landscape, rgb, sixteen, toned
from PIL import Image
from tiny_colors import stage

from cluster.derivatives import Sheet, write_all
from cluster.journey import Journey
from models.contract import Rectangle, StageInput, StageResult
from models.look import look
from tasks import images, storage
from tasks.checksum import sha256_of
from tasks.metadata import INVENTED
from tasks.partition import Job
from tasks.profiles import srgb_profile
from tasks.recipe import Recipe
from tasks.records import Derivative, Header, Photograph, Scan
from tasks.storage import Location
from tasks.verify import verify
from tasks.xmp import Packet

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
LUMA = np.array((0.299, 0.587, 0.114))
RECIPE = Recipe(
    stages=("color",), color_revision="by-level/1", color_weights={"by_level": "0" * 64}
)
GREY = landscape(160, 220)


@dataclass
class Written:
    """What came of one scan."""

    columns: list[dict[str, Any]]
    outputs: list[Derivative]
    destination: Path
    source: Path

    def paths(self, kind: str) -> list[Path]:
        return [self.destination / output.path for output in self.outputs if output.kind == kind]

    def picture(self, kind: str, page: int = 0) -> Photograph:
        (path,) = self.paths(kind)
        return images.read_page(path, page, "")


def written(path: Path, repair: bool = False, **words: Any) -> Written:
    """The scan at `path` through the colour stage and the writer; with `repair` a corner of it
    was restored before."""
    checksum = sha256_of(path)
    with path.open("rb") as file:
        header = images.probe(file, path.name)
    sheets, columns = [], []
    for number in range(header.page_count):
        photograph = images.read_page(path, number, checksum)
        results = {}
        if repair:
            corner = np.bitwise_not(photograph.working[20:40, 20:40])
            change = Rectangle(20, 20, corner, np.ones(corner.shape[:2], bool))
            results["damage"] = StageResult((change,))
        changes = results["damage"].rectangles if repair else ()
        item = StageInput(photograph.working, look(photograph.working, False), changes)
        (results["color"],) = stage(**words)([item])
        columns.append(dict(results["color"].metrics))
        sheets.append(Sheet(partial(images.read_page, path, number, checksum), results))
    destination = path.parent / "out"
    stages = ("damage", "color") if repair else ("color",)
    recipe = Recipe(stages=stages, color_revision="by-level/1", damage_model="classical")
    scan = Scan(str(path), path.name, path.stat().st_size, 0, None)
    job = Job(scan, recipe, f"restored/{path.name}")
    decoded = header.page_count * header.decoded_bytes
    rows, outputs = write_all(
        job, lambda: path, Location.parse(str(destination)), sheets, checksum, decoded
    )
    told = [{**metrics, **row} for metrics, row in zip(columns, rows, strict=True)]
    return Written(told, outputs, destination, path)


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage of these tests has no row in the table of weights."""

    def told(stage: str, _options: Any) -> tuple[str, dict[str, str]]:
        return f"{stage}/1", {"by_level": "0" * 64} if stage == "color" else {}

    monkeypatch.setattr("cluster.derivatives.described", told)


def save_grey(path: Path) -> None:
    tifffile.imwrite(path, sixteen(GREY), photometric="minisblack", metadata=None)


def save_grey_with_alpha(path: Path) -> None:
    Image.fromarray(np.dstack([GREY, np.full_like(GREY, 200)]), "LA").save(path)


def save_indexed(path: Path) -> None:
    image = Image.fromarray(GREY, "P")
    image.putpalette([level for level in range(256) for _ in range(3)])
    image.save(path)


def save_cmyk(path: Path) -> None:
    black = 255 - GREY
    sheet = np.dstack([np.zeros((*GREY.shape, 3), np.uint8), black])
    tifffile.imwrite(path, sheet, photometric="separated", metadata=None)


def save_sepia(path: Path) -> None:
    Image.fromarray(toned(GREY, *SEPIA)).save(path)


def save_jpeg(path: Path) -> None:
    Image.fromarray(GREY).save(path, quality=95)


SCANS: dict[str, Callable[[Path], None]] = {
    "grey16.tif": save_grey,
    "alpha.png": save_grey_with_alpha,
    "indexed.png": save_indexed,
    "cmyk.tif": save_cmyk,
    "sepia.png": save_sepia,
    "grey.jpg": save_jpeg,
}


@pytest.mark.parametrize("name", SCANS)
def test_it_lies_beside_the_restored_one_in_rgb(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    SCANS[name](path)
    made = written(path)
    assert [row["status"] for row in made.columns] == ["unchanged"]
    assert made.columns[0]["colorized"] is True
    (restored,) = made.paths("restored")
    assert restored.read_bytes() == path.read_bytes()
    assert made.paths("colorized") == [made.destination / "colorized" / name]
    source, colored = images.read_page(path, 0, ""), made.picture("colorized")
    assert colored.samples.shape == (*GREY.shape, 3)
    assert colored.samples.dtype == source.samples.dtype
    apart = np.abs(colored.working @ LUMA - _luma(source.working))
    assert apart.max() < 0.35 if name != "grey.jpg" else apart.mean() < 3
    assert np.ptp(colored.samples.astype(int), axis=2).mean() > 3
    if source.samples.ndim == 2 or name == "cmyk.tif":
        assert colored.embedded.icc == srgb_profile()
    if source.alpha is not None:
        assert np.array_equal(colored.alpha, source.alpha)
    previews = {preview.name for preview in made.paths("preview")}
    assert previews == {f"{name}.jpg", f"{name}.colorized.jpg"}
    with Image.open(made.destination / f"previews/{name}.colorized.jpg") as preview:
        assert preview.mode == "RGB" and preview.size == GREY.shape[::-1]


def _luma(working: Any) -> Any:
    return working @ LUMA if working.ndim == 3 else working.astype(float)


@pytest.mark.parametrize("name", ["grey16.tif", "sepia.png", "grey.jpg"])
def test_it_says_of_itself_that_its_colours_are_invented(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    SCANS[name](path)
    made = written(path, repair=True)
    assert made.columns[0]["status"] == "restored"
    packet = made.picture("colorized").embedded.xmp
    restored = made.picture("restored").embedded.xmp
    assert packet is not None and restored is not None
    text = packet.decode()
    assert text.count(INVENTED.rstrip(".")) == 2  # in its description, and in its history
    assert "damage damage/1; color color/1 (by_level sha256:" in text
    assert Packet(packet).get("Iptc4xmpExt", "DigitalSourceType") == COMPOSITE
    assert Packet(packet).get("Iptc4xmpExt", "AISystemUsed") == "Albumen"
    assert INVENTED.rstrip(".") not in restored.decode() and "color/1" not in restored.decode()
    assert Packet(restored).get("Iptc4xmpExt", "DigitalSourceType") != COMPOSITE


def test_the_repaired_picture_is_what_is_colorized(tmp_path: Path) -> None:
    path = tmp_path / "grey16.tif"
    save_grey(path)
    made = written(path, repair=True)
    restored, colored = made.picture("restored").samples, made.picture("colorized").samples
    assert not np.array_equal(restored, sixteen(GREY)) and restored.ndim == 2
    assert np.abs(colored @ LUMA - restored).max() < 0.35


def test_pages_that_were_not_colorized_are_there_as_restored(tmp_path: Path) -> None:
    path = tmp_path / "album.tif"
    with tifffile.TiffWriter(path) as album:
        album.write(in_color(160, 220), photometric="rgb", metadata=None)
        album.write(GREY, photometric="minisblack", metadata=None)
    made = written(path, keep_uncertainty=True)
    assert [row["colorized"] for row in made.columns] == [False, True]
    assert np.array_equal(made.picture("colorized", 0).samples, in_color(160, 220))
    second = made.picture("colorized", 1).samples
    assert second.shape == (*GREY.shape, 3)
    assert np.abs(second @ LUMA - GREY).max() < 0.35
    names = {preview.name for preview in made.paths("preview")}
    assert names == {"album.tif.jpg", "album.tif.page1.jpg", "album.tif.page1.colorized.jpg"}
    (uncertainty,) = made.paths("uncertainty")
    assert uncertainty == made.destination / "uncertainty/album.tif.page1.png"
    with Image.open(uncertainty) as shown:
        assert (shown.mode, shown.size) == ("L", GREY.shape[::-1])


def test_what_is_in_colour_has_none(tmp_path: Path) -> None:
    path = tmp_path / "color.png"
    Image.fromarray(in_color(160, 220)).save(path)
    made = written(path, keep_uncertainty=True)
    assert {output.kind for output in made.outputs} == {"restored", "preview"}


@pytest.mark.usefixtures("ray_cluster")
def test_verify_and_the_next_run_know_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(rgb(GREY)).save(tmp_path / "in/grey.png")
    Image.fromarray(in_color(160, 220)).save(tmp_path / "in/color.png")
    order = order_for(tmp_path / "in", tmp_path / "out", recipe=RECIPE)
    with crew_of({"color": partial(stage, keep_uncertainty=True)}) as crew:
        run(crew, order)
    rows = {path: row for path, (row,) in rows_by_path(order).items()}
    assert rows["grey.png"]["colorized"] and not rows["color.png"]["colorized"]
    assert rows["grey.png"]["render_factor"] == 12
    kinds = sorted(output["kind"] for output in rows["grey.png"]["outputs"])
    assert kinds == ["colorized", "preview", "preview", "restored", "uncertainty"]
    assert rows["grey.png"]["colorfulness_colorized"] > 6
    found = verify(order.destination)
    assert found.ok and found.checked == 7
    assert plan_of(order.source, order.destination, RECIPE).scans == 0
    never = Recipe(stages=("color",), colorize="never", requested={"colorize": "never"})
    assert plan_of(order.source, order.destination, never).scans == 2
    storage.remove(order.destination, "colorized/grey.png")
    assert verify(order.destination).missing.examples[0][0] == "colorized/grey.png"
    again = plan_of(order.source, order.destination, RECIPE)
    assert again.reasons == {"derivatives": 1}


def test_shared_memory_is_counted_for_three_planes_more() -> None:
    def needed(recipe: Recipe, **header: Any) -> float:
        known = {"width": 40, "height": 30, "page_count": 1, "format": "tiff"}
        journey = Journey(Job(Scan("a", "a", 1, 0, None), recipe, "restored/a"))
        assert journey.bytes_needed == 0
        size = 40 * 30 * header["channels"] * header["bit_depth"] // 8
        journey.header = Header(**known, **header, decoded_bytes=size)  # type: ignore[arg-type]
        return journey.bytes_needed / (40 * 30)

    grey16, rgb8 = {"channels": 1, "bit_depth": 16}, {"channels": 3, "bit_depth": 8}
    # Three pages, and where it may be colorized RGB samples and a mask.
    assert needed(RECIPE, **grey16) == 3 * 2 + 3 * 2 + 1
    assert needed(RECIPE, **rgb8) == 3 * 3 + 3 + 1
    assert needed(RECIPE.override(colorize="never"), **grey16) == 3 * 2
    assert needed(Recipe(stages=("color",)), **rgb8) == 3 * 3
