"""Enhancements that lie, and honest ones, to measure the identity guard on.

From an aligned portrait a pair is made: what the scan shows (`before`: the portrait, degraded or
not) and what an enhancer might return (`after`). The lies are those seen in practice: eyes
turned, a face swapped, a mouth erased, skin smoothed. The honest ones sharpen, deblur and
denoise what the scan shows, or give back the very portrait a degraded scan was made from, which
is the best any network could do. Everything follows from the seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.guard import EYE_LEFT, EYE_RIGHT, LIMITS, MOUTH, Distance, Limits, Verdict, check

Crop = NDArray[np.float32]
Say = Callable[[str], None]

SIDE = 256
INTEROCULAR = 74.0
"""Pixels between the eye centres of an aligned crop of 256."""

LEAST_SHIFT, MOST_SHIFT = 0.05, 0.10
"""Of the interocular distance: how far eyes and irises are moved."""

TAMPERED = ("iris moved", "eyes moved", "swapped", "mouth erased", "smoothed")
HONEST = ("sharpened", "denoised", "deblurred", "restored")


@dataclass(frozen=True, slots=True)
class Pair:
    """Crops 256x256x3 float32 in [0, 1]: of the scan and of the enhancer; `kind` one of
    `TAMPERED` or `HONEST`."""

    kind: str
    before: Crop
    after: Crop


@dataclass(slots=True)
class GuardTally:
    """Verdicts counted by kind; `str` gives the table."""

    seen: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, verdict: Verdict) -> None:
        """Count one pair."""
        self.seen[kind] += 1
        self.stopped[kind] += not verdict.passed

    @property
    def catches(self) -> float:
        """Share of tampered pairs that were stopped; nan without any."""
        return self._share(TAMPERED)

    @property
    def false_alarms(self) -> float:
        """Share of honest pairs that were stopped; nan without any."""
        return self._share(HONEST)

    def __str__(self) -> str:
        lines = [
            f"{kind}: {self.stopped[kind]} of {self.seen[kind]} stopped"
            for kind in (*TAMPERED, *HONEST)
            if self.seen[kind]
        ]
        lines.append(f"catches {self.catches:.1%}, false alarms {self.false_alarms:.1%}")
        return "\n".join(lines)

    def _share(self, kinds: Sequence[str]) -> float:
        total = sum(self.seen[kind] for kind in kinds)
        return sum(self.stopped[kind] for kind in kinds) / total if total else float("nan")


def pairs(portraits: Sequence[Crop], count: int, seed: int = 0) -> Iterator[Pair]:
    """`count` tampered and `count` honest pairs from aligned `portraits` 256x256x3, in turn.

    Pair i depends on the seed, on i and on the portraits. Raises `ValueError` for fewer than two
    portraits: a swap needs another.
    """
    if len(portraits) < 2:
        raise ValueError(f"{len(portraits)} portraits: at least two are needed to swap faces")
    for index in range(count):
        random = np.random.default_rng((seed, index))
        portrait = portraits[index % len(portraits)]
        other = portraits[(index + 1 + int(random.integers(len(portraits) - 1))) % len(portraits)]
        yield tampered(TAMPERED[index % len(TAMPERED)], portrait, other, random)
        yield honest(HONEST[index % len(HONEST)], portrait, random)


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


def honest(kind: str, portrait: Crop, random: np.random.Generator) -> Pair:
    """A pair whose enhancement shows what the scan shows."""
    if kind == "sharpened":
        return Pair(kind, portrait, sharpened(portrait, float(random.uniform(0.3, 1.2))))
    if kind == "denoised":
        noise = random.normal(0, random.uniform(0.01, 0.04), portrait.shape[:2])
        before = _clipped(portrait + noise[..., None])
        levels = np.rint(255 * before).astype(np.uint8)
        strength = float(random.uniform(2, 5))
        quiet = cv2.fastNlMeansDenoisingColored(levels, None, strength, strength, 5, 15)
        return Pair(kind, before, (quiet / 255).astype(np.float32))
    if kind == "deblurred":
        before = _blurred(portrait, float(random.uniform(0.8, 2.0)))
        return Pair(kind, before, sharpened(before, float(random.uniform(0.8, 2.0)), 2.0))
    if kind == "restored":
        return Pair(kind, degraded(portrait, random), portrait)
    raise ValueError(f"no honest enhancement {kind!r}; there are {', '.join(HONEST)}")


def degraded(portrait: Crop, random: np.random.Generator) -> Crop:
    """The portrait as a scan may show it: smaller, blurred, noisy, faded, a JPEG."""
    small = round(SIDE / random.uniform(1.0, 3.0))
    reduced = cv2.resize(portrait, (small, small), interpolation=cv2.INTER_AREA)
    enlarged = cast(Crop, cv2.resize(reduced, (SIDE, SIDE)))
    soft = _blurred(enlarged, float(random.uniform(0.3, 1.5)))
    white = random.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    grain = _blurred(white, float(random.uniform(0.4, 1.0)))
    grainy = soft + (random.uniform(0.0, 0.04) * grain / np.std(grain))[..., None]
    fading = random.uniform(0.6, 1.0)
    image = _clipped(grainy * fading + random.uniform(0, 1 - fading))
    levels = np.rint(255 * image).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(50, 95))]
    _, data = cv2.imencode(".jpg", levels, quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return (decoded / 255).astype(np.float32)


def sharpened(crop: Crop, amount: float, sigma: float = 1.5) -> Crop:
    """Unsharp masking."""
    return _clipped(crop + amount * (crop - _blurred(crop, sigma)))


def measure(
    portraits: Sequence[Crop],
    count: int = 200,
    seed: int = 0,
    limits: Limits = LIMITS,
    distance: Distance | None = None,
    own: Iterable[tuple[Crop, Crop]] = (),
    say: Say = print,
) -> GuardTally:
    """Catches and false alarms of the guard on `count` tampered and `count` honest pairs.

    `own` adds pairs (scan, enhanced) of a network taken as honest; they are counted as restored.
    """
    tally = GuardTally()
    for pair in pairs(portraits, count, seed):
        tally.add(pair.kind, check(pair.before, pair.after, limits, distance))
    for before, after in own:
        tally.add("restored", check(before, after, limits, distance))
    say(str(tally))
    return tally


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
    return _clipped(np.asarray(moved))


def _swapped(crop: Crop, other: Crop) -> Crop:
    """Another face within an oval, in the tones of this one."""
    weight = _oval((128.0, 150.0), (58.0, 80.0), 8.0)
    inside = weight[..., 0] > 0.5
    mean, spread = crop[inside].mean(axis=0), crop[inside].std(axis=0)
    fitted = (other - other[inside].mean(axis=0)) / (other[inside].std(axis=0) + 1e-3)
    return _clipped(weight * (fitted * spread + mean) + (1 - weight) * crop)


def _mouth_erased(crop: Crop, random: np.random.Generator) -> Crop:
    """The mouth, or one half of it, painted over with skin."""
    whole = random.random() < 0.7
    x = MOUTH[0] + (0.0 if whole else random.choice([-16.0, 16.0]))
    across = 36.0 if whole else 22.0
    hole = (_oval((x, MOUTH[1]), (across, 20.0), 0.7)[..., 0] > 0.5).astype(np.uint8)
    levels = np.rint(255 * crop).astype(np.uint8)
    filled = cv2.inpaint(levels, hole, 5, cv2.INPAINT_TELEA) / 255
    weight = _oval((x, MOUTH[1]), (across, 20.0), 2.0)
    return _clipped(weight * filled + (1 - weight) * crop)


def _smoothed_skin(crop: Crop, random: np.random.Generator) -> Crop:
    """Wax: texture gone, by a bilateral, a median or a Gaussian filter."""
    levels = np.rint(255 * crop).astype(np.uint8)
    way = int(random.integers(3))
    if way == 0:
        smooth = cv2.bilateralFilter(levels, 21, float(random.uniform(60, 110)), 10.0)
    elif way == 1:
        smooth = cv2.medianBlur(levels, int(random.choice([13, 15, 17])))
    else:
        return _blurred(crop, float(random.uniform(2.5, 4.0)))
    return (smooth / 255).astype(np.float32)


def _oval(middle: tuple[float, float], radii: tuple[float, float], soft: float) -> Crop:
    """256x256x1, 1 within the oval, falling to 0 over some `soft` pixels."""
    plane = np.zeros((SIDE, SIDE), np.float32)
    centre = (round(middle[0]), round(middle[1]))
    cv2.ellipse(plane, centre, (round(radii[0]), round(radii[1])), 0, 0, 360, 1.0, -1)
    return _blurred(plane, soft)[..., None]


def _blurred(crop: Crop, sigma: float) -> Crop:
    soft = cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return cast(Crop, np.asarray(soft, np.float32))


def _clipped(values: NDArray[Any]) -> Crop:
    return cast(Crop, np.clip(values, 0, 1).astype(np.float32))
