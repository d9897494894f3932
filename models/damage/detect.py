"""Finds thin defects (scratches, hairs, creases) and specks (dust) on a whole scan.

A pyramid of the luminance plane, each level half the one below, lets the same small elements
find a two-pixel hair and a thirty-pixel crease. On each level windows are filtered one by one,
candidates are kept as runs and judged as whole components, so that the result does not depend
on how the plane was cut. Memory: the plane, its pyramid and one mask, about 2.5 bytes a pixel,
plus the windows in work.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Rectangle
from models.damage.components import Components, Runs, components_of, joined, runs_of
from models.damage.judge import DENSITY, Kind, Tones, dusty_bonus, scores, stricter_on_faces
from models.damage.ridges import REACH, Plane, responses
from models.damage.writing import letters
from models.pixels import halved, halved_box, lay, luminance, reduced_box

WINDOW = 1024
"""Side of the windows, in pixels of the level, without the margin they are read with."""

_MARGIN = REACH + DENSITY // 2 + 1
_COARSEST = 600  # pixels of the coarsest level's long edge, at least: widths to 1/120 of it
_WEAK_LINE, _WEAK_SPECK = (6.0, 2.0), (8.0, 3.0)  # contrast: levels, times activity
_STRONG = 2.0  # times the weak threshold
_LINE_SCORE, _SPECK_SCORE = 2.0, 1.5
_CERTAIN_SPECK, _DUSTY = 2.0, 6  # so many specks of that score make a dusty scan
_THICKEST = 6.5  # pixels of the level a line may be thick, soft edges included
_THICKEST_SHARE = 130  # and, on small scans, so many to the long edge

Key = tuple[Kind, bool]
_KEYS: tuple[Key, ...] = (("line", False), ("line", True), ("speck", False), ("speck", True))


@dataclass(slots=True)
class _Level:
    plane: Plane
    area: Box
    windows: dict[Box, dict[Key, Runs]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Scored:
    runs: Runs
    found: Components
    score: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Defects:
    """`mask` is HxW uint8, 0 or 1; `over_face` says that some of it meets a face's box."""

    mask: Plane
    over_face: bool

    @property
    def pixels(self) -> int:
        """Number of damaged pixels."""
        return int(cv2.countNonZero(self.mask))


class DefectDetector:
    """The detector on one scan: `detect`, then, once the plane was changed, `detect` again.

    `plane` is the HxW uint8 luminance; it is kept, and `update` writes into it. `area` bounds
    the photograph, `faces` are boxes where it must be careful, all in pixels of the plane.
    """

    def __init__(
        self, plane: Plane, area: Box, faces: tuple[Box, ...], threads: int, window: int = WINDOW
    ) -> None:
        self._threads, self._window, self._faces = threads, window, faces
        self._tones = _tones(plane, area)
        self._dusty: bool | None = None  # decided once: the repaired picture is judged alike
        self._thickest = min(_THICKEST, max(plane.shape) / _THICKEST_SHARE)
        depth = max(1, 1 + int(np.log2(max(1.0, max(plane.shape) / _COARSEST))))
        self._levels = [_Level(plane, _inner(area, plane))]
        for _ in range(depth - 1):
            below = self._levels[-1]
            self._levels.append(_Level(halved(below.plane), halved_box(below.area)))

    def detect(self) -> Defects:
        """Judge every candidate; windows already filtered and not changed are not again."""
        mask = np.zeros(self._levels[0].plane.shape, np.uint8)
        over_face = False
        for level in self._levels:
            self._filter(level)
        if self._dusty is None:
            self._dusty = self._count_specks() >= _DUSTY
        writing: list[Box] = []
        for depth, level in enumerate(self._levels):
            faces = tuple(reduced_box(face, depth) for face in self._faces)
            painted = np.zeros(level.plane.shape, np.uint8)
            for key in _KEYS:
                scored = self._scored(level, key, faces)
                if scored is None:
                    continue
                over_face |= _paint(scored, key, faces, painted)
                if key[0] == "line":
                    writing += [_enlarged(box, depth) for box in letters(scored.found)]
            _lay(painted, mask, depth)
        for box in writing:  # the dot of an i, too, and what another level saw of a letter
            mask[box.top : box.bottom, box.left : box.right] = 0
        return Defects(mask, over_face)

    def update(self, rectangles: Iterable[Rectangle]) -> None:
        """Lay the luminance of `rectangles` into the plane; forget the windows they touch."""
        boxes = []
        base = self._levels[0].plane
        for rectangle in rectangles:
            lay(base, rectangle, luminance(rectangle.pixels))
            height, width = rectangle.mask.shape
            left, top = rectangle.left, rectangle.top
            boxes.append(Box(left, top, left + width, top + height))
        if not boxes:
            return
        for depth, level in enumerate(self._levels):
            if depth:
                level.plane = halved(self._levels[depth - 1].plane)
            touched = [reduced_box(box, depth) for box in boxes]
            for window in [w for w in level.windows if _near_any(w, touched)]:
                del level.windows[window]

    def _filter(self, level: _Level) -> None:
        """Fill in the candidates of the windows that have none yet."""
        area, size = level.area, self._window
        if area.width <= 0 or area.height <= 0:
            return
        missing = []
        for top, left in product(
            range(area.top, area.bottom, size), range(area.left, area.right, size)
        ):
            box = Box(left, top, min(left + size, area.right), min(top + size, area.bottom))
            if box not in level.windows:
                missing.append(box)
        with ThreadPoolExecutor(self._threads) as pool:
            found = pool.map(lambda box: self._candidates(level.plane, box), missing)
            level.windows.update(zip(missing, found, strict=True))

    def _candidates(self, plane: Plane, box: Box) -> dict[Key, Runs]:
        """Runs of every kind inside `box`, with the sums the judge asks for."""
        height, width = plane.shape
        outer = box.grown(_MARGIN, _MARGIN, width, height)
        window = plane[outer.top : outer.bottom, outer.left : outer.right]
        pair = responses(window)
        inner = (
            slice(box.top - outer.top, box.bottom - outer.top),
            slice(box.left - outer.left, box.right - outer.left),
        )
        runs: dict[Key, Runs] = {}
        for kind, weak in (("line", _WEAK_LINE), ("speck", _WEAK_SPECK)):
            contrasts = [
                answer.line if kind == "line" else cv2.add(answer.line, answer.speck)
                for answer in pair
            ]
            limit = weak[0] * self._tones.range + weak[1] * pair[0].activity
            weaks = [contrast > limit for contrast in contrasts]
            either = (weaks[0] | weaks[1]).astype(np.float32)
            density = cv2.boxFilter(either, cv2.CV_32F, (DENSITY, DENSITY))
            for dark in (False, True):
                answer, contrast = pair[dark], contrasts[dark]
                planes = (
                    contrast,
                    answer.activity,
                    contrast > _STRONG * limit,
                    window,
                    density,
                    answer.step,
                    answer.speck,
                )
                key = cast(Key, (kind, dark))
                runs[key] = runs_of(weaks[dark][inner], tuple(p[inner] for p in planes))
        return runs

    def _scored(self, level: _Level, key: Key, faces: tuple[Box, ...]) -> _Scored | None:
        """The level's components of one kind with their scores; None where there are none."""
        kind, dark = key
        parts = [(box.top, box.left, found[key]) for box, found in level.windows.items()]
        runs = joined(parts, level.plane.shape[1])
        if len(runs) == 0:
            return None
        found = components_of(runs, level.plane.shape[1])
        score = scores(found, kind, dark, self._tones, level.area, self._thickest)
        if kind == "line" and self._dusty:
            score = score + dusty_bonus(found)
        return _Scored(runs, found, stricter_on_faces(score, found, kind, dark, faces))

    def _count_specks(self) -> int:
        """Specks beyond doubt, on the level of the scan's own pixels."""
        count = 0
        for key in _KEYS:
            scored = self._scored(self._levels[0], key, self._faces) if key[0] == "speck" else None
            count += int((scored.score > _CERTAIN_SPECK).sum()) if scored else 0
        return count


