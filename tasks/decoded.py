"""What a format's reader hands to `tasks.images`: one page, before colour is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.errors import TooLarge
from tasks.records import Embedded, Samples

PIXEL_LIMIT = 1_000_000_000
"""Pixels of one page above which a scan is refused from its header, before decoding."""

BLOCK_LIMIT = 32 << 20
"""Bytes of one embedded metadata block above which it is left out, with a note."""


@dataclass(slots=True)
class Decoded:
    """One decoded page, upright.

    `samples` is HxW (grey), HxWx3 (RGB) or HxWx4 (CMYK, full scale meaning full ink), uint8 or
    uint16; `alpha` is HxW of the same dtype, or None. The other fields are `Photograph`'s.
    """

    samples: Samples
    embedded: Embedded
    format: str
    alpha: Samples | None = None
    alpha_kind: int | None = None
    page_count: int = 1
    jpeg_tables: dict[int, list[int]] | None = None
    jpeg_subsampling: int | None = None
    compression: str | None = None
    notes: list[str] = field(default_factory=list)


def check_size(name: str, width: int, height: int, limit: int = PIXEL_LIMIT) -> None:
    """Raise `TooLarge` where a page of `width` x `height` pixels exceeds `limit` pixels."""
    if width * height > limit:
        raise TooLarge(
            f"{name}: {width} x {height} pixels is more than the limit of {limit:,} pixels "
            "a page. Leave it out, or split it."
        )
