"""Faces on a scan, found with two detectors of dlib's: the HOG one (Dalal and Triggs 2005; King
2009, dlib-ml), whose proposals landmarks must confirm, and the convolutional one (King 2015).

HOG looks at the scan's copy of at most 3000 pixels enlarged up to fourfold (faces from 20 pixels
of it; where that would pass 12 megapixels, less), tilted by 30 degrees to both sides, lying where
nothing was found upright, and with its local contrast equalised where its tones are close together
(`models.faces.pyramid`). What it proposes is kept where dlib's landmarks agree with themselves on
it (`models.faces.landmarks`): that allows a lower threshold than the detector alone.

The convolutional detector (`models.faces.mmod_search`) adds what has no two eyes for landmarks or
HOG to agree on: profiles, faces in deep shade, behind hats, in coarse half-tones. It costs more,
so it gets a smaller copy, and sees large faces rather than small ones. Where both see a face, the
box is HOG's: landmarks start better from it.

Thresholds were chosen on labelled pictures of the calibration and training splits. On the 137 of
them that were run whole, HOG alone finds 96 of 104 faces of 20 pixels and more and 1 of 25
profiles, both find 101 and 16, with the same 8 false alarms; any border of the convolutional
scores from -0.2 to 0.1 gives the same. What is missed then: profiles of some 20 pixels, faces half
of which is black, faces looking down.

Cost, measured on one core: HOG 75 ms a megapixel of the copies (12 upright, 3 for each tilt, 4
more where nothing is found, 6 for a faint print) and about a millisecond a proposal; the other
0.44 s a megapixel of its copy, of 4 at most. A scan of 24 megapixels took 1.9 s with HOG alone and
3.6 s with both. Bounded by the copies, not by the scan. Needs some 150 MB beside it.

On 50 labelled pictures of the report split (old photographs, none used for a threshold): 44 of
48 faces of 20 pixels and more, 4 of 9 profiles, 0.16 false alarms a picture, nearly all of them
HOG's weakest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Box, Face, Samples
from models.faces.landmarks import fit
from models.faces.merging import merged
from models.faces.mmod_search import LEAST_SCORE as LEAST_MMOD_SCORE
from models.faces.mmod_search import proposals as mmod_proposals
from models.faces.mmod_search import searched
from models.faces.pyramid import FAINT, LYING, TILTED, UPRIGHT, WINDOW, Base, Copy, Look, base

SPREAD_WEIGHT = 8.0
"""How much of the margin a spread of one interocular distance takes."""

LEAST_SCORE = -0.75
"""Margin less `SPREAD_WEIGHT` times the landmarks' spread. The weight and the turned copies' score
were chosen on the first 55 labelled pictures of the calibration and training splits, as they are
and made small, dark and noisy; this one on all 137, with both detectors: -0.8 has one false alarm
more, -0.7 a face less."""

LEAST_TURNED_SCORE = -0.7
"""The same on turned and equalised copies, which show every clutter once more."""


@cache
def _detector() -> Any:
    import dlib  # loaded on first use: planning and the command line never need it

    return dlib.get_frontal_face_detector()


def detect(pixels: Samples) -> tuple[Face, ...]:
    """Faces on `pixels` (HxW or HxWx3, uint8 or uint16), best score first, boxes in its pixels.

    Boxes are clipped to the picture. The score is HOG's margin less eight times the landmarks'
    spread (above -0.75, usually between 0 and 3), or, of a face that HOG did not see, what the
    convolutional network gives (above 0, to about 1.2). Raises `FaceModelMissing`.
    """
    copies = base(pixels)
    if _too_small(copies):
        return ()
    found = _hog(copies)
    seen = mmod_proposals(copies, (searched(copies),), LEAST_MMOD_SCORE)
    if not found and not seen:
        found = proposals(copies, LYING, LEAST_TURNED_SCORE)
    return merged(seen, trusted=found)


def detect_hog(pixels: Samples) -> tuple[Face, ...]:
    """The same by HOG and landmarks alone: for measuring what the other detector adds."""
    copies = base(pixels)
    if _too_small(copies):
        return ()
    return merged(_hog(copies) or proposals(copies, LYING, LEAST_TURNED_SCORE))


def _too_small(copies: Base) -> bool:
    return bool(min(copies.plane.shape) * UPRIGHT.most < WINDOW)


def _hog(copies: Base) -> list[Face]:
    """Upright and tilted faces, one face more than once."""
    found = proposals(copies, (UPRIGHT,), LEAST_SCORE)
    found += proposals(copies, TILTED, LEAST_TURNED_SCORE)
    if copies.faint:
        found += proposals(copies, (FAINT,), LEAST_TURNED_SCORE)
    return found


def proposals(copies: Base, looks: Sequence[Look], least: float) -> list[Face]:
    """Faces of at least the score `least` in each of `looks`, one face more than once."""
    faces = []
    for copy in copies.copies(tuple(looks)):
        boxes, scores, _ = _detector().run(copy.plane, 0, least)
        for box, score in zip(boxes, scores, strict=True):
            face = _settled(copies, copy, box, float(score))
            if face is not None and face.score >= least:
                faces.append(face)
    return faces


def _settled(copies: Base, copy: Copy, rectangle: Any, score: float) -> Face | None:
    """The proposal in the scan, its score lowered by how far its landmarks scatter."""
    edge = rectangle.right() + 1 - rectangle.left()
    middle = np.array([[rectangle.left() + edge / 2, rectangle.top() + edge / 2]])
    x, y = copy.in_scan(middle)[0]
    half = edge / 2 * abs(float(np.linalg.det(copy.back[:, :2]))) ** 0.5
    box = Box(
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(copies.width, round(x + half)),
        min(copies.height, round(y + half)),
    )
    if box.width <= 0 or box.height <= 0:
        return None
    to_base = copies.plane.shape[1] / copies.width
    edges: NDArray[np.float64] = np.array([x - half, y - half, x + half, y + half]) * to_base
    found = fit(copies.plane, edges, (copy.look.angle,))
    if found is None:
        return None
    return Face(box, score - SPREAD_WEIGHT * found.spread)
