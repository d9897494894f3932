"""Photographs in memory, and samples drawn from them by number.

Sample `i` depends on the seed and on `i` alone, so that a training that was interrupted goes on
with the very samples it would have seen.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

Image = NDArray[np.uint8]
Draw = Callable[[np.random.Generator], Mapping[str, NDArray[Any]]]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"}


class NoPhotographs(ValueError):
    """A folder holds nothing to train on; the message names it."""


def photograph_files(
    folder: Path, splits: Path | None = None, wanted: Collection[str] = ("train",)
) -> list[Path]:
    """The picture files below `folder`, sorted; with `splits`, only those of the splits `wanted`.

    `splits` is a CSV with the columns folder, file and split, `folder` there being the name of
    the folder. Raises `NoPhotographs` where none is left.
    """
    if not folder.is_dir():
        raise NoPhotographs(f"{folder} is not a folder of photographs")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if splits is not None:
        with splits.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            named = {
                row["file"]
                for row in rows
                if row["folder"] == folder.name and row["split"] in wanted
            }
        files = [path for path in files if path.relative_to(folder).as_posix() in named]
    if not files:
        raise NoPhotographs(f"{folder} holds no photographs of the split {'/'.join(wanted)}")
    return files


def read_photographs(files: Sequence[Path]) -> list[Image]:
    """Each file as HxWx3 RGB uint8. Raises `NoPhotographs` for a file that is no picture."""
    images = []
    for path in files:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise NoPhotographs(f"{path} cannot be read as a photograph")
        images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    return images  # type: ignore[return-value]  # OpenCV's stubs do not know the dtype


def random_crop(
    image: Image, rng: np.random.Generator, size: int, scales: tuple[float, float] = (0.5, 1.5)
) -> Image:
    """A `size`x`size` piece of `image`, at a scale drawn log-uniformly from `scales` (never so
    small that the piece would not fit), mirrored half of the time."""
    height, width = image.shape[:2]
    scale = float(np.exp(rng.uniform(np.log(scales[0]), np.log(scales[1]))))
    scale = max(scale, (size + 0.5) / min(height, width))
    side = min(height, width, max(1, round(size / scale)))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    piece = image[top : top + side, left : left + side]
    if side != size:
        filtering = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
        piece = cv2.resize(piece, (size, size), interpolation=filtering)  # type: ignore[assignment]
    return np.ascontiguousarray(piece[:, ::-1] if rng.random() < 0.5 else piece)


def to_bytes(image: NDArray[np.float32]) -> Image:
    """[0, 1] rounded to uint8; what lies beyond is clipped."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


class _Samples(Dataset[Mapping[str, NDArray[Any]]]):
    def __init__(self, draw: Draw, seed: int) -> None:
        self.draw, self.seed = draw, seed

    def __getitem__(self, index: int) -> Mapping[str, NDArray[Any]]:
        return self.draw(np.random.default_rng([self.seed, index]))


class _From(Sampler[int]):
    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop - self.start


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def batches(
    draw: Draw, batch: int, seed: int, start: int = 0, workers: int = 1
) -> Iterator[Mapping[str, Tensor]]:
    """Endless batches of what `draw` makes, from step `start` on.

    `draw` returns arrays by name (HxWxC in the dtype they shall arrive in); a batch holds them
    as BxCxHxW float32 tensors, uint8 brought to [0, 1] and booleans to 0 and 1.
    """
    # A forked process that inherits OpenCV's threads can wait for them for ever.
    cv2.setNumThreads(1)
    loader = DataLoader(
        _Samples(draw, seed),
        batch_size=batch,
        sampler=_From(start * batch, 2**48),
        num_workers=workers,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),  # or it would draw from the global one, at every start
    )
    for arrays in loader:
        yield {name: _planes(array) for name, array in arrays.items()}


def _planes(array: Tensor) -> Tensor:
    scale = 1 / 255 if array.dtype == torch.uint8 else 1.0
    array = array if array.ndim == 4 else array.unsqueeze(-1)
    return array.permute(0, 3, 1, 2).to(torch.float32).mul(scale)
