"""Memory that does not suffice: of the object store, of the node, of a GPU."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest
import tifffile
from faults import Collection, Note, collection

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

NETWORKS = ("--damage-model", "auto", "--faces", "off", "--colorize", "always")
RUN = "models.tiling.on_device"
"""What runs every network; the pixels of its input are what a call is known by."""

SPARE = 2 << 30
"""Memory that the node of the test has beside what is used when it starts; see `devour`."""


def test_a_scan_too_large_for_the_object_store(place: Collection, note: Note) -> None:
    collection(place.source, 12)
    large = "box 9/large.tif"
    (place.source / large).parent.mkdir()
    pixels = np.zeros((4000, 4000, 3), np.uint16)  # 96 MB; a lane has 160
    tifffile.imwrite(place.source / large, pixels, photometric="rgb", compression="zlib")
    started = time.monotonic()
    first = place.restore(seconds=280)
    seconds = round(time.monotonic() - started)
    rows = place.rows().set_index("relative_path")
    note("object store too small", first.code, 13, len(rows), place.repeated(), "", seconds)
    assert first.code == 3, first.errors
    assert rows.loc[large, "error_class"] == "TooLarge"
    assert "larger object store" in rows.loc[large, "error_message"]
    place.assert_whole({large: "failed"})
    assert place.repeated() == 0


def test_a_scan_that_needs_more_memory_than_the_node_has(place: Collection, note: Note) -> None:
    """Ray ends the process that fills the node's memory, before the system would."""
    memory = psutil.virtual_memory()
    if memory.available < 4 * SPARE:
        pytest.skip(f"this test fills {SPARE / 1e9:.0f} GB of memory, and needs four times that")
    scans = collection(place.source, 24)
    greedy = scans[7]
    place.sabotage({"point": "tasks.images.read_page", "match": greedy, "do": "devour"})
    share = (memory.total - memory.available + SPARE) / memory.total
    settings = {"RAY_memory_usage_threshold": f"{share:.4f}"}
    started = time.monotonic()
    first = place.restore(seconds=400, **settings)
    seconds = round(time.monotonic() - started)
    rows = place.rows().set_index("relative_path")
    note("node's memory too small", first.code, 24, len(rows), place.repeated(), "", seconds)
    assert first.code == 3, first.errors
    assert rows.loc[greedy, "error_class"] == "WorkerDied"
    assert "twice while nothing else" in rows.loc[greedy, "error_message"]
    # Where Ray ended the partition's own process with it, nobody was left to note the cause.
    causes = ("memory", "died in earlier attempts")
    assert any(cause in rows.loc[greedy, "error_message"] for cause in causes)
    place.assert_whole({greedy: "quarantined"})


def test_a_gpu_with_too_little_memory_for_large_tiles(place: Collection, note: Note) -> None:
    scans = collection(place.source, 6)
    place.sabotage({"point": RUN, "do": "cuda out of memory", "over": 128 * 128})
    started = time.monotonic()
    first = place.restore(light=NETWORKS, seconds=500)
    seconds = round(time.monotonic() - started)
    rows = place.rows().set_index("relative_path")
    note(
        "CUDA out of memory, tiles halved", first.code, 6, len(rows), place.repeated(), "", seconds
    )
    assert first.code == 0, first.errors
    assert (rows.loc[scans, "damage_tile"] <= 128).all()
    colorized = rows[rows["colorized"]]
    assert len(colorized)
    place.assert_whole()


def test_a_gpu_with_no_memory_at_all(place: Collection, note: Note) -> None:
    scans = collection(place.source, 3)
    place.sabotage({"point": RUN, "do": "cuda out of memory", "over": 0})
    started = time.monotonic()
    first = place.restore(light=NETWORKS, seconds=400)
    rows = place.rows().set_index("relative_path")
    assert first.code == 3, first.errors
    assert set(rows["error_class"]) == {"TooLarge"}
    assert rows["error_message"].str.contains("the GPU has not enough memory").all()
    place.assert_whole(dict.fromkeys(scans, "failed"))
    place.sabotage()
    second = place.restore(light=NETWORKS, seconds=400)
    seconds = round(time.monotonic() - started)
    codes, rows = f"{first.code}, {second.code}", place.rows()
    note("CUDA out of memory, for any tile", codes, 3, len(rows), place.repeated(), "", seconds)
    assert second.code == 0, second.errors  # another night there may be memory
    place.assert_whole()
