"""Faces to train on: found and aligned ahead of time, then degraded sample by sample.

`python -m models.training.face_samples FOLDER OUT` writes the aligned faces of a folder of
photographs, so that a training needs no detector: a bare GPU machine has no dlib.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.align import TEMPLATE_SIDE, Matrix, crop, scale, similarity
from models.training.data import Image, NoPhotographs, photograph_files, read_photographs, to_bytes
from models.training.degradation import TRAINING, Severity, Textures
from models.training.direct import faded_sample

LISTING = "aligned.csv"
"""In a folder of aligned faces: file, and how many pixels of the crop one of the photograph is."""

_MOST_ENLARGED = 2.0  # fewer pixels than that have no detail to learn from
_JPEG_QUALITY = 97  # as files: two hundred times less than they are degraded
_TURN = 3.0  # degrees
_ZOOM = 0.07
_SHIFT = 0.02  # of the side: about what landmarks err by on degraded faces

FACE_TRAINING = replace(
    TRAINING,
    untouched=0.1,
    structured=0.15,
    coverage=(0.001, 0.015),
    unstructured=0.97,
    monochrome=0.4,
    blur=0.75,
    blur_sigma=(0.4, 3.0),
    noise=0.6,
    grain=0.6,
    resample=0.6,
    resample_factor=(1.2, 5.0),
    jpeg=0.6,
)
"""Mostly soft, grainy and small: scratches are the damage stage's, remainders of them are not."""

FACE_EVALUATION = replace(
    FACE_TRAINING,
    untouched=0.0,
    structured=0.0,
    unstructured=1.0,
    blur=0.8,
    blur_sigma=(0.8, 2.4),
    noise_strength=(0.004, 0.04),
    grain_strength=(0.01, 0.05),
    resample_factor=(1.5, 4.0),
    jpeg=0.8,
    jpeg_quality=(50, 95),
)
"""Frozen: the scores of the recipe are measured with it."""


def aligned(photographs: Sequence[Image], side: int = TEMPLATE_SIDE) -> list[tuple[Image, float]]:
    """The faces of `photographs` (HxWx3 uint8), aligned to `side` x `side` x 3 uint8, and how
    many pixels of the crop one of the photograph is; those enlarged more than twofold are left
    out. Needs dlib."""
    from models.faces.detect import detect
    from models.faces.landmarks import landmarks

    found = []
    for photograph in photographs:
        for face in detect(photograph):
            points = landmarks(photograph, face.box)
            if points is None:
                continue
            matrix = similarity(points, side)
            if scale(matrix) <= _MOST_ENLARGED:
                found.append((to_bytes(crop(photograph, matrix, side)), scale(matrix)))
    return found


def read_faces(files: Sequence[Path], side: int = TEMPLATE_SIDE) -> list[Image]:
    """The aligned faces of `files`, `side` x `side` x 3 uint8.

    Files that the `LISTING` beside them names are aligned already; in others faces are searched
    (which needs dlib). Raises `NoPhotographs` where no face is found.
    """
    listed = {folder: _listed(folder) for folder in {path.parent for path in files}}
    ready = [path for path in files if path.name in listed[path.parent]]
    others = [path for path in files if path.name not in listed[path.parent]]
    faces = [resized(face, side) for face in read_photographs(ready)]
    for path in others:  # one at a time: photographs are larger than their faces
        faces += [face for face, _ in aligned(read_photographs([path]), side)]
    if not faces:
        raise NoPhotographs(
            f"no face large enough was found in {len(files)} photographs of {files[0].parent}"
            if files
            else "no photographs to find faces in"
        )
    return faces


def write_aligned(files: Sequence[Path], out: Path, side: int = TEMPLATE_SIDE) -> int:
    """Write the best face of each of `files` into the folder `out` under the file's own name
    (so that splits keep their meaning), and the `LISTING`; how many there are."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for path in files:
        faces = aligned(read_photographs([path]), side)
        if not faces:
            continue
        face, enlarged = faces[0]
        written = out / path.name
        words = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        words += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        if not cv2.imwrite(str(written), cv2.cvtColor(face, cv2.COLOR_RGB2BGR), words):
            raise OSError(f"{written} cannot be written")
        rows.append((path.name, f"{enlarged:.3f}"))
    with (out / LISTING).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "scale"), *rows])
    return len(rows)


def face_sample(
    face: Image, rng: np.random.Generator, severity: Severity, textures: Textures, side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`face` (aligned, NxNx3 uint8) moved a little and faded; degraded (first) and as it was
    (second), both `side` x `side` x 3 in [0, 1].

    What was lost of tone is not asked for: the face must fit its photograph.
    """
    moved = crop(face, _moved(face.shape[0], side, rng), side)
    if rng.random() < 0.5:
        moved = np.ascontiguousarray(moved[:, ::-1])
    degraded, true, _ = faded_sample(to_bytes(moved), rng, severity, textures)
    return degraded, true


def _moved(size: int, side: int, rng: np.random.Generator) -> Matrix:
    """From a face of `size` pixels to one of `side`, as wrong as landmarks may be."""
    turn = np.deg2rad(rng.uniform(-_TURN, _TURN))
    zoom = side / size * np.exp(rng.uniform(-_ZOOM, _ZOOM))
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([size - 1, size - 1]) / 2
    aim = (side - 1) / 2 + rng.uniform(-_SHIFT, _SHIFT, 2) * side
    return np.column_stack([linear, aim - linear @ middle])


def resized(face: Image, side: int) -> Image:
    """`face` NxNx3 uint8 at `side` pixels."""
    if face.shape[:2] == (side, side):
        return face
    shrinks = face.shape[0] > side
    filtering = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(face, (side, side), interpolation=filtering)  # type: ignore[return-value]


def _listed(folder: Path) -> set[str]:
    path = folder / LISTING
    if not path.is_file():
        return set()
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"] for row in csv.DictReader(file)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the aligned faces of a folder.")
    parser.add_argument("folder", type=Path, help="photographs with faces")
    parser.add_argument("out", type=Path, help="folder for the aligned faces, of the same name")
    parser.add_argument("--side", type=int, default=TEMPLATE_SIDE, help="pixels")
    chosen = parser.parse_args()
    files = photograph_files(chosen.folder)
    made = write_aligned(files, chosen.out, chosen.side)
    print(f"{chosen.out}: {made} aligned faces of {len(files)} photographs")


if __name__ == "__main__":
    main()
