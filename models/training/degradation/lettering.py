"""Writing and stamps: letters, numbers and signatures in ink, pencil or print."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, Plane, between, between_log, chance, grit
from models.training.degradation.strokes import wander

Picture = NDArray[np.float32]

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS = _LETTERS.upper()
_DIGITS = "0123456789"


def ink(rng: Generator) -> NDArray[np.float32]:
    """Black, white, blue-black, brown, red or violet."""
    kinds = (
        (0.06, 0.06, 0.07),
        (0.95, 0.94, 0.9),
        (0.1, 0.12, 0.35),
        (0.3, 0.2, 0.1),
        (0.65, 0.12, 0.12),
        (0.4, 0.15, 0.5),
    )
    share = (0.35, 0.65, 0.77, 0.87, 0.94, 1.0)
    return np.array(kinds[int(np.searchsorted(share, rng.random()))], np.float32)


def words(rng: Generator) -> str:
    """A few words or a number, as captions and inventory marks have them."""
    if chance(rng, 0.35):
        digits = "".join(_DIGITS[i] for i in rng.integers(0, 10, int(rng.integers(2, 7))))
        mark = _CAPITALS[int(rng.integers(26))] + "-./ "[int(rng.integers(4))]
        return (mark if chance(rng, 0.5) else "") + digits
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        word = "".join(_LETTERS[i] for i in rng.integers(0, 26, int(rng.integers(2, 9))))
        parts.append(word.capitalize() if chance(rng, 0.6) else word)
    return " ".join(parts)


def lay_plane(picture: Picture, alpha: NDArray[np.floating], tone: NDArray[np.float32]) -> None:
    """Blend a colour over the whole picture by an opacity HxW (0 to 1)."""
    picture += alpha[..., np.newaxis] * (tone - picture)


def turned(canvas: NDArray[np.uint8], middle: tuple[float, float], degrees: float) -> Plane:
    """`canvas` turned about `middle`, as opacity 0 to 1."""
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    size = (canvas.shape[1], canvas.shape[0])
    turned_canvas = cv2.warpAffine(canvas, matrix, size)
    return np.multiply(turned_canvas, np.float32(1 / 255), dtype=np.float32)


def writing(picture: Picture, rng: Generator) -> None:
    """One to four lines of printed or handwritten text, or a flourish."""
    height, width = picture.shape[:2]
    size = between_log(rng, 0.35, 1.6) * max(1.0, max(height, width) / 640)
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    thickness = max(1, round(size * between(rng, (0.7, 2.2))))
    canvas = np.zeros((height, width), np.uint8)
    x = int(rng.integers(-width // 8, max(1, width * 2 // 3)))
    y = int(rng.integers(height // 10, height + 1))
    for line in range(int(rng.integers(1, 5)) if chance(rng, 0.4) else 1):
        text, place = words(rng), (x, int(y + line * 30 * size))
        cv2.putText(canvas, text, place, font, size, 255, thickness, cv2.LINE_AA)
    if chance(rng, 0.3):
        points = wander(rng, (x, y), 120 * size, 3.0, 40)
        fixed = np.round(points * 16).astype(np.int32)
        cv2.polylines(canvas, [fixed], False, 255, thickness, cv2.LINE_AA, 4)
    upright = chance(rng, 0.5)
    alpha = turned(canvas, (x, y), 0.0 if upright else between(rng, (-35.0, 35.0)))
    if chance(rng, 0.5):
        alpha = alpha * np.clip(grit(rng, height, width) * 2 + 0.3, 0, 1)
    lay_plane(picture, alpha * between(rng, (0.55, 1.0)), ink(rng))


def stamp(picture: Picture, rng: Generator) -> None:
    """An inventory stamp: one or two rings or a frame with text, unevenly inked."""
    height, width = picture.shape[:2]
    radius = max(6, int(min(height, width) * between(rng, (0.1, 0.3))))
    x, y = int(rng.integers(width)), int(rng.integers(height))
    canvas = np.zeros((height, width), np.uint8)
    thickness = max(1, round(radius * between(rng, (0.03, 0.08))))
    if chance(rng, 0.6):
        cv2.circle(canvas, (x, y), radius, 255, thickness, cv2.LINE_AA)
        if chance(rng, 0.6):
            cv2.circle(canvas, (x, y), int(radius * 0.72), 255, max(1, thickness // 2), cv2.LINE_AA)
    else:
        flat = int(radius * between(rng, (0.3, 0.6)))
        cv2.rectangle(canvas, (x - radius, y - flat), (x + radius, y + flat), 255, thickness)
    text = words(rng)[:9].upper()
    font = _FONTS[int(rng.integers(6))]
    natural = max(1, cv2.getTextSize(text, font, 1.0, 1)[0][0])
    size = 1.3 * radius / natural
    cv2.putText(
        canvas,
        text,
        (x - int(0.65 * radius), y + int(9 * size)),
        font,
        size,
        255,
        max(1, thickness // 2),
        cv2.LINE_AA,
    )
    alpha = turned(canvas, (x, y), between(rng, (-40.0, 40.0)))
    alpha = alpha * np.clip(grit(rng, height, width, 1.5) * 1.8, 0, 1)
    lay_plane(picture, alpha * between(rng, (0.5, 1.0)), ink(rng))
