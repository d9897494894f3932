"""The small records that cross the boundaries between inventory, plan, lanes and manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]

StageName = Literal["damage", "faces", "color"]
STAGE_NAMES: tuple[StageName, ...] = ("damage", "faces", "color")

Status = Literal["restored", "unchanged", "skipped", "failed", "quarantined", "withdrawn"]
STATUSES: tuple[Status, ...] = (
    "restored",
    "unchanged",
    "skipped",
    "failed",
    "quarantined",
    "withdrawn",
)

MASTER_ALTERED = "master altered"
"""The review flag of a scan whose bytes are others than were restored, although its listing is the
same: its derivatives are kept as they are."""

DerivativeKind = Literal["restored", "colorized", "mask", "uncertainty", "preview"]


@dataclass(frozen=True, slots=True)
class Scan:
    """One image file of the source, as its storage lists it; nothing has been decoded.

    `relative_path` is printable UTF-8 with `/` between folders and names the scan in the
    manifest; `uri` opens it (it may hold surrogate escapes where a file name is not UTF-8).
    `size` is in bytes, `modified_us` in microseconds since the epoch (UTC), where known.
    `problem` is set by the inventory where the entry must not be opened at all.
    """

    uri: str
    relative_path: str
    size: int
    modified_us: int | None
    etag: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header says before any pixel is decoded: sizes in pixels, depth in bits."""

    width: int
    height: int
    channels: int
    bit_depth: int
    page_count: int
    format: str
    decoded_bytes: int
    """Bytes of the largest page once decoded, as `Photograph.samples` holds it."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Metadata blocks carried over to derivatives, each as the source's own bytes, or None."""

    icc: bytes | None = None
    exif: bytes | None = None  # TIFF structure, without the `Exif\0\0` prefix
    xmp: bytes | None = None  # the packet
    iptc: bytes | None = None  # IIM records, without the Photoshop wrapper
    resolution: tuple[float, float] | None = None  # pixels per inch, horizontal and vertical
    tags: dict[int, str] = field(default_factory=dict)  # TIFF text tags (Make, Software, ...)


@dataclass(frozen=True, slots=True)
class Photograph:
    """One page of a scan, decoded, orientation already applied.

    `samples` is HxW (grey) or HxWx3 (RGB), uint8 or uint16: the source's own values.
    `working` is the same picture in sRGB (or grey with the sRGB curve) at the same depth; it
    is the same array object where the source already is so. `alpha` is HxW or None and is
    written back untouched. `notes` are review flags raised while reading, such as
    `cmyk converted`.
    """

    samples: Samples
    working: Samples
    alpha: Samples | None
    embedded: Embedded
    page: int
    page_count: int
    format: str
    source_sha256: str
    jpeg_tables: dict[int, list[int]] | None = None
    jpeg_subsampling: int | None = None
    compression: str | None = None
    alpha_kind: int | None = None
    """TIFF ExtraSamples value of `alpha`: 0 unspecified (such as infrared), 1 premultiplied, 2."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derivative:
    """One file written under DESTINATION, as its storage lists it afterwards."""

    kind: DerivativeKind
    path: str  # relative to DESTINATION
    sha256: str
    bytes: int
    etag: str | None
    modified_us: int | None


Row = dict[str, Any]
"""One manifest row: keys are column names of `tasks.manifest.SCHEMA`; missing keys are null."""
