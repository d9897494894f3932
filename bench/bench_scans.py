"""Scans for the benchmarks, made from the sample collection and from noise; seeded."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

_SAMPLES = Path(__file__).parent.parent / "examples" / "scans"
_THREE_MEGAPIXELS = (2000, 1500)
_TWENTY_FOUR_MEGAPIXELS = (6000, 4000)


def three_megapixel_scans(folder: Path, count: int) -> None:
    """JPEGs of 2000 x 1500 from the sample photographs: turned, with other scratches each."""
    folder.mkdir(parents=True)
    for number in range(count):
        picture = _scratched(number, _THREE_MEGAPIXELS, 2)
        Image.fromarray(picture).save(folder / f"scan-{number:03}.jpg", quality=90)


def twenty_four_megapixel_scans(folder: Path, count: int) -> None:
    """Uncompressed TIFFs of 6000 x 4000, 16 bit, from the same photographs, with a film's grain."""
    folder.mkdir(parents=True)
    for number in range(count):
        picture = _scratched(number, _TWENTY_FOUR_MEGAPIXELS, 6).astype(np.float32) * 257
        rng = np.random.default_rng(1000 + number)
        picture += rng.normal(0, 500, picture.shape).astype(np.float32)
        deep = picture.clip(0, 65_535).astype(np.uint16)
        tifffile.imwrite(folder / f"scan-{number:03}.tif", deep, photometric="rgb", rowsperstrip=64)


def _scratched(number: int, size: tuple[int, int], thickness: int) -> NDArray[np.uint8]:
    """Photograph `number` of the samples at `size`, every other mirrored, with six scratches."""
    originals = [
        path
        for path in sorted(_SAMPLES.rglob("*.jpg"))
        if path.stat().st_size > 10_000 and "broken off" not in path.name
    ]
    original = np.asarray(Image.open(originals[number % len(originals)]).convert("RGB"))
    large = cv2.resize(original, size, interpolation=cv2.INTER_CUBIC)
    picture = np.ascontiguousarray(large[:, :: (-1) ** number])
    rng, (width, height) = np.random.default_rng(number), size
    for _ in range(6):
        x, y = rng.integers(0, width), rng.integers(0, height)
        drift, fall = width * 3 // 100, (height // 5, height * 3 // 5)
        end = int(x + rng.integers(-drift, drift)), int(y + rng.integers(*fall))
        cv2.line(picture, (int(x), int(y)), end, (245, 245, 245), thickness, cv2.LINE_AA)
    return picture


def hundred_megapixel_tiff(path: Path, height: int = 9000, width: int = 12000) -> None:
    """A 48-bit colour TIFF with grain and scratches, written in strips of bounded memory."""
    rng = np.random.default_rng(1)
    rows = 250

    def strips() -> object:
        for top in range(0, height, rows):
            y = np.linspace(top, top + rows, rows, endpoint=False)[:, None, None] / height
            x = np.linspace(0, 1, width)[None, :, None]
            tone = 20_000 + 25_000 * (0.5 + 0.5 * np.sin(7 * x + 5 * y + np.arange(3) / 3))
            strip = tone + rng.normal(0, 400, (rows, width, 3))
            for column in range(500, width, 1700):
                strip[:, column : column + 4] = 62_000
            yield strip.clip(0, 65_535).astype(np.uint16)

    tifffile.imwrite(
        path,
        strips(),
        shape=(height, width, 3),
        dtype=np.uint16,
        photometric="rgb",
        rowsperstrip=rows,
    )
