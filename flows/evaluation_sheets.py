"""Pictures side by side: what came out of an evaluation, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_CAPTION = 22  # pixels of height
_GAP = 4
_QUALITY = 88


def write_sheet(rows: Sequence[tuple[str, Mapping[str, Image]]], path: Path, cell: int) -> None:
    """One row a photograph, one column a picture of it, as a JPEG; whole, reduced to `cell`
    pixels of long edge."""
    _write(rows, path, cell, cell)


def write_details(rows: Sequence[tuple[str, Mapping[str, Image]]], path: Path, cell: int) -> None:
    """The same at full size: of each photograph the `cell` pixels square where most differs
    between its first two pictures."""
    cut = []
    for name, pictures in rows:
        rectangle = _busiest(list(pictures.values()), cell)
        cut.append((name, {title: picture[rectangle] for title, picture in pictures.items()}))
    _write(cut, path, cell, cell)


def _write(
    rows: Sequence[tuple[str, Mapping[str, Image]]], path: Path, width: int, height: int
) -> None:
    titles = list(dict.fromkeys(title for _, pictures in rows for title in pictures))
    lines = []
    for name, pictures in rows:
        fitted = {title: _fitted(picture, width, height) for title, picture in pictures.items()}
        tallest = max(picture.shape[0] for picture in fitted.values())
        cells = []
        for title in titles:
            cell = np.full((tallest + _CAPTION, width, 3), 255, np.uint8)
            if title in fitted:
                small = fitted[title]
                cell[: small.shape[0], : small.shape[1]] = small
            _caption(cell, title if title != titles[0] else f"{title}: {name}")
            cells.append(np.pad(cell, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255))
        lines.append(np.concatenate(cells, axis=1))
    sheet = np.concatenate(lines)
    cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def _fitted(picture: Image, width: int, height: int) -> Image:
    """Reduced to fit; small pictures are left at their size."""
    scale = min(1.0, width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return cast(Image, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _caption(cell: Image, text: str) -> None:
    place = (2, cell.shape[0] - 7)
    font: Any = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(cell, text[: cell.shape[1] // 7], place, font, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def _busiest(pictures: Sequence[Image], side: int) -> tuple[slice, slice]:
    """Where the first two pictures differ most, over `side` pixels square."""
    height, width = pictures[0].shape[:2]
    rows, columns = min(side, height), min(side, width)
    other = pictures[1] if len(pictures) > 1 else pictures[0]
    # The loudest differences alone: fading is everywhere, damage is somewhere.
    difference = cv2.absdiff(pictures[0], other).max(axis=2)
    loud = (difference >= np.percentile(difference, 95)).astype(np.float32)
    mean = cv2.boxFilter(loud, -1, (columns, rows), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    valid = mean[: height - rows + 1, : width - columns + 1]
    top, left = divmod(int(np.argmax(valid)), valid.shape[1])
    return slice(top, top + rows), slice(left, left + columns)
