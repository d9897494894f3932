"""Pictures painted for tests: scenes, tones, scratches and a face that dlib recognises."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit


def landscape(height: int = 480, width: int = 640, seed: int = 0) -> NDArray[np.uint8]:
    """A grey scene HxW: sky, hills, soft clouds, a little grain; no thin things."""
    random = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 6, width, dtype=np.float32)[None]
    picture = 200 - 60 * rows + 0 * columns
    clouds = random.normal(0, 1, (height, width)).astype(np.float32)
    clouds = cv2.GaussianBlur(clouds, (0, 0), height / 12)
    picture = picture + 12 * clouds / clouds.std()
    for depth, level in ((0.55, 120), (0.7, 85), (0.85, 50)):
        ridge = depth + 0.06 * np.sin(columns * (2 + depth) + seed + 9 * depth)
        edge = expit((rows - ridge) * height / 3)
        picture = picture * (1 - edge) + edge * level
    grain = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 0.6)
    return np.clip(picture + 1.2 * grain / grain.std(), 0, 255).astype(np.uint8)


def in_color(height: int = 480, width: int = 640, seed: int = 0) -> NDArray[np.uint8]:
    """The landscape with blue sky, green and ochre hills, a red house: HxWx3."""
    grey = landscape(height, width, seed).astype(np.float32)
    rows = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    columns = np.ones((height, 1)) * np.linspace(0, 1, width)[None]
    tint = np.ones((height, width, 3), np.float32)
    tint[rows < 0.55] = (0.75, 0.9, 1.15)
    tint[(rows >= 0.55) & (columns < 0.5)] = (0.8, 1.1, 0.6)
    tint[(rows >= 0.55) & (columns >= 0.5)] = (1.25, 1.0, 0.6)
    tint[(rows > 0.6) & (rows < 0.8) & (columns > 0.3) & (columns < 0.45)] = (1.7, 0.6, 0.6)
    return np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8)


def rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """R=G=B."""
    return np.repeat(grey[..., None], 3, axis=2)


def toned(
    grey: NDArray[np.uint8], gammas: tuple[float, float, float], gains: tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Each channel a curve of the grey: sepia, cyanotype, a scanner's cast, yellowed paper."""
    values = rgb(grey) / 255
    return np.clip(255 * values ** np.array(gammas) * np.array(gains), 0, 255).astype(np.uint8)


SEPIA = ((0.8, 1.0, 1.35), (1.0, 0.95, 0.85))
CYANOTYPE = ((1.8, 1.1, 0.6), (1.0, 1.0, 1.0))


def scratched(
    picture: NDArray[np.uint8], seed: int = 0, lines: int = 3, specks: int = 14
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """White scratches and dust laid on a grey picture, and where they are."""
    random = np.random.default_rng(seed)
    height, width = picture.shape
    laid = np.zeros((height, width), np.uint8)
    for _ in range(lines):
        x = random.uniform(0.2, 0.8) * width
        tilt = random.normal(0, 0.05) * width
        ends = np.array([[x, 0.12 * height], [x + tilt, 0.85 * height]]) * 16
        cv2.polylines(laid, [np.rint(ends).astype(np.int32)], False, 255, 2, cv2.LINE_AA, 4)
    for _ in range(specks):
        x, y = random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height
        cv2.circle(laid, (round(x * 16), round(y * 16)), 28, 255, -1, cv2.LINE_AA, 4)
    share = laid.astype(np.float32) / 255
    result = picture * (1 - share) + 252 * share
    return np.rint(result).astype(np.uint8), share > 0.25


def sixteen(picture: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint16]:
    """The picture in 16 bits, the lower byte filled as well (alike in all channels)."""
    random = np.random.default_rng(seed)
    low = random.integers(0, 257, picture.shape[:2], dtype=np.uint16)
    low = low[..., None] if picture.ndim == 3 else low
    return np.minimum(picture.astype(np.uint32) * 257 + low, 65535).astype(np.uint16)


def face(size: int = 160) -> NDArray[np.uint8]:
    """A painted face, size x size grey: enough light and shade for a HOG detector."""
    big = 480
    rows, columns = np.mgrid[0:big, 0:big].astype(np.float32)
    picture = np.full((big, big), 120, np.float32)

    def oval(x: float, y: float, across: float, down: float, level: float, soft: float) -> None:
        nonlocal picture
        inside = ((columns - x) / across) ** 2 + ((rows - y) / down) ** 2
        share = expit((1 - np.sqrt(inside)) * soft)
        picture = picture * (1 - share) + level * share

    oval(240, 215, 185, 225, 45, 20)  # hair
    oval(240, 260, 140, 190, 190, 25)  # face
    oval(240, 330, 110, 110, 200, 4)
    for x in (180, 300):
        oval(x, 225, 44, 26, 130, 4)  # socket
        oval(x, 195, 42, 9, 60, 6)  # brow
        oval(x, 232, 27, 12, 215, 8)  # white
        oval(x, 232, 12, 12, 30, 8)  # iris
        oval(x + 4, 228, 3, 3, 245, 4)
    oval(222, 275, 9, 45, 160, 3)
    oval(240, 318, 34, 12, 130, 3)  # under the nose
    oval(226, 316, 8, 6, 60, 4)
    oval(254, 316, 8, 6, 60, 4)
    oval(240, 372, 52, 17, 115, 5)  # mouth
    oval(240, 370, 48, 4, 55, 5)
    oval(240, 408, 30, 8, 150, 3)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)
