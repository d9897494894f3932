"""Scans for the benchmarks, made from the sample collection and from noise; seeded."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

_SAMPLES = Path(__file__).parent.parent / "examples" / "scans"
_THREE_MEGAPIXELS = (2000, 1500)


def three_megapixel_scans(folder: Path, count: int) -> None:
    """JPEGs of 2000 x 1500 from the sample photographs: turned, with other scratches each."""
    folder.mkdir(parents=True)
    originals = [
        cv2.resize(np.asarray(Image.open(path).convert("RGB")), _THREE_MEGAPIXELS)
        for path in sorted(_SAMPLES.rglob("*.jpg"))
        if path.stat().st_size > 10_000 and "broken off" not in path.name
    ]
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = np.ascontiguousarray(originals[number % len(originals)][:, :: (-1) ** number])
        for _ in range(6):
            x, y = rng.integers(0, _THREE_MEGAPIXELS[0]), rng.integers(0, _THREE_MEGAPIXELS[1])
            end = int(x + rng.integers(-60, 60)), int(y + rng.integers(300, 900))
            cv2.line(picture, (int(x), int(y)), end, (245, 245, 245), 2, cv2.LINE_AA)
        Image.fromarray(picture).save(folder / f"scan-{number:03}.jpg", quality=90)


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
