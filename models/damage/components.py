"""Connected components of a sparse mask of any size, by runs instead of a label image.

A label image of a 108-megapixel scan takes 432 MB and labels found tile by tile do not agree;
the runs of the few marked pixels take a few megabytes and give the exact components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Horizontal runs of marked pixels, in reading order: row, first column, column after.

    `sums` holds, per run, the sums of the planes that were asked for (runs x planes).
    """

    row: Ints
    start: Ints
    stop: Ints
    sums: Floats

    def __len__(self) -> int:
        return len(self.row)


def runs_of(marked: NDArray[np.bool_], planes: tuple[NDArray[np.generic], ...] = ()) -> Runs:
    """The runs of the HxW mask `marked`, with sums of HxW `planes` over each."""
    height, width = marked.shape
    edges = np.zeros((height, width + 1), np.int8)
    edges[:, 1:width] = marked[:, 1:].view(np.int8) - marked[:, :-1].view(np.int8)
    edges[:, 0] = marked[:, 0]
    edges[:, width] = -marked[:, -1].view(np.int8)
    # In reading order the edges are start, stop, start, stop; every row closes its runs.
    places = np.flatnonzero(edges)
    row, start = np.divmod(places[0::2], width + 1)
    stop = places[1::2] % (width + 1)
    sums = np.zeros((len(row), len(planes)))
    if len(row):
        firsts = np.concatenate([[0], np.cumsum(stop - start)[:-1]])
        for index, plane in enumerate(planes):
            sums[:, index] = np.add.reduceat(plane[marked].astype(np.float64), firsts)
    return Runs(row, start, stop, sums)


def joined(parts: list[tuple[int, int, Runs]], width: int) -> Runs:
    """The runs of a whole picture from windows (top, left, runs) that tile it.

    Runs cut by the edge of a window are made one again, so that the tiling leaves no trace.
    """
    planes = parts[0][2].sums.shape[1] if parts else 0
    row = np.concatenate([part.row + top for top, _, part in parts] or [np.zeros(0, np.int64)])
    start = np.concatenate([part.start + left for _, left, part in parts] or [row])
    stop = np.concatenate([part.stop + left for _, left, part in parts] or [row])
    sums = np.concatenate([part.sums for _, _, part in parts] or [np.zeros((0, planes))])
    order = np.argsort(row * (width + 1) + start, kind="stable")
    row, start, stop, sums = row[order], start[order], stop[order], sums[order]
    if len(row) == 0:
        return Runs(row, start, stop, sums)
    fresh = np.ones(len(row), bool)
    fresh[1:] = (row[1:] != row[:-1]) | (start[1:] != stop[:-1])
    firsts = np.flatnonzero(fresh)
    lasts = np.append(firsts[1:], len(row)) - 1
    return Runs(row[firsts], start[firsts], stop[lasts], np.add.reduceat(sums, firsts, axis=0))


@dataclass(frozen=True, slots=True)
class Components:
    """Eight-connected components of runs; all arrays but `label` have one entry for each.

    `label` is per run. `area` in pixels; `left` to `bottom` bound the component (right and
    bottom exclusive); `length` and `breadth` are the sides of the rectangle with the same
    second moments, `perimeter` the pixel edges between it and what is not marked, in pixels;
    `sums` (components x planes) add up the runs'.
    """

    label: NDArray[np.int32]
    area: Floats
    left: Ints
    top: Ints
    right: Ints
    bottom: Ints
    length: Floats
    breadth: Floats
    perimeter: Floats
    sums: Floats

    def __len__(self) -> int:
        return len(self.area)


def components_of(runs: Runs, width: int) -> Components:
    """The components of the `runs` of a picture `width` pixels wide."""
    one, other = _touching(runs, width)
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(runs), len(runs)))
    count, label = connected_components(graph, directed=False)
    size = (runs.stop - runs.start).astype(np.float64)

    def total(values: Floats) -> Floats:
        return np.bincount(label, weights=values, minlength=count).astype(np.float64)

    area = total(size)
    # Sums over a run of consecutive columns: first column a, length n.
    first, row = runs.start.astype(np.float64), runs.row.astype(np.float64)
    sum_x = size * first + size * (size - 1) / 2
    sum_xx = size * first**2 + first * size * (size - 1) + (size - 1) * size * (2 * size - 1) / 6
    mean_x, mean_y = total(sum_x) / area, total(row * size) / area
    # One twelfth is the second moment of a pixel about its own middle.
    var_x = total(sum_xx) / area - mean_x**2 + 1 / 12
    var_y = total(row**2 * size) / area - mean_y**2 + 1 / 12
    cov = total(row * sum_x) / area - mean_x * mean_y
    half, root = (var_x + var_y) / 2, np.hypot((var_x - var_y) / 2, cov)
    # Every run has two upright edges; level ones are all its pixels' that no run below shares.
    shared = np.minimum(runs.stop[one], runs.stop[other])
    shared = np.maximum(shared - np.maximum(runs.start[one], runs.start[other]), 0)
    common = np.bincount(label[one], weights=shared, minlength=count)
    perimeter = total(np.full(len(runs), 2.0)) + 2 * area - 2 * common
    order = np.argsort(label, kind="stable")
    firsts = np.searchsorted(label[order], np.arange(count))
    empty = count == 0

    def extreme(function: np.ufunc, values: Ints) -> Ints:
        found: Ints = values if empty else function.reduceat(values[order], firsts)
        return found

    planes = [total(runs.sums[:, plane]) for plane in range(runs.sums.shape[1])]
    return Components(
        label=label.astype(np.int32),
        area=area,
        left=extreme(np.minimum, runs.start),
        top=extreme(np.minimum, runs.row),
        right=extreme(np.maximum, runs.stop),
        bottom=extreme(np.maximum, runs.row + 1),
        length=np.sqrt(12 * np.maximum(half + root, 0)),
        breadth=np.sqrt(12 * np.maximum(half - root, 0)),
        perimeter=perimeter,
        sums=np.stack(planes, axis=1) if planes else np.zeros((count, 0)),
    )


def _touching(runs: Runs, width: int) -> tuple[Ints, Ints]:
    """Pairs of runs that touch, corners included: one, and the other in the row below."""
    pitch = width + 2
    starts, stops = runs.row * pitch + runs.start, runs.row * pitch + runs.stop
    below = (runs.row + 1) * pitch
    low = np.searchsorted(stops, below + runs.start, side="left")
    high = np.searchsorted(starts, below + runs.stop, side="right")
    counts = np.maximum(high - low, 0)
    one = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return one, np.repeat(low, counts) + offsets
