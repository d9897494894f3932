"""Ten thousand tiny scans and one of two gigabytes, side by side."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from faults import Collection, Note
from PIL import Image

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]

TINY = int(os.environ.get("ALBUMEN_TINY_SCANS", "10000"))
"""Fewer, for a quick look."""

SIDE = 31_600
"""Pixels; at 16 bit two gigabytes, and just below what is refused whatever the memory."""

MOST_PRIVATE_BYTES = 1 << 30
GIANT = "plans/giant.tif"


def test_many_tiny_scans_and_a_giant(place: Collection, note: Note) -> None:
    """The lane's memory is too small for the giant: it is told so from its header, nobody ever
    reads it, and the others pass it by."""
    _save_tiny(place.source, TINY)
    _save_giant(place.source / GIANT)
    started = time.monotonic()
    with place.restoring() as command, command.measured() as peaks:
        code = command.wait(3000)
    seconds = round(time.monotonic() - started)
    rows = place.rows()
    most = max(peaks.values())
    what = f"{TINY} tiny, one of 2 GB; private {most >> 20} MiB at most"
    note(what, code, TINY + 1, len(rows), place.repeated(), place.unfinished(), seconds)
    for title, peak in sorted(peaks.items(), key=lambda item: -item[1])[:6]:
        print(f"{peak / 1e6:8.0f} MB private at most: {title}")
    assert code == 3, command.errors
    by_path = rows.set_index("relative_path")
    giant = by_path.loc[GIANT]
    assert (giant["status"], giant["error_class"]) == ("failed", "TooLarge")
    assert "needs 5.99 GB of shared memory" in giant["error_message"]
    assert not giant["transient"]
    others = by_path.drop(GIANT)["status"]
    assert others.isin(("restored", "unchanged")).all()
    place.assert_whole({GIANT: "failed", **others.to_dict()})
    assert place.repeated() == 0
    assert most < MOST_PRIVATE_BYTES
    assert place.restore().code == 0  # what is too large stays so until something changes
    assert place.repeated() == 0


def _save_tiny(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"box {number // 500:03}/stamp {number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(100, 140, (24, 24), np.uint8)).save(path)


def _save_giant(path: Path) -> None:
    """A file with holes: it takes two gigabytes to read, and hardly any on the disk."""
    path.parent.mkdir(parents=True)
    shape = (SIDE, SIDE)
    tifffile.memmap(path, shape=shape, dtype=np.uint16, photometric="minisblack").flush()
