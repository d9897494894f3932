"""Photographs read from folders, and samples that depend on their number alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.training.data import (
    NoPhotographs,
    batches,
    photograph_files,
    random_crop,
    read_photographs,
)


def write(path: Path, color: tuple[int, int, int] = (255, 0, 0), size: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((size, size + 4, 3), color, np.uint8)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def test_files_are_found_in_folders_and_in_one_order(tmp_path: Path) -> None:
    for name in ("d.png", "b/c.jpg", "a.JPEG"):
        write(tmp_path / name)
    (tmp_path / "MANIFEST.csv").write_text("file\n", encoding="utf-8")
    found = [path.relative_to(tmp_path).as_posix() for path in photograph_files(tmp_path)]
    assert found == ["a.JPEG", "b/c.jpg", "d.png"]


def test_splits_name_what_may_be_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    for name in ("a.png", "b.png", "c.png", "d.png"):
        write(folder / name)
    splits = tmp_path / "splits.csv"
    splits.write_text(
        "folder,file,split\nscans,a.png,train\nscans,b.png,report\nscans,c.png,excluded\n"
        "other,d.png,train\n",
        encoding="utf-8",
    )
    assert [path.name for path in photograph_files(folder, splits)] == ["a.png"]
    assert [path.name for path in photograph_files(folder, splits, ("report",))] == ["b.png"]
    with pytest.raises(NoPhotographs, match="calibration"):
        photograph_files(folder, splits, ("calibration",))


def test_what_is_no_folder_or_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoPhotographs, match="nowhere"):
        photograph_files(tmp_path / "nowhere")
    with pytest.raises(NoPhotographs, match="no photographs"):
        photograph_files(tmp_path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    with pytest.raises(NoPhotographs, match=r"broken\.png"):
        read_photographs([broken])


def test_photographs_are_read_as_rgb(tmp_path: Path) -> None:
    write(tmp_path / "red.png")
    (image,) = read_photographs([tmp_path / "red.png"])
    assert image.shape == (8, 12, 3)
    assert image.dtype == np.uint8
    assert image[3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("height", "width"), [(40, 70), (200, 33), (16, 16)])
def test_a_crop_has_its_size_whatever_the_photograph(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for _ in range(40):
        crop = random_crop(image, rng, 32, (0.3, 3.0))
        assert crop.shape == (32, 32, 3)
        assert crop.flags.c_contiguous


def test_crops_differ_in_place_scale_and_side() -> None:
    ramp = np.zeros((100, 100, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 200, 100, dtype=np.uint8)[None, :]
    ramp[..., 1] = np.linspace(0, 200, 100, dtype=np.uint8)[:, None]
    rng = np.random.default_rng(0)
    slopes = [
        float(np.polyfit(np.arange(16), random_crop(ramp, rng, 16, (0.5, 2.0))[8, :, 0], 1)[0])
        for _ in range(60)
    ]
    assert 15 < sum(slope < 0 for slope in slopes) < 45  # mirrored half of the time
    steepness = np.abs(slopes)
    assert steepness.min() == pytest.approx(1.0, abs=0.35)  # twice as large as the ramp
    assert steepness.max() == pytest.approx(4.0, abs=0.8)  # half as large


def draw(rng: np.random.Generator) -> Mapping[str, NDArray[Any]]:
    value = rng.random(dtype=np.float32)
    return {
        "float": np.full((4, 6, 3), value, np.float32),
        "bytes": np.full((4, 6, 3), 255, np.uint8),
        "mask": np.full((4, 6), value > 0.5),
    }


def values(start: int, count: int, workers: int) -> list[list[float]]:
    stream = batches(draw, batch=3, seed=7, start=start, workers=workers)
    return [next(stream)["float"][:, 0, 0, 0].tolist() for _ in range(count)]


def test_a_batch_holds_planes_in_the_range_of_one() -> None:
    batch = next(batches(draw, batch=2, seed=0, workers=0))
    assert {name: tuple(part.shape) for name, part in batch.items()} == {
        "float": (2, 3, 4, 6),
        "bytes": (2, 3, 4, 6),
        "mask": (2, 1, 4, 6),
    }
    assert batch["bytes"].unique().tolist() == [1.0]
    assert set(batch["mask"].unique().tolist()) <= {0.0, 1.0}


def test_samples_are_numbered_so_that_a_stream_can_begin_anywhere() -> None:
    whole = values(start=0, count=6, workers=0)
    assert values(start=4, count=2, workers=0) == whole[4:]
    assert len({value for batch in whole for value in batch}) == 18


def test_the_number_of_processes_changes_no_sample() -> None:
    cv2.setNumThreads(1)  # as the command does: a forked process must not inherit a pool
    assert values(start=2, count=3, workers=2) == values(start=2, count=3, workers=0)
