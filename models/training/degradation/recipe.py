"""The recipe: a clean photograph in, the same one worn and damaged out, with the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.degradation.fields import Generator, between, chance
from models.training.degradation.severity import Severity
from models.training.degradation.sheet import THRESHOLD, Picture, Sheet
from models.training.degradation.structured import damage
from models.training.degradation.textures import Textures
from models.training.degradation.unstructured import (
    Step,
    fading,
    grey_scan,
    jpeg,
    rounded,
    steps,
    uneven_light,
)

_LONG_EDGE = 640
"""Up to this long edge (pixels) defects have their natural size; beyond, they grow with it."""

_NO_TEXTURES = Textures()

Photograph = NDArray[np.uint8] | NDArray[np.floating]


class NotAPhotograph(ValueError):
    """What was to be degraded is not an HxWx3 picture; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Degraded:
    """One picture in three states, float32 HxWx3 from 0 to 1, and where it is damaged.

    `clean` is what a restorer should return (grey or toned where the draw made it so), `worn`
    the unstructured ageing alone, `degraded` the same draws of it with scratches, dust,
    holes... as well. `mask` (bool HxW) is damage one can see; `ignore` (bool HxW) what is
    painted but invisible, its soft fringe, and its JPEG ringing: not to be counted. `kinds`
    names what was drawn, in order.
    """

    clean: Picture
    worn: Picture
    degraded: Picture
    mask: NDArray[np.bool_]
    ignore: NDArray[np.bool_]
    kinds: tuple[str, ...] = ()


def degrade(
    image: Photograph,
    rng: Generator,
    severity: Severity,
    textures: Textures = _NO_TEXTURES,
    scale: float | None = None,
) -> Degraded:
    """Age and damage `image` (HxWx3: uint8, or float from 0 to 1), seeded by `rng` alone.

    `scale` is the size in pixels of what is one pixel wide on a small picture; by default it
    follows the long edge beyond 640 pixels. Give it when `image` is a crop of something larger.
    Raises `NotAPhotograph` for other shapes and dtypes, and for values that are not finite.
    """
    clean = _checked(image)
    # Two generators, so that the damage is the same whatever the ageing, and the other way round.
    first, second = rng.integers(0, 2**63, 2).tolist()
    ageing, hurting = np.random.default_rng(first), np.random.default_rng(second)
    height, width = clean.shape[:2]
    size = max(1.0, max(height, width) / _LONG_EDGE) if scale is None else scale

    clean, in_grey = _monochrome(clean, ageing, severity)
    untouched = chance(ageing, severity.untouched)
    aged = chance(ageing, severity.unstructured) and not untouched
    film = steps(ageing, severity, (height, width), size, textures) if aged else []
    if in_grey:
        film.append(grey_scan())
    if (aged or untouched) and chance(ageing, severity.jpeg):
        film.append(jpeg(round(between(ageing, (92, 99) if untouched else severity.jpeg_quality))))
    kinds = [step.name for step in film]

    structured = chance(hurting, severity.structured) and not untouched
    # Damage comes early (an old scratch) or late (dust on the scanner's glass), not after the scan.
    latest = sum(name not in ("grey", "jpeg") for name in kinds)
    moment = int(hurting.random() * (latest + 1))
    size *= between(hurting, severity.zoom)
    worn = _through(film[:moment], clean)
    if not structured:
        worn = rounded(_through(film[moment:], worn)) if film else worn
        nothing = np.zeros((height, width), np.bool_)
        return Degraded(clean, worn, worn.copy(), nothing, nothing.copy(), tuple(kinds))
    sheet = Sheet(worn.copy(), worn.copy(), size, severity.opacity)
    kinds += damage(sheet, hurting, severity, textures)
    worn = rounded(_through(film[moment:], sheet.undamaged))
    degraded = rounded(_through(film[moment:], sheet.picture))
    footprint = _through([step for step in film[moment:] if step.spreads], sheet.footprint)
    mask, ignore = _visible(worn, degraded, footprint > THRESHOLD, severity.visible)
    return Degraded(clean, worn, degraded, mask, ignore, tuple(kinds))


def fade(image: Photograph, rng: Generator, severity: Severity) -> Picture:
    """The tone part alone, float32 HxWx3 from 0 to 1: greyed, toned, faded, unevenly lit.

    With `Severity.without_fading` and `degrade` afterwards, for recipes whose network leaves
    tone alone. Raises `NotAPhotograph` as `degrade` does.
    """
    picture, in_grey = _monochrome(_checked(image), rng, severity)
    film = []
    if chance(rng, severity.fade):
        film.append(fading(rng, severity))
    if chance(rng, severity.uneven):
        film.append(uneven_light(rng, severity, (picture.shape[0], picture.shape[1])))
    if in_grey:
        film.append(grey_scan())
    return np.clip(_through(film, picture), 0, 1)


def _checked(image: Photograph) -> Picture:
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise NotAPhotograph(f"a picture to degrade must be HxWx3, not {image.shape}")
    if image.dtype == np.uint8:
        return np.multiply(image, np.float32(1 / 255), dtype=np.float32)
    if not np.issubdtype(image.dtype, np.floating):
        raise NotAPhotograph(f"a picture to degrade must be uint8 or float, not {image.dtype}")
    if not np.isfinite(image).all():
        raise NotAPhotograph("a picture to degrade has values that are not finite")
    return np.clip(image, 0, 1).astype(np.float32)


def _monochrome(picture: Picture, rng: Generator, severity: Severity) -> tuple[Picture, bool]:
    """Grey by a random mix of the channels (old emulsions saw blue best), or toned, or as it is;
    and whether it is scanned in grey."""
    if not chance(rng, severity.monochrome):
        return picture, _is_grey(picture)
    weights = np.array([[0.299, 0.587, 0.114]]) * (0.4 + rng.random(3))
    grey = np.asarray(cv2.transform(picture, weights / weights.sum()), np.float32)
    repeated = cast(Picture, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))
    if not chance(rng, severity.toned):
        return repeated, chance(rng, severity.grey_scan)
    strength = between(rng, (0.2, 1.0))
    hue = np.array([-0.30, 0.08, 0.45]) if chance(rng, 0.85) else rng.random(3) - 0.5
    # A gamma per channel leaves black and white alone, as a toned silver image does.
    logarithm = np.log(np.maximum(repeated, np.float32(1e-4)))
    return np.exp((1 + strength * hue).astype(np.float32) * logarithm), False


def _is_grey(picture: Picture) -> bool:
    return bool(
        (picture[..., 0] == picture[..., 1]).all() and (picture[..., 1] == picture[..., 2]).all()
    )


def _through(film: list[Step], picture: Picture) -> Picture:
    for step in film:
        picture = step.apply(picture)
    return picture


def _visible(
    worn: Picture, degraded: Picture, footprint: NDArray[np.bool_], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What is painted and seen; what is painted or changed around it, but not counted."""
    red, green, blue = cv2.split(cv2.absdiff(degraded, worn))
    changed = cv2.max(cv2.max(red, green), blue) > threshold
    mask = footprint & changed
    grown = cv2.dilate(footprint.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    return mask, (grown | changed) & ~mask
