"""Writing among the candidates: numbers, captions and signatures are never damage.

Handwriting and print are thin, strong and lie alone, as scratches do. What tells them apart is
company: letters stand in a row, about as tall as one another and no further apart than they
are tall. An inventory number on the rim of a negative must survive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.contract import Box
from models.damage.components import Components

Bools = NDArray[np.bool_]

_LEAST = 8.0  # pixels of the level: below it letters cannot be told from grain
_THIN = 0.12  # least breadth over length: a straight scratch is thinner than any letter but I
_NEIGHBOURS = 8
_TALLER = 0.45  # most difference in height of two letters of a row, of the taller
_OFFSET = 0.35  # most distance of their middles across the row, of the taller
_GAP = 1.0  # most space between them along the row, of the taller
_ROW = 3  # letters that make a row


def letters(found: Components) -> list[Box]:
    """The boxes of the components that are writing, in pixels of the level."""
    bounds = np.stack([found.left, found.top, found.right, found.bottom], 1)
    return [Box(*box) for box in bounds[is_writing(found)].tolist()]


def is_writing(found: Components) -> Bools:
    """Which components stand in a level or an upright row of at least three like themselves."""
    width, height = found.right - found.left, found.bottom - found.top
    letter = (found.length >= _LEAST) & (found.breadth >= _THIN * found.length)
    at = np.flatnonzero(letter)
    written = np.zeros(len(found), bool)
    if len(at) < _ROW:
        return written
    middle = np.stack([(found.left + found.right)[at] / 2, (found.top + found.bottom)[at] / 2], 1)
    reach = 2.5 * np.maximum(width, height)[at].max()
    _, near = cKDTree(middle).query(
        middle, k=min(_NEIGHBOURS + 1, len(at)), distance_upper_bound=reach
    )
    one = np.repeat(np.arange(len(at)), near.shape[1])
    other = near.ravel()
    pair = (other < len(at)) & (other != one)
    one, other = one[pair], other[pair]
    for along, across, extent, thickness in (
        (0, 1, height[at], width[at]),
        (1, 0, width[at], height[at]),
    ):
        taller = np.maximum(extent[one], extent[other])
        distance = np.abs(middle[one] - middle[other])
        gap = distance[:, along] - (thickness[one] + thickness[other]) / 2
        beside = (
            (np.abs(extent[one] - extent[other]) <= _TALLER * taller)
            & (distance[:, across] <= _OFFSET * taller)
            & (gap <= _GAP * taller)
            & (distance[:, along] > 0.25 * taller)
        )
        company = np.bincount(one[beside], minlength=len(at))
        inner = company >= _ROW - 1  # has a letter on either side, or two on one
        written[at[inner]] = True
        written[at[other[beside & inner[one]]]] = True
    return written
