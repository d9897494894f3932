"""The first look at a page, on reduced copies: photograph area, tone, faces."""

from __future__ import annotations

import cv2

from models.color.decision import decide
from models.contract import Box, Face, Hints, Samples
from models.faces.detectors import detector_of
from models.photograph_area import photograph_area
from models.pixels import check_pixels, luminance, reduced

_LONG_EDGE = 800


def look(
    pixels: Samples, detect_faces: bool = True, threads: int = 1, detector: str = "auto"
) -> Hints:
    """Hints for the stages, from working pixels HxW or HxWx3, uint8 or uint16.

    The photograph area is the whole picture when unsure. `detect_faces=False` leaves `faces`
    empty (and, with it, the damage stage's care for them); `detector` is one of
    `models.faces.detectors`. `threads` is what OpenCV may use.
    Raises `BadStageInput` for other arrays and an unknown detector, `WeightsError` for one whose
    file is missing or altered. Needs some 40 MB beside `pixels`, of any size.
    """
    check_pixels(pixels)
    cv2.setNumThreads(threads)
    copy = reduced(pixels, _LONG_EDGE)
    inner = photograph_area(luminance(copy))
    decision = decide(copy[inner.top : inner.bottom, inner.left : inner.right])
    faces: tuple[Face, ...] = detector_of(detector)(pixels) if detect_faces else ()
    return Hints(
        photograph=_in_scan(inner, copy, pixels),
        tone=decision.tone,
        tone_measures=decision.measures,
        faces=faces,
    )


def _in_scan(box: Box, copy: Samples, pixels: Samples) -> Box:
    """`box` of the copy in pixels of the scan; a side that was not cut stays the scan's own."""
    height, width = pixels.shape[:2]
    across, down = width / copy.shape[1], height / copy.shape[0]
    return Box(
        int(box.left * across),
        int(box.top * down),
        width if box.right == copy.shape[1] else max(1, round(box.right * across)),
        height if box.bottom == copy.shape[0] else max(1, round(box.bottom * down)),
    )
