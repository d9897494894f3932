"""Small photographs with a scratch, and how a tree of files looked at a moment."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image


def print_with_scratch(seed: int = 1, width: int = 160, height: int = 120) -> Any:
    """A soft grey picture, HxW uint8, with a bright vertical scratch two pixels wide."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 170, (6, 8), np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    column = int(rng.integers(width // 4, 3 * width // 4))
    picture[height // 8 : -height // 8, column : column + 2] = 250
    return picture


def save(path: Path, seed: int = 1, **size: int) -> None:
    """Save such a picture in the format that the name of `path` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(print_with_scratch(seed, **size)).save(path)


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