def _paint(scored: _Scored, key: Key, faces: tuple[Box, ...], painted: Plane) -> bool:
    """Paint the accepted components of one kind; true where one meets a face."""
    accepted = scored.score > (_LINE_SCORE if key[0] == "line" else _SPECK_SCORE)
    chosen = np.flatnonzero(accepted[scored.found.label])
    runs = scored.runs
    row, start, stop = runs.row[chosen], runs.start[chosen], runs.stop[chosen]
    for y, first, last in zip(row.tolist(), start.tolist(), stop.tolist(), strict=True):
        painted[y, first:last] = 1
    return any(
        bool(
            np.any(
                (row >= face.top) & (row < face.bottom) & (start < face.right) & (stop > face.left)
            )
        )
        for face in faces
    )


def _tones(plane: Plane, area: Box) -> Tones:
    """From a sample of at most a quarter million pixels at fixed places."""
    inside = plane[area.top : area.bottom, area.left : area.right]
    step = max(1, int(np.sqrt(inside.size / 250_000)))
    black, white = np.percentile(inside[::step, ::step], (1, 99))
    return Tones(float(black), float(white))


def _inner(area: Box, plane: Plane) -> Box:
    """`area` without the edge of a border that was cut: it is a straight thin line itself."""
    height, width = plane.shape
    margin = max(2, round(0.004 * max(height, width)))
    return Box(
        area.left + margin * (area.left > 0),
        area.top + margin * (area.top > 0),
        area.right - margin * (area.right < width),
        area.bottom - margin * (area.bottom < height),
    )


def _enlarged(box: Box, depth: int) -> Box:
    """`box` of a level in pixels of the plane, with a rim for a letter's soft edge."""
    rim = 2 << depth
    return Box(
        max(0, (box.left << depth) - rim),
        max(0, (box.top << depth) - rim),
        (box.right << depth) + rim,
        (box.bottom << depth) + rim,
    )


def _near_any(window: Box, boxes: list[Box]) -> bool:
    return any(
        box.left < window.right + _MARGIN
        and box.right > window.left - _MARGIN
        and box.top < window.bottom + _MARGIN
        and box.bottom > window.top - _MARGIN
        for box in boxes
    )


def _lay(painted: Plane, mask: Plane, depth: int) -> None:
    """Join a level's mask, a pixel wider (a defect's own soft edge), into the scan's."""
    if painted.size == 0:
        return
    wider = cv2.dilate(painted, np.ones((3, 3), np.uint8))
    if depth == 0:
        cv2.bitwise_or(mask, wider, dst=mask)
        return
    rows = max(1, 1024 >> depth)
    for top in range(0, wider.shape[0], rows):
        strip = wider[top : top + rows]
        size = (strip.shape[1] << depth, strip.shape[0] << depth)
        enlarged = cv2.resize(strip, size, interpolation=cv2.INTER_NEAREST)
        target = mask[top << depth : (top << depth) + size[1], : size[0]]
        cv2.bitwise_or(target, enlarged, dst=target)
