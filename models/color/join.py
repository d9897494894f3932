"""Predicted chroma joined to the scan's own luminance, strip by strip, as the stage returns it.

The luminance is luma as `models.color.space` defines it; the scan's own, met to 0.3 of a step
of its own bit depth. A toned scan loses its tone, not its luma.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.color.space import colored, luma
from models.color.upsample import ChromaField
from models.color.working_copy import Read
from models.contract import Box, Rectangle

_STRIP_PIXELS = 1_000_000  # about 100 MB of planes while a strip is made


@dataclass(slots=True)
class Clipping:
    """Counts while strips are made: pixels colourized, and those whose colour lay outside sRGB
    and was reduced along the line to grey."""

    pixels: int = 0
    reduced: int = 0

    @property
    def share(self) -> float:
        """Share of the pixels reduced; 0 before there are any."""
        return self.reduced / self.pixels if self.pixels else 0.0


def colorized(
    read: Read, box: Box, field: ChromaField, clipping: Clipping | None = None
) -> Iterator[Rectangle]:
    """`box` of a scan in colour: RGB rectangles from top to bottom, in the scan's sample type.

    `read` gives the scan's samples, grey or RGB, in a box; `field` is the chroma of `box`.
    Strips meet without a seam: each is what the whole would give.
    """
    rows = max(1, _STRIP_PIXELS // box.width)
    for top in range(box.top, box.bottom, rows):
        bottom = min(box.bottom, top + rows)
        samples = read(Box(box.left, top, box.right, bottom))
        own = luma(samples)
        made, reduced = colored(own, field.rows(top - box.top, own, box.height), samples.dtype)
        if clipping is not None:
            clipping.pixels += reduced.size
            clipping.reduced += int(np.count_nonzero(reduced))
        yield Rectangle(top, box.left, made, np.ones(own.shape, bool))
