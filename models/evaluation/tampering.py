"""Enhancements that lie, to measure the identity guard on.

From an aligned portrait a pair is made: what the scan shows (`before`: the portrait, degraded or
not) and what an enhancer might return (`after`). The lies are those seen in practice: eyes
turned, a face swapped, a mouth erased, skin smoothed. Everything follows from the generator.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.evaluation.honesty import SIDE, Crop, Pair, blurred, clipped, degraded, sharpened
from models.faces.guard import EYE_LEFT, EYE_RIGHT, MOUTH

INTEROCULAR = 74.0
"""Pixels between the eye centres of an aligned crop of 256."""

LEAST_SHIFT, MOST_SHIFT = 0.05, 0.10
"""Of the interocular distance: how far eyes and irises are moved."""

TAMPERED = ("iris moved", "eyes moved", "swapped", "mouth erased", "smoothed")


def tampered(kind: str, portrait: Crop, other: Crop, random: np.random.Generator) -> Pair:
    """A pair whose enhancement is a lie; in half of them the scan was degraded.

    Not for smoothing: a scan that is as soft itself has lost nothing by it.
    """
    poor = random.random() < 0.5 and kind != "smoothed"
    before = degraded(portrait, random) if poor else portrait
    # enhancers sharpen what they return
    clean = sharpened(portrait, float(random.uniform(0.0, 0.5)))
    if kind == "iris moved":
        after = _eyes_moved(clean, (12.0, 9.0), random)
    elif kind == "eyes moved":
        after = _eyes_moved(clean, (27.0, 17.0), random)
    elif kind == "swapped":
        after = _swapped(clean, other)
    elif kind == "mouth erased":
        after = _mouth_erased(clean, random)
    elif kind == "smoothed":
        after = _smoothed_skin(clean, random)
    else:
        raise ValueError(f"no tampering {kind!r}; there are {', '.join(TAMPERED)}")
    return Pair(kind, before, after)


def _eyes_moved(crop: Crop, radii: tuple[float, float], random: np.random.Generator) -> Crop:
    """What lies within `radii` of the eye centres moved, its surroundings stretched; both eyes
    alike, or (one time in four) only one."""
    length = INTEROCULAR * random.uniform(LEAST_SHIFT, MOST_SHIFT)
    side = 0.0 if random.random() < 0.5 else np.pi
    direction = side + random.uniform(-np.pi / 4, np.pi / 4)
    shift = length * np.array([np.cos(direction), np.sin(direction)])
    both = [EYE_LEFT, EYE_RIGHT]
    eyes = both if random.random() < 0.75 else [both[int(random.integers(2))]]
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    share = np.zeros((SIDE, SIDE), np.float32)
    for x, y in eyes:
        reach = (columns - x - shift[0]) ** 2 / radii[0] ** 2
        reach = reach + (rows - y - shift[1]) ** 2 / radii[1] ** 2
        # nearly flat within the radii, so that the iris moves whole; gone at twice them
        share = np.maximum(share, np.exp(-((reach / 2.5) ** 3)).astype(np.float32))
    across = (columns - share * shift[0]).astype(np.float32)
    down = (rows - share * shift[1]).astype(np.float32)
    moved = cv2.remap(crop, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return clipped(np.asarray(moved))


def _swapped(crop: Crop, other: Crop) -> Crop:
    """Another face within an oval, in the tones of this one."""
    weight = _oval((128.0, 150.0), (58.0, 80.0), 8.0)
    inside = weight[..., 0] > 0.5
    mean, spread = crop[inside].mean(axis=0), crop[inside].std(axis=0)
    fitted = (other - other[inside].mean(axis=0)) / (other[inside].std(axis=0) + 1e-3)
    return clipped(weight * (fitted * spread + mean) + (1 - weight) * crop)


def _mouth_erased(crop: Crop, random: np.random.Generator) -> Crop:
    """The mouth, or one half of it, painted over with skin."""
    whole = random.random() < 0.7
    x = MOUTH[0] + (0.0 if whole else random.choice([-16.0, 16.0]))
    across = 36.0 if whole else 22.0
    hole = (_oval((x, MOUTH[1]), (across, 20.0), 0.7)[..., 0] > 0.5).astype(np.uint8)
    levels = np.rint(255 * crop).astype(np.uint8)
    filled = cv2.inpaint(levels, hole, 5, cv2.INPAINT_TELEA) / 255
    weight = _oval((x, MOUTH[1]), (across, 20.0), 2.0)
    return clipped(weight * filled + (1 - weight) * crop)


def _smoothed_skin(crop: Crop, random: np.random.Generator) -> Crop:
    """Wax: texture gone, by a bilateral, a median or a Gaussian filter."""
    levels = np.rint(255 * crop).astype(np.uint8)
    way = int(random.integers(3))
    if way == 0:
        smooth = cv2.bilateralFilter(levels, 21, float(random.uniform(60, 110)), 10.0)
    elif way == 1:
        smooth = cv2.medianBlur(levels, int(random.choice([13, 15, 17])))
    else:
        return blurred(crop, float(random.uniform(2.5, 4.0)))
    return (smooth / 255).astype(np.float32)


def _oval(middle: tuple[float, float], radii: tuple[float, float], soft: float) -> Crop:
    """256x256x1, 1 within the oval, falling to 0 over some `soft` pixels."""
    plane = np.zeros((SIDE, SIDE), np.float32)
    centre = (round(middle[0]), round(middle[1]))
    cv2.ellipse(plane, centre, (round(radii[0]), round(radii[1])), 0, 0, 360, 1.0, -1)
    return blurred(plane, soft)[..., None]
