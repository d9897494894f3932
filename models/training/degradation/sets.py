"""Test sets: photographs degraded by fixed seeds, written beside their clean selves and masks."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.recipe import Degraded, degrade
from models.training.degradation.severity import Severity
from models.training.degradation.textures import Textures

Image = NDArray[np.uint8]

FOLDERS = ("degraded", "worn", "clean", "masks", "ignored")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One row of the list of a set: the picture, its seed, what was drawn, how bad it is.

    `mask` and `ignored` are shares of the pixels; the PSNR are of `degraded` and `worn` against
    `clean`, in decibels, infinite where they are the same.
    """

    file: str
    source: str
    seed: str
    width: int
    height: int
    kinds: str
    mask: float
    ignored: float
    psnr_degraded: float
    psnr_worn: float


@dataclass(frozen=True, slots=True)
class Photograph:
    """A clean photograph to degrade: HxWx3 uint8, its path as listed, and its number there."""

    pixels: Image
    source: str
    number: int


def generator(seed: int, number: int, variant: int = 0) -> np.random.Generator:
    """The generator of picture `number` (in sorted order) of a set; variants beyond the first
    have their own. The published figures use seed 20261122 and variant 0."""
    return np.random.default_rng([seed, number, variant] if variant else [seed, number])


def psnr(image: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    """Peak signal-to-noise ratio in decibels of two pictures from 0 to 1; infinite if equal."""
    error = float(np.square(image - true).mean(dtype=np.float64))
    return float(-10 * np.log10(error)) if error > 0 else float("inf")


def write_set(
    photographs: Iterator[Photograph],
    destination: Path,
    seed: int,
    severity: Severity,
    textures: Textures,
    variants: int = 1,
) -> Iterator[tuple[Drawn, Degraded]]:
    """Degrade each photograph and write PNGs into the `FOLDERS` below `destination`; yields each
    row with its picture as it is written.

    Files keep the path of their source with `.png` added; what exists is written over.
    """
    for photograph in photographs:
        for variant in range(variants):
            made = degrade(
                photograph.pixels, generator(seed, photograph.number, variant), severity, textures
            )
            file = photograph.source + (f".{variant}" if variant else "") + ".png"
            images = (
                _bytes(made.degraded),
                _bytes(made.worn),
                _bytes(made.clean),
                made.mask.astype(np.uint8) * 255,
                made.ignore.astype(np.uint8) * 255,
            )
            for folder, image in zip(FOLDERS, images, strict=True):
                save(destination / folder / file, image)
            height, width = made.mask.shape
            numbers = [seed, photograph.number] + ([variant] if variant else [])
            yield (
                Drawn(
                    file=file,
                    source=photograph.source,
                    seed=" ".join(map(str, numbers)),
                    width=width,
                    height=height,
                    kinds=" ".join(made.kinds),
                    mask=round(float(made.mask.mean()), 5),
                    ignored=round(float(made.ignore.mean()), 5),
                    psnr_degraded=round(psnr(made.degraded, made.clean), 3),
                    psnr_worn=round(psnr(made.worn, made.clean), 3),
                ),
                made,
            )


def write_list(path: Path, rows: Sequence[Drawn]) -> None:
    """The rows as CSV with a header; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Drawn)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    partial.replace(path)


def save(path: Path, image: Image, quality: int = 80) -> None:
    """Write HxW or HxWx3 (RGB) in the format of the suffix, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    swapped = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    lossy = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() != ".png" else []
    coded = cv2.imencode(path.suffix, swapped, lossy)[1]
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(coded.tobytes())
    partial.replace(path)


def strip(made: Degraded, height: int = 144) -> Image:
    """Clean, worn, degraded and mask side by side, `height` pixels high, for a contact sheet:
    of each the middle, four to three."""
    mask = np.repeat(made.mask[..., np.newaxis].astype(np.uint8) * 255, 3, axis=2)
    rows, columns = mask.shape[:2]
    tall, wide = min(rows, max(1, columns * 3 // 4)), min(columns, max(1, rows * 4 // 3))
    top, left = (rows - tall) // 2, (columns - wide) // 2
    size = (height * 4 // 3, height)
    small = [
        cv2.resize(
            np.ascontiguousarray(picture[top : top + tall, left : left + wide]),
            size,
            interpolation=cv2.INTER_AREA,
        )
        for picture in (_bytes(made.clean), _bytes(made.worn), _bytes(made.degraded), mask)
    ]
    joined = np.hstack([np.pad(one, ((0, 0), (0, 3), (0, 0))) for one in small])
    return np.asarray(np.pad(joined, ((0, 6), (0, 6), (0, 0))), np.uint8)


def contact_sheet(strips: Sequence[Image], columns: int = 1) -> Image:
    """The strips, all of one size, in rows of so many on black."""
    blank = np.zeros_like(strips[0])
    filled = [*strips, *[blank] * (-len(strips) % columns)]
    rows = [np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def _bytes(picture: NDArray[np.float32]) -> Image:
    return np.asarray(np.round(picture * 255), np.uint8)
