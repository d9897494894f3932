"""Runs a network over a plane of any size: overlapping tiles, blended without seams.

The plane is divided into cells; each belongs to one tile, which is larger than its cell by the
overlap to the right and below. Of the overlap the outer quarters are context alone, for a
network is least sure at its edge; between them the two tiles are blended by raised cosines that
add up to one. Every tile starts at a multiple of the network's own (its downsampling), so that
tiles and the whole picture are sampled alike. What is in memory at once is a batch of tiles and
two rows of cells, of which only those asked for exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.contract import BadStageInput, Box
from models.device import Precision, autocast, channels_last, free_gpu_memory
from models.spans import Span, reflected, seen, shares, spans

Floats = NDArray[np.float32]
Read = Callable[[Box], Floats]
Apply = Callable[[Tensor], Tensor]

_Network = TypeVar("_Network", bound=nn.Module)

_SMALLEST = 64  # pixels: a tile is not halved below it


class BadNetworkOutput(ArithmeticError):
    """A network answered with NaN or infinity; the message names the place."""


@dataclass(slots=True)
class Tiler:
    """The tiling of one network, and what was learned of the memory it has.

    `multiple` is the network's; `tile` and `overlap` are pixels, rounded to it; `batch` tiles
    are run at once; no tile has a side below `least` (rounded up to the multiple). Where CUDA
    runs out of memory the batch is halved, then the tile: `batch` and `side` hold what fitted,
    for the tiles and scans that follow. Raises `BadStageInput` for an overlap beyond half a
    tile.
    """

    multiple: int
    tile: int = 512
    overlap: int = 128
    batch: int = 1
    least: int = 1
    side: int = field(init=False)

    def __post_init__(self) -> None:
        self.tile = max(1, self.tile // self.multiple) * self.multiple
        self.overlap = self.overlap // self.multiple * self.multiple
        self.least = -(-self.least // self.multiple) * self.multiple
        if self.tile < 2 * self.overlap or self.overlap < 0 or self.batch < 1:
            raise BadStageInput(
                f"tiles of {self.tile} pixels cannot overlap by {self.overlap}, at most by half"
            )
        self.side = self.tile

    @property
    def stride(self) -> int:
        """Side of the cells, in pixels."""
        return self.tile - self.overlap

    @property
    def halved(self) -> bool:
        """Whether memory ran out and tiles are smaller than was asked for."""
        return self.side < self.tile

    def run(
        self,
        read: Read,
        height: int,
        width: int,
        network: Apply,
        wanted: Callable[[Box], bool] | None = None,
    ) -> Iterator[tuple[Box, Floats]]:
        """The network's answer to a plane `height` x `width`, cell by cell in reading order.

        `read` gives the plane's pixels in a box, hxwxC float32; `network` maps BxCxhxw float32
        (CPU) to BxKxhxw on any device and in any float type. Yields (cell, hxwxK float32).
        `wanted` says whether anything in a box is asked for: only cells that are come back, and
        only tiles that count for some of them are computed. Raises `BadNetworkOutput` for NaN or
        infinity, and passes on torch's out-of-memory error once the smallest tile fails.
        """
        rows = spans(height, self.tile, self.overlap, self.multiple, self.least)
        columns = spans(width, self.tile, self.overlap, self.multiple, self.least)
        cells: dict[tuple[int, int], Floats] = {}
        for row, across in enumerate(rows):
            needed = [
                column
                for column in range(len(columns))
                if wanted is None or wanted(seen(rows, row, columns, column, height, width))
            ]
            for column, answer in self._answers(
                read, across, columns, needed, network, (height, width)
            ):
                self._add(cells, rows, row, columns, column, answer)
            for column, down in enumerate(columns):
                box = Box(down.start, across.start, down.end, across.end)
                cell = cells.pop((row, column), None)
                if cell is not None and (wanted is None or wanted(box)):
                    yield box, cell

    def _answers(
        self,
        read: Read,
        row: Span,
        columns: Sequence[Span],
        needed: Sequence[int],
        network: Apply,
        size: tuple[int, int],
    ) -> Iterator[tuple[int, Floats]]:
        """The network's answers to the needed tiles of a row, in batches of equal shape."""
        waiting: list[int] = []
        for place, column in enumerate(needed):
            waiting.append(column)
            last = place + 1 == len(needed)
            width = columns[column].stop - columns[column].start
            if (
                last
                or len(waiting) >= self.batch
                or columns[needed[place + 1]].stop - columns[needed[place + 1]].start != width
            ):
                tiles = [_tile(read, row, columns[c], size) for c in waiting]
                answer = self._forward(_tensor(tiles), network)
                if not torch.isfinite(answer).all():
                    raise BadNetworkOutput(
                        f"the network answered with NaN or infinity near column "
                        f"{columns[waiting[0]].start}, row {row.start} of the scan: try it in "
                        f"float32, or check its weights with 'albumen weights verify'"
                    )
                arrays = answer.permute(0, 2, 3, 1).numpy()
                yield from zip(waiting, arrays, strict=True)
                waiting = []

    def _forward(self, x: Tensor, network: Apply) -> Tensor:
        """`network` on BxCxhxw, in smaller batches and tiles where memory does not suffice."""
        if max(x.shape[2:]) > self.side:
            return self._in_pieces(x, network)
        if len(x) > self.batch:
            parts = [self._forward(part, network) for part in torch.split(x, self.batch)]
            return torch.cat(parts)
        try:
            with torch.inference_mode():
                return network(x).detach().to("cpu", torch.float32)
        except torch.OutOfMemoryError:
            if not self._smaller(x):
                raise
        free_gpu_memory()
        return self._forward(x, network)

    def _smaller(self, x: Tensor) -> bool:
        """Halve the batch, or else the tile; false where neither can be."""
        if len(x) > 1:
            self.batch = len(x) // 2
            return True
        side = max(x.shape[2:])
        least = -(-max(_SMALLEST, 2 * self.least) // self.multiple) * self.multiple
        half = max(side // 2 // self.multiple * self.multiple, least)
        if half >= side:
            return False
        self.side = half
        return True

    def _in_pieces(self, x: Tensor, network: Apply) -> Tensor:
        """One batch as a plane of its own, in tiles of `side` pixels."""
        # Not below `least`: then the last piece is not either.
        overlap = max(self.side // 4 // self.multiple * self.multiple, self.least)
        height, width = x.shape[2:]
        rows = spans(height, self.side, overlap, self.multiple)
        columns = spans(width, self.side, overlap, self.multiple)
        total: Tensor | None = None
        for row, across in enumerate(rows):
            for column, down in enumerate(columns):
                piece = x[:, :, across.start : across.stop, down.start : down.stop]
                answer = self._forward(piece, network)
                weight = torch.from_numpy(
                    shares(rows, row)[:, None] * shares(columns, column)[None, :]
                )
                if total is None:
                    total = answer.new_zeros(len(x), answer.shape[1], height, width)
                total[:, :, across.start : across.stop, down.start : down.stop] += answer * weight
        assert total is not None
        return total

    def _add(
        self,
        cells: dict[tuple[int, int], Floats],
        rows: Sequence[Span],
        row: int,
        columns: Sequence[Span],
        column: int,
        answer: Floats,
    ) -> None:
        """Add a tile's answer, weighted, to the (at most four) cells it reaches into."""
        weighted = (
            answer * (shares(rows, row)[:, None] * shares(columns, column)[None, :])[..., None]
        )
        top, left = rows[row].start, columns[column].start
        for y in range(row, min(row + 2, len(rows))):
            for x in range(column, min(column + 2, len(columns))):
                box = Box(columns[x].start, rows[y].start, columns[x].end, rows[y].end)
                cell = cells.get((y, x))
                if cell is None:
                    cell = np.zeros((box.height, box.width, answer.shape[2]), np.float32)
                    cells[y, x] = cell
                part = weighted[
                    box.top - top : box.bottom - top, box.left - left : box.right - left
                ]
                cell[: part.shape[0], : part.shape[1]] += part


def ready(network: _Network, device: torch.device) -> _Network:
    """`network` itself, on `device`, in evaluation mode and without gradients."""
    channels_last(network.eval().requires_grad_(False).to(device))  # modules change in place
    return network


def on_device(network: nn.Module, device: torch.device, precision: Precision = "auto") -> Apply:
    """`network`, made ready on `device`, to be called with float32 tensors of the CPU."""
    network = ready(network, device)

    def apply(x: Tensor) -> Tensor:
        with autocast(device, precision):
            return cast(Tensor, network(channels_last(x.to(device))))

    return apply


def _tile(read: Read, row: Span, column: Span, size: tuple[int, int]) -> Floats:
    """The pixels a tile sees, mirrored where it reaches beyond the picture."""
    box = Box(column.start, row.start, min(column.stop, size[1]), min(row.stop, size[0]))
    return reflected(read(box), row.stop - row.start, column.stop - column.start)


def _tensor(tiles: Sequence[Floats]) -> Tensor:
    stacked = np.ascontiguousarray(np.stack(tiles), np.float32)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)
