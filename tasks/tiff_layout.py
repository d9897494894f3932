"""What the directories of a TIFF say about its pages, and which of them Albumen can process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.decoded import check_size
from tasks.errors import CorruptImage, UnsupportedImage
from tasks.records import Samples
from tasks.tiff_structure import Directory, TiffStructure

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, SEPARATED, YCBCR = 0, 1, 2, 3, 5, 6
JPEG = 7

COMPRESSIONS = {
    1: "none",
    2: "ccitt",
    3: "ccitt",
    4: "ccitt",
    5: "lzw",
    JPEG: "jpeg",
    8: "deflate",
    32946: "deflate",
    32773: "packbits",
    34925: "lzma",
    50000: "zstd",
}

_PHOTOMETRICS = {
    4: "a transparency mask",
    8: "CIE L*a*b* colour",
    9: "ICC L*a*b* colour",
    10: "ITU L*a*b* colour",
    32803: "raw sensor data",
    32844: "LogLuv colour",
    32845: "LogLuv colour",
    34892: "linear raw data",
}
_FORMATS = {2: "signed integers", 3: "floating-point numbers", 5: "complex integers"}
_FORMATS |= {6: "complex numbers"}


@dataclass(frozen=True, slots=True)
class PageLayout:
    """One page of a TIFF: sizes in pixels, `bits` per sample, tag values as TIFF 6.0 names them.

    `planes` is what the page's samples become: 1 grey, 3 RGB, 4 CMYK; `extra` is the
    ExtraSamples value of the one further sample, None where there is none.
    """

    directory: Directory
    index: int
    width: int
    height: int
    bits: int
    photometric: int
    compression: int
    samples_per_pixel: int
    planes: int
    extra: int | None
    separate: bool
    orientation: int

    @property
    def depth(self) -> int:
        """Bits of a decoded sample: 8 or 16."""
        return 16 if self.bits == 16 else 8

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the page once it is grey or RGB."""
        color = 3 if self.photometric == PALETTE or self.planes > 1 else 1
        wide = 2 if self.depth == 16 or self.photometric == PALETTE else 1
        return self.width * self.height * color * wide


def pages_of(structure: TiffStructure) -> list[PageLayout]:
    """The pages of a file in order: reduced-resolution copies and masks are none.

    Raises `CorruptImage`, `UnsupportedImage`, or `TooLarge` for the first page that is so.
    """
    pages: list[PageLayout] = []
    for directory in structure.directories():
        kind = structure.integers(directory, 254, 1)
        old_kind = structure.integers(directory, 255, 1)
        if (kind and kind[0] & 0b101) or (old_kind and old_kind[0] == 2):
            continue
        pages.append(_layout(structure, directory, len(pages)))
    if not pages:
        raise UnsupportedImage(
            f"{structure.name}: holds only reduced-size copies (a camera's raw file?). "
            "Export it as a plain TIFF."
        )
    return pages


def palette_of(structure: TiffStructure, layout: PageLayout) -> Samples | None:
    """The colour map as (entries)x3, 8-bit where that loses nothing; None without one.

    Raises `CorruptImage` where it has not the entries its depth asks for.
    """
    if layout.photometric != PALETTE:
        return None
    entries = 2**layout.bits
    values = structure.integers(layout.directory, 320, 3 * 65_536)
    if len(values) != 3 * entries:
        raise CorruptImage(
            f"{structure.name}: its palette has {len(values)} values instead of {3 * entries}. "
            "Copy the file again."
        )
    table = np.array(values, np.uint16).reshape(3, entries).T
    if not (table % 257).any():
        return np.ascontiguousarray((table // 257).astype(np.uint8))
    if not (table & 0xFF).any():
        # Some writers shift an 8-bit palette instead of scaling it.
        return np.ascontiguousarray((table >> 8).astype(np.uint8))
    return np.ascontiguousarray(table)


def _layout(structure: TiffStructure, directory: Directory, index: int) -> PageLayout:
    where = structure.name if index == 0 else f"{structure.name}, page {index + 1}"

    def one(code: int, default: int) -> int:
        values = structure.integers(directory, code)
        return values[0] if values else default

    width, height = one(256, 0), one(257, 0)
    if width <= 0 or height <= 0:
        raise CorruptImage(f"{where}: a TIFF page without a size. Copy the file again.")
    check_size(where, width, height)
    samples = one(277, 1)
    photometric, compression = one(262, -1), one(259, 1)
    if photometric == -1:
        raise CorruptImage(f"{where}: does not say what its samples mean. Copy the file again.")
    all_bits = set(structure.integers(directory, 258) or (1,))
    formats = set(structure.integers(directory, 339))
    unfit = sorted(_FORMATS[code] for code in formats if code in _FORMATS)
    if unfit:
        _refuse(where, f"its samples are {unfit[0]}")
    if photometric in _PHOTOMETRICS:
        _refuse(where, f"it holds {_PHOTOMETRICS[photometric]}")
    if compression == 6:
        _refuse(where, "it is compressed with the obsolete JPEG-in-TIFF of 1992")
    if compression not in COMPRESSIONS:
        _refuse(where, f"its compression (number {compression}) is not one for scans")
    planes = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, PALETTE: 1, RGB: 3, SEPARATED: 4, YCBCR: 3}
    if photometric not in planes:
        _refuse(where, f"its photometric interpretation is number {photometric}")
    if photometric == YCBCR and compression != JPEG:
        _refuse(where, "it holds YCbCr samples that are not JPEG-compressed")
    if photometric == SEPARATED and one(332, 1) != 1:
        _refuse(where, "its inks are not cyan, magenta, yellow and black")
    extra_samples = samples - planes[photometric]
    if extra_samples not in (0, 1) or samples > 4:
        _refuse(where, f"it has {samples} channels")
    _check_bits(where, all_bits, photometric, compression, extra_samples)
    return PageLayout(
        directory=directory,
        index=index,
        width=width,
        height=height,
        bits=max(all_bits),
        photometric=photometric,
        compression=compression,
        samples_per_pixel=samples,
        planes=planes[photometric],
        extra=one(338, 0) if extra_samples else None,
        separate=one(284, 1) == 2 and samples > 1,
        orientation=one(274, 1),
    )


def _check_bits(
    where: str, all_bits: set[int], photometric: int, compression: int, extra_samples: int
) -> None:
    small = photometric in (MIN_IS_WHITE, MIN_IS_BLACK, PALETTE) and not extra_samples
    allowed = {8, 16} | ({1, 2, 4} if small else set())
    if compression == JPEG:
        allowed = {8}
    if len(all_bits) != 1 or not all_bits <= allowed:
        shown = "/".join(str(bits) for bits in sorted(all_bits))
        _refuse(where, f"it has {shown} bits a sample")


def _refuse(where: str, reason: str) -> None:
    raise UnsupportedImage(
        f"{where}: {reason}. Convert it to 8 or 16 bits a sample, grey, RGB or CMYK."
    )
