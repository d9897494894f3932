"""Unstructured ageing: fading, casts, uneven light, paper, blur, grain, noise, JPEG.

Each step draws everything it needs when it is made, so that the same step can be applied to the
damaged and to the undamaged print. Kinds and random order follow Wan et al., TPAMI 2022,
section 4.1; fading acts on each dye layer by its own curve, as dyes lose density layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import (
    Generator,
    Plane,
    between,
    chance,
    grit,
    smooth_field,
)
from models.training.degradation.severity import Severity
from models.training.degradation.sheet import Picture
from models.training.degradation.textures import Textures


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of ageing. `spreads`: it mixes neighbours, so damage grows under it."""

    name: str
    apply: Callable[[Picture], Picture]
    spreads: bool = False


def steps(
    rng: Generator, severity: Severity, shape: tuple[int, int], scale: float, textures: Textures
) -> list[Step]:
    """The ageing of one picture of `shape` (height, width) in a random order, without the JPEG."""
    drawn: list[Step] = []
    for probability, make in (
        (severity.fade, fading),
        (severity.uneven, uneven_light),
        (severity.paper, _paper),
        (severity.blur, _blur),
        (severity.grain, _grain),
        (severity.noise, _noise),
        (severity.resample, _resample),
    ):
        if chance(rng, probability):
            drawn.append(make(rng, severity, shape, scale, textures))
    order = rng.permutation(len(drawn))
    return [drawn[index] for index in order]


def fading(rng: Generator, severity: Severity, *_: object) -> Step:
    """Black lifted, white lowered, gamma bent; each dye layer to its own degree (a cast)."""
    uneven = between(rng, severity.cast_strength) if chance(rng, severity.cast) else 0.0
    black = between(rng, severity.fade_black) + uneven * rng.random(3)
    white = between(rng, severity.fade_white) - uneven * rng.random(3)
    gamma = between(rng, severity.fade_gamma) * (1 + 2 * uneven * (rng.random(3) - 0.5))
    if chance(rng, 0.5):
        # Yellowing: paper and gelatine darken in blue first.
        white = white * np.array([1.0, 1 - 0.4 * uneven, 1 - 1.5 * uneven])
    reach = np.maximum(white - black, 0.25).astype(np.float32)
    black, gamma = black.astype(np.float32), gamma.astype(np.float32)

    def apply(picture: Picture) -> Picture:
        # exp(gamma log x) and not x ** gamma: several times faster in float32.
        power = np.maximum(picture, np.float32(1e-4))
        np.log(power, out=power)
        power *= gamma
        np.exp(power, out=power)
        power *= reach
        power += black
        return power

    return Step("fade", apply)


def uneven_light(rng: Generator, severity: Severity, shape: tuple[int, int], *_: object) -> Step:
    """Slow changes of light or fading over the picture; darker corners half of the time."""
    strength = between(rng, severity.uneven_strength)
    field = strength * smooth_field(rng, *shape, cells=between(rng, (1.0, 4.0)))
    if chance(rng, 0.5):
        ys = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, np.newaxis]
        xs = np.linspace(-1, 1, shape[1], dtype=np.float32)
        field = field * 0.5 - strength * (xs * xs + ys * ys)
    gain = np.clip(1 + field, 0.3, 1.6).astype(np.float32)[..., np.newaxis]
    return Step("uneven", lambda picture: picture * gain)


def _paper(
    rng: Generator, severity: Severity, shape: tuple[int, int], scale: float, textures: Textures
) -> Step:
    """The relief of the paper, seen by a scanner's slanting light."""
    strength = np.float32(between(rng, severity.paper_strength))
    if textures.papers and chance(rng, 0.6):
        relief = _tiled(rng, textures.papers[int(rng.integers(len(textures.papers)))], shape)
    else:
        height = grit(rng, shape[0] + 1, shape[1] + 1, scale * between(rng, (1.0, 3.0)))
        relief = height[1:, 1:] - height[:-1, :-1]
        relief = relief / (relief.std() + np.float32(1e-6))
    gain = (1 + strength * relief)[..., np.newaxis]
    return Step("paper", lambda picture: picture * gain)


def _tiled(rng: Generator, tile: Plane, shape: tuple[int, int]) -> Plane:
    rows = (np.arange(shape[0]) + int(rng.integers(tile.shape[0]))) % tile.shape[0]
    columns = (np.arange(shape[1]) + int(rng.integers(tile.shape[1]))) % tile.shape[1]
    return cast(Plane, tile[rows][:, columns])


