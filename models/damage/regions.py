"""From probabilities to the pixels that are taken for damage, with care where harm is likely.

Hysteresis (Canny 1986, IEEE PAMI 8(6)): a component of weakly suspected pixels counts when some
of them are strongly suspected. Numbers, captions and signatures are never damage. Inside the
boxes of faces both limits are stricter, and over eyes and mouth a component counts only when it
comes from well outside of them: eyes, lashes, spectacles, lips and a cigarette look like damage
to any detector (measured), a scratch across a face does not end where an eye does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contract import Box
from models.damage.components import Components, Runs, components_of, joined, runs_of
from models.damage.features import face_features
from models.damage.writing import is_writing
from models.pixels import strips

Plane = NDArray[np.uint8]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_CERTAINLY, _STRONGLY = 0, 1  # planes summed over runs: probability, strongly suspected
_FULL_SIZE = 2000  # pixels of long edge to which `smallest` and `grown` refer
_DOT = 0.5  # of a letter's height, around it: the dot of an i


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What it takes to be damage; calibrated on calibration photographs, never on reported ones.

    `weak` and `strong`: probabilities of hysteresis; `face_weak`, `face_strong`: the same inside
    the boxes of faces. `smallest`: pixels of a component at 2000 pixels of long edge, never
    fewer on smaller scans. `grown`: pixels the mask is widened by there, at least one on any
    scan unless 0: a defect's own soft edge. `written`: mean probability from which on a
    component is damage although it stands in a row like letters. `support`: how far, in widths
    of the face's box, a component must reach beyond eyes and mouth to count over them.
    `thickest`: half-width, in widths of the face's box, above which damage over an eye or a
    mouth is a loss and left alone. `side`: share of the long edge along the sides of a cut-out
    photograph area where nothing counts.
    """

    weak: float = 0.35
    strong: float = 0.65
    face_weak: float = 0.6
    face_strong: float = 0.85
    smallest: float = 6.0
    grown: float = 1.0
    written: float = 0.9
    support: float = 1.0
    thickest: float = 0.04
    side: float = 0.004


@dataclass(frozen=True, slots=True)
class Regions:
    """`mask` is HxW uint8, 1 where damaged and to be filled. `over_face`: some of it lies in a
    face's box. `over_feature`: damage lies over an eye or a mouth, whether it is filled (thin,
    and coming from far) or was left alone."""

    mask: Plane
    over_face: bool
    over_feature: bool

    @property
    def pixels(self) -> int:
        """Number of damaged pixels."""
        return int(cv2.countNonZero(self.mask))


def regions(
    probability: Plane, area: Box, faces: tuple[Box, ...], thresholds: Thresholds
) -> Regions:
    """The damage in `probability` (HxW uint8, 255 is certain) inside `area`.

    `faces` are boxes in pixels of the plane. The result does not depend on how the plane is cut.
    """
    height, width = probability.shape
    mask = np.zeros((height, width), np.uint8)
    runs = _suspected(
        probability, _inner(area, probability.shape, thresholds.side), faces, thresholds
    )
    if len(runs) == 0:
        return Regions(mask, False, False)
    found = components_of(runs, width)
    size = max(1.0, max(height, width) / _FULL_SIZE)
    mean = found.sums[:, _CERTAINLY] / (255 * found.area)
    kept = (found.sums[:, _STRONGLY] > 0) & (found.area >= thresholds.smallest * size**2)
    kept &= ~_written(found, mean < thresholds.written)
    over_feature = False
    bands = [band for face in faces for band in face_features(face)]
    for face in faces:
        supported = _supported(runs, found, face, bands, thresholds.support)
        over_feature |= bool((kept & ~supported & (mean >= thresholds.face_strong)).any())
        kept &= supported
    _paint(runs, kept[found.label], mask)
    grown = max(1, round(thresholds.grown * size)) if thresholds.grown else 0
    if grown and kept.any():
        side = 2 * grown + 1
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        cv2.dilate(mask, element, dst=mask)
    for face in faces:
        for band in face_features(face):
            over_feature |= _spare_losses(mask, band, thresholds.thickest * face.width)
    return Regions(mask, any(_window(mask, face).any() for face in faces), over_feature)


