"""Small photographs with a scratch, and how a tree of files looked at a moment."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from models.color.choices import resolved

COLORIZES = resolved("auto") is not None
"""Whether this version ships weights for colour: every one of these pictures is grey."""


def print_with_scratch(seed: int = 1) -> Any:
    """A soft grey picture of 320 x 240, uint8, with a bright vertical scratch two pixels wide."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(70, 150, (4, 5), np.uint8)
    picture = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
    column = int(rng.integers(80, 240))
    picture[30:-30, column : column + 2] = 250
    grain = rng.normal(0, 1.5, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def save(path: Path, seed: int = 1) -> None:
    """Save such a picture in the format that the name of `path` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(print_with_scratch(seed))
    # The name is kept from Pillow, which cannot open one that is not UTF-8.
    with open(os.fsencode(path), "wb") as file:  # noqa: PTH123
        picture.save(file, Image.registered_extensions()[path.suffix])


def state_of(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Content and times of everything in a folder: equal only if nothing was touched.

    The time of the last change of the inode (ctime) cannot be set by a program: whoever wrote,
    renamed, changed permissions or put times back would show.
    """
    state: dict[str, tuple[Any, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        found = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        times = (found.st_mtime_ns, found.st_ctime_ns)
        state[str(path.relative_to(folder))] = (found.st_mode, found.st_ino, *times, digest)
    return state