def _blur(rng: Generator, severity: Severity, _shape: object, scale: float, *_: object) -> Step:
    """Out of focus (Gaussian), box, or moved (a line)."""
    sigma = between(rng, severity.blur_sigma) * scale**0.5
    kind = float(rng.random())
    if kind < 0.6:
        return Step("blur", lambda p: cast(Picture, cv2.GaussianBlur(p, (0, 0), sigma)), True)
    size = max(2, round(sigma * 2.4))
    if kind < 0.8:
        return Step("blur", lambda p: cast(Picture, cv2.blur(p, (size, size))), True)
    kernel = _motion_kernel(size + 1, float(rng.random()) * np.pi)
    return Step("blur", lambda p: cast(Picture, cv2.filter2D(p, -1, kernel)), True)


def _motion_kernel(length: int, angle: float) -> NDArray[np.float32]:
    side = length + 2 + (length + 1) % 2
    canvas = np.zeros((side, side), np.float32)
    middle = (side - 1) / 2
    dx, dy = np.cos(angle) * (length - 1) / 2, np.sin(angle) * (length - 1) / 2
    first, last = (
        (round(16 * (middle + sign * dx)), round(16 * (middle + sign * dy))) for sign in (-1, 1)
    )
    cv2.line(canvas, first, last, 1.0, 1, cv2.LINE_8, 4)
    return cast(NDArray[np.float32], canvas / canvas.sum())


def _grain(
    rng: Generator, severity: Severity, shape: tuple[int, int], scale: float, *_: object
) -> Step:
    """Silver grain: correlated over about a pixel, strongest in the middle tones."""
    channels = 1 if chance(rng, 0.7) else 3
    noise = rng.standard_normal((*shape, channels), dtype=np.float32)
    sigma = between(rng, (0.5, 1.1)) * scale**0.5
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float32)
    # A Gaussian filter of this width leaves white noise a deviation of 1 / (2 sqrt(pi) sigma).
    amount = between(rng, severity.grain_strength) * 2 * np.sqrt(np.pi) * sigma
    grains = soft.reshape(*shape, channels) * np.float32(amount)

    def apply(picture: Picture) -> Picture:
        share = picture * (1 - picture)
        share *= np.float32(2.6)
        share += np.float32(0.35)
        share *= grains
        share += picture
        return share

    return Step("grain", apply)


def _noise(rng: Generator, severity: Severity, shape: tuple[int, int], *_: object) -> Step:
    """A sensor's noise: white, constant (electronics) or growing with light (photons)."""
    channels = 1 if chance(rng, 0.3) else 3
    noise = rng.standard_normal((*shape, channels), dtype=np.float32)
    noise *= np.float32(between(rng, severity.noise_strength))
    if chance(rng, 0.5):
        return Step("noise", lambda picture: picture + noise)

    def photons(picture: Picture) -> Picture:
        level = np.sqrt(np.maximum(picture, np.float32(0.02)))
        level *= noise
        level *= np.float32(1.4)
        level += picture
        return level

    return Step("noise", photons)


def _resample(rng: Generator, severity: Severity, shape: tuple[int, int], *_: object) -> Step:
    """Made smaller and larger again, as copies of copies are."""
    factor = between(rng, severity.resample_factor)
    size = max(1, round(shape[1] / factor)), max(1, round(shape[0] / factor))
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(2))]

    def apply(picture: Picture) -> Picture:
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return cast(Picture, cv2.resize(small, (shape[1], shape[0]), interpolation=up))

    return Step("resample", apply, True)


_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)


def grey_scan() -> Step:
    """Scanned in grey: one channel, given back as three equal ones."""

    def apply(picture: Picture) -> Picture:
        return cast(Picture, cv2.cvtColor(cv2.transform(picture, _LUMA), cv2.COLOR_GRAY2RGB))

    return Step("grey", apply)


def jpeg(quality: int) -> Step:
    """Encoded and decoded as JPEG of this quality."""

    def apply(picture: Picture) -> Picture:
        samples = cv2.convertScaleAbs(np.maximum(picture, 0), alpha=255)
        swapped = cv2.cvtColor(samples, cv2.COLOR_RGB2BGR)  # OpenCV codes blue, green, red
        coded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.cvtColor(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
        return np.multiply(decoded, np.float32(1 / 255), dtype=np.float32)

    return Step("jpeg", apply)


def rounded(picture: Picture) -> Picture:
    """In 8-bit levels, between 0 and 1."""
    samples = cv2.convertScaleAbs(np.maximum(picture, 0), alpha=255)  # saturates and rounds
    return np.multiply(samples, np.float32(1 / 255), dtype=np.float32)