def _suspected(
    probability: Plane, area: Box, faces: tuple[Box, ...], thresholds: Thresholds
) -> Runs:
    """Runs of weakly suspected pixels, with sums of probability and of strong suspicion."""
    parts: list[tuple[int, int, Runs]] = []
    if area.width <= 0 or area.height <= 0:
        return joined(parts, probability.shape[1])
    for above, below in strips(area.height, area.width):
        top, bottom = area.top + above, area.top + below
        strip = probability[top:bottom, area.left : area.right]
        weak, strong = (
            strip >= np.uint8(np.ceil(255 * limit))
            for limit in (thresholds.weak, thresholds.strong)
        )
        for face in faces:
            place = (
                slice(max(face.top - top, 0), max(face.bottom - top, 0)),
                slice(max(face.left - area.left, 0), max(face.right - area.left, 0)),
            )
            weak[place] &= strip[place] >= 255 * thresholds.face_weak
            strong[place] &= strip[place] >= 255 * thresholds.face_strong
        if weak.any():
            parts.append((top, area.left, runs_of(weak, (strip, strong))))
    return joined(parts, probability.shape[1])


def _written(found: Components, doubtful: Bools) -> Bools:
    """Components that are letters, or small things beside one; never those beyond doubt."""
    letter = is_writing(found) & doubtful
    if not letter.any():
        return letter
    written = letter.copy()
    small = np.flatnonzero(doubtful & ~letter)
    for index in np.flatnonzero(letter).tolist():
        reach = _DOT * float(found.bottom[index] - found.top[index])
        inside = (
            (found.left[small] >= found.left[index] - reach)
            & (found.right[small] <= found.right[index] + reach)
            & (found.top[small] >= found.top[index] - reach)
            & (found.bottom[small] <= found.bottom[index] + reach)
        )
        written[small[inside]] = True
    return written


def _supported(runs: Runs, found: Components, face: Box, bands: list[Box], support: float) -> Bools:
    """Which components either do not meet this face's eyes and mouth, or come from well outside.

    What lies in the bands of any face supports nothing: two faces side by side vouch for
    neither.
    """
    supported = np.ones(len(found), bool)
    met: set[int] = set()
    for band in face_features(face):
        inside = (
            (runs.row >= band.top)
            & (runs.row < band.bottom)
            & (runs.start < band.right)
            & (runs.stop > band.left)
        )
        met |= set(np.unique(found.label[inside]).tolist())
    for index in met:
        mine = found.label == index
        row, start, stop = runs.row[mine], runs.start[mine], runs.stop[mine]
        for band in bands:
            row, start, stop = _without(row, start, stop, band)
        if not len(row):
            supported[index] = False
            continue
        extent = max(int(np.ptp(row)) + 1, int(stop.max() - start.min()))
        # The extent spans the bands in between; its pixels must be there as well.
        pixels = int((stop - start).sum())
        supported[index] = min(extent, pixels) >= support * face.width
    return supported


def _without(row: Ints, start: Ints, stop: Ints, band: Box) -> tuple[Ints, Ints, Ints]:
    """The runs less what lies in `band`; a run it cuts in two becomes two."""
    meets = (row >= band.top) & (row < band.bottom) & (start < band.right) & (stop > band.left)
    before, after = meets & (start < band.left), meets & (stop > band.right)
    return (
        np.concatenate([row[~meets], row[before], row[after]]),
        np.concatenate([start[~meets], start[before], np.full(after.sum(), band.right)]),
        np.concatenate([stop[~meets], np.full(before.sum(), band.left), stop[after]]),
    )


def _spare_losses(mask: Plane, band: Box, thickest: float) -> bool:
    """Unmark what is too thick inside `band`; true where damage lies there at all."""
    inside = _window(mask, band)
    if not inside.any():
        return False
    # Sound pixels beyond the band are not seen here: the rim makes its border count as damage.
    rim = int(np.ceil(thickest)) + 2
    padded = cv2.copyMakeBorder(inside, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    deep = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5) > max(2.0, thickest)
    if deep.any():
        count, labels = cv2.connectedComponents(padded, connectivity=8)
        loss = np.zeros(count, bool)
        loss[np.unique(labels[deep])] = True
        inside[loss[labels[rim:-rim, rim:-rim]]] = 0
    return True


def _paint(runs: Runs, chosen: Bools, mask: Plane) -> None:
    row, start, stop = runs.row[chosen], runs.start[chosen], runs.stop[chosen]
    for y, first, last in zip(row.tolist(), start.tolist(), stop.tolist(), strict=True):
        mask[y, first:last] = 1


def _window(mask: Plane, box: Box) -> Plane:
    """The view of `mask` in `box`, which may reach beyond the picture."""
    return mask[max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)]


def _inner(area: Box, shape: tuple[int, ...], share: float) -> Box:
    """`area` without the edge of a border that was cut: it is a straight thin line itself."""
    height, width = shape
    margin = max(2, round(share * max(height, width))) if share else 0
    return Box(
        area.left + margin * (area.left > 0),
        area.top + margin * (area.top > 0),
        area.right - margin * (area.right < width),
        area.bottom - margin * (area.bottom < height),
    )
