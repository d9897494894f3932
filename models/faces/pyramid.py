"""The copies of a scan in which faces are looked for: enlarged, tilted, lying, lightened.

dlib's detector knows one window of 80 pixels, nearly upright. It shrinks a picture by itself, so
a copy is searched for every face larger than its window; smaller, tilted and faint ones need
copies of their own. Every copy has a budget in pixels, so that the cost is bounded for a scan of
any size and shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Samples
from models.pixels import luminance

Plane = NDArray[np.uint8]
Matrix = NDArray[np.float64]

WINDOW = 80
"""Pixels of dlib's detector: the smallest face it sees."""

LONG_EDGE = 3000
"""Of the base copy, pixels."""

_BLACK, _WHITE = 0.5, 99.5  # percentiles a base copy is stretched between
_MOST_GAIN = 12.0  # a nearly empty page is not stretched into its own grain
_FAINT = 60  # levels between the percentiles, in the scan, from which down a print is faint
_TILES, _CLIP = 8, 3.0  # of the local equalisation


@dataclass(frozen=True, slots=True)
class Look:
    """A kind of copy: turned by `angle` degrees (counter-clockwise), enlarged at most `most`
    times the base copy and never beyond `budget` pixels; `equalised` locally or not."""

    name: str
    angle: float
    most: float
    budget: float
    equalised: bool = False


UPRIGHT = Look("upright", 0.0, 4.0, 12e6)
TILTED = (Look("tilted left", 30.0, 2.0, 3e6), Look("tilted right", -30.0, 2.0, 3e6))
LYING = (Look("on its left", 90.0, 2.0, 2e6), Look("on its right", -90.0, 2.0, 2e6))
FAINT = Look("equalised", 0.0, 2.0, 6e6, equalised=True)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy to be searched: `plane` hxw, and `back` 2x3 from its pixel edges to the scan's
    (coordinates where a pixel covers a unit square, so the first begins at 0)."""

    look: Look
    plane: Plane
    back: Matrix

    def in_scan(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """`points` n x 2 (x, y) of the copy, in the scan."""
        return points @ self.back[:, :2].T + self.back[:, 2]


@dataclass(frozen=True, slots=True)
class Base:
    """The reduced luminance of a scan, stretched; all copies are made from it.

    `faint`: whether the scan's own tones were so close together that local contrast may help.
    """

    plane: Plane
    width: int
    height: int
    faint: bool

    def copy(self, look: Look) -> Copy:
        """The copy for `look`; a turned one is large enough to hold the whole picture."""
        rows, columns = self.plane.shape
        plane = self.plane
        if look.equalised:
            plane = cast(Plane, cv2.createCLAHE(_CLIP, (_TILES, _TILES)).apply(plane))
        turn = np.deg2rad(look.angle)
        cosine, sine = np.cos(turn), np.sin(turn)
        held = abs(columns * cosine) + abs(rows * sine), abs(columns * sine) + abs(rows * cosine)
        scale = min(look.most, (look.budget / (held[0] * held[1])) ** 0.5)
        cosine, sine = scale * cosine, scale * sine
        width = max(1, round(abs(columns * cosine) + abs(rows * sine)))
        height = max(1, round(abs(columns * sine) + abs(rows * cosine)))
        linear = np.array([[cosine, sine], [-sine, cosine]])
        shift = np.array([width, height]) / 2 - linear @ (np.array([columns, rows]) / 2)
        if look.angle == 0:
            linear, shift = np.diag([width / columns, height / rows]), np.zeros(2)
            turned = _resized(plane, width, height)
        else:
            turned = _warped(plane, scale, linear / scale, shift, width, height)
        inverse = np.linalg.inv(linear)
        to_scan = np.diag([self.width / columns, self.height / rows])
        back = np.concatenate([to_scan @ inverse, (to_scan @ inverse @ -shift)[:, None]], axis=1)
        return Copy(look, turned, back)

    def copies(self, looks: tuple[Look, ...]) -> Iterator[Copy]:
        """One after another: they are large."""
        return (self.copy(look) for look in looks)


def base(pixels: Samples) -> Base:
    """The base copy of `pixels` HxW or HxWx3, uint8 or uint16: at most 3000 pixels long.

    Tones are stretched before they are rounded to 8 bits: a dark 16-bit scan keeps its steps.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, LONG_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = pixels
    if size != (width, height):
        small = cast(Samples, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    plane: NDArray[np.generic] = luminance(small)
    if small.dtype == np.uint16:
        plane = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small
    unit = 257.0 if plane.dtype == np.uint16 else 1.0
    values = plane.astype(np.float32).reshape(size[1], size[0]) / unit
    low, high = np.percentile(values[::4, ::4], (_BLACK, _WHITE))
    gain = min(_MOST_GAIN, 255 / max(1.0, float(high - low)))
    stretched = np.clip(np.rint((values - low) * gain), 0, 255).astype(np.uint8)
    return Base(stretched, width, height, bool(high - low < _FAINT))


def _resized(plane: Plane, width: int, height: int) -> Plane:
    if (height, width) == plane.shape:
        return plane
    larger = width > plane.shape[1]
    method = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    return cast(Plane, cv2.resize(plane, (width, height), interpolation=method))


def _warped(
    plane: Plane, scale: float, turn: Matrix, shift: NDArray[np.float64], width: int, height: int
) -> Plane:
    """`plane` scaled, then turned; reduced by area averaging first, since warping does not."""
    rows, columns = plane.shape
    if scale < 1:
        plane = _resized(plane, max(1, round(columns * scale)), max(1, round(rows * scale)))
    across, down = columns / plane.shape[1], rows / plane.shape[0]
    matrix = scale * turn @ np.diag([across, down])
    # OpenCV counts from pixel centres, ours from pixel edges
    centred = shift + matrix @ np.array([0.5, 0.5]) - 0.5
    middle = int(np.median(plane[::8, ::8]))
    return cast(
        Plane,
        cv2.warpAffine(
            plane,
            np.concatenate([matrix, centred[:, None]], axis=1),
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=middle,
        ),
    )
