"""The print that damage is painted on, and which of its pixels are painted."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, Plane, between, chance, grit

Picture = NDArray[np.float32]
"""HxWx3, 0 to 1, as displayed (not linear light)."""

Tone = NDArray[np.float32]
"""Red, green, blue: three values from 0 to 1."""

Patch = tuple[Plane, int, int]
"""Opacity hxw (0 to 1), and the row and column of the picture where it lies."""


THRESHOLD = 0.06
"""Opacity above which a pixel belongs to the footprint."""

_LEAST_HUE = 0.02
"""Least deviation of colours from what the tone alone explains, for a colour photograph."""


@dataclass(slots=True)
class Sheet:
    """A photograph under damage.

    `picture` is painted on in place; `undamaged` gets only what is wear rather than damage
    (`tint`); `footprint` HxW is the highest opacity painted so far; `scale` is the number of
    pixels that a length of 1 takes on this picture; `coloured`: it has dye layers to lay bare.
    """

    picture: Picture
    undamaged: Picture
    scale: float
    opacity: tuple[float, float]
    footprint: Plane = field(init=False)
    coloured: bool = field(init=False)

    def __post_init__(self) -> None:
        self.footprint = np.zeros(self.picture.shape[:2], np.float32)
        self.coloured = _coloured(self.picture)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.picture.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.picture.shape[1])

    def covered(self) -> float:
        """Share of the pixels painted on."""
        return cv2.countNonZero((self.footprint > THRESHOLD).view(np.uint8)) / (self.footprint.size)

    def point(self, rng: Generator, margin: float = 0.0) -> tuple[float, float]:
        """x and y anywhere on the print, or up to a share `margin` of it outside."""
        x, y = rng.random(2) * (1 + 2 * margin) - margin
        return float(x) * self.width, float(y) * self.height

    def strength(self, rng: Generator) -> float:
        """An opacity from the severity's range, the upper end more often."""
        low, high = self.opacity
        return low + (high - low) * float(1 - rng.random() ** 2)

    def lay(self, patch: Patch | None, tone: NDArray[np.float32] | float) -> None:
        """Paint damage: `tone` is a colour (3), a plane hxw or hxwx3, or one grey."""
        if patch is None:
            return
        alpha, top, left = patch
        rows, columns = slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1])
        _blend(self.picture[rows, columns], alpha, tone)
        window = self.footprint[rows, columns]
        np.maximum(window, alpha, out=window)

    def shade(self, patch: Patch | None, tone: NDArray[np.float32] | float) -> None:
        """Paint what surrounds damage, softly: not in the footprint."""
        if patch is None:
            return
        alpha, top, left = patch
        rows, columns = slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1])
        _blend(self.picture[rows, columns], alpha, tone)

    def tint(self, patch: Patch | None, tone: NDArray[np.float32]) -> None:
        """Multiply by a colour, on the undamaged print as well: the picture shows through."""
        if patch is None:
            return
        alpha, top, left = patch
        rows, columns = slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1])
        factor = 1 + alpha[..., np.newaxis] * (tone - 1)
        self.picture[rows, columns] *= factor
        self.undamaged[rows, columns] *= factor


def _coloured(picture: Picture) -> bool:
    """Whether its colours are more than a tint that follows the tone, as of sepia prints."""
    height, width = picture.shape[:2]
    # Averaged down, since coloured noise is no colour.
    size = min(32, width), min(32, height)
    few = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    tone = few.mean(axis=1)
    terms = np.stack([np.ones_like(tone), tone, tone * tone], axis=1)
    chroma = few[:, :2] - few[:, 1:]
    fitted = terms @ np.linalg.lstsq(terms, chroma, rcond=None)[0]
    return bool((chroma - fitted).std() > _LEAST_HUE)


def _blend(window: Picture, alpha: Plane, tone: NDArray[np.float32] | float) -> None:
    if isinstance(tone, np.ndarray) and tone.ndim == 2:
        tone = tone[..., np.newaxis]
    window += alpha[..., np.newaxis] * (tone - window)


def paper(rng: Generator) -> NDArray[np.float32]:
    """The colour of bare paper: near white, mostly a little yellow."""
    white = 0.82 + 0.18 * float(rng.random()) ** 0.7
    warm = 0.10 * float(rng.random()) ** 2
    return np.array([white, white - 0.35 * warm, white - warm], np.float32)


def dirt(rng: Generator) -> NDArray[np.float32]:
    """The colour of dirt or of a gap seen in front of black: near black."""
    black = 0.16 * float(rng.random())
    return np.array([black * 1.1, black, black * 0.85], np.float32)


def layer(rng: Generator) -> NDArray[np.float32]:
    """The colour that a scratch through one or two dye layers of a colour print shows."""
    colour = rng.random(3, dtype=np.float32) ** 2
    colour[int(rng.integers(3))] = 0.75 + 0.25 * float(rng.random())
    return colour


def scratch_tone(rng: Generator, coloured: bool) -> NDArray[np.float32]:
    """White (paper), black (negatives, dirt), grey or coloured, in falling frequency."""
    draw = float(rng.random())
    if draw < 0.60:
        return paper(rng)
    if draw < 0.80:
        return dirt(rng)
    if draw < 0.92 or not coloured:
        return np.full(3, 0.2 + 0.6 * rng.random(), np.float32)
    return layer(rng)


def surface(
    rng: Generator, height: int, width: int, tone: NDArray[np.float32], size: float
) -> Picture:
    """HxWx3: bare ground of one colour with the unevenness of fibres or dirt."""
    rough = grit(rng, height, width, size) - 0.5
    return tone * (1 + np.float32(between(rng, (0.02, 0.16))) * rough[..., np.newaxis])


def roughen(rng: Generator, alpha: Plane, size: float, depth: float) -> Plane:
    """Break up an opacity: patches of it are missing the more, the larger `depth` (0 to 1)."""
    if depth <= 0 or chance(rng, 0.25):
        return alpha
    rough = grit(rng, alpha.shape[0], alpha.shape[1], size)
    return np.asarray(alpha * np.clip((rough - np.float32(depth)) * 5 + 1, 0, 1), np.float32)
