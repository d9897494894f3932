"""S3 on a bad night: a tenth of all requests fails, at source and destination."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import faulty_s3
import numpy as np
import pytest
import tifffile
from faults import Note, collection
from faulty_s3 import KINDS, FaultyS3, Kind
from s3_collection import S3Collection

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SCANS = 24
IMPATIENT = ("--storage-option", "read_timeout=2")
"""A held connection is given up after two seconds instead of a minute."""


@pytest.fixture(scope="module")
def service() -> Iterator[FaultyS3]:
    with faulty_s3.running() as running:
        yield running


@pytest.fixture
def bucket(tmp_path: Path, prefect_api: str, service: FaultyS3) -> Iterator[S3Collection]:
    yield S3Collection(tmp_path, {"PREFECT_API_URL": prefect_api}, service)
    service.faults.__init__()  # type: ignore[misc]


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), KINDS], ids="+".join)
def test_a_tenth_of_all_requests_fails(
    bucket: S3Collection, note: Note, kinds: tuple[Kind, ...]
) -> None:
    """A scan whose requests failed too often for one night is done by the next."""
    collection(bucket.source, SCANS)
    if kinds == KINDS:
        _save_large(bucket.source / "box 0/scan 000.tif")
    bucket.upload()
    before = bucket.stored()
    faults = bucket.service.faults
    faults.set(*kinds, seed=1)
    started = time.monotonic()
    night = bucket.restore("--object-store", "800MB", *IMPATIENT, seconds=600)
    seconds = round(time.monotonic() - started)
    told, struck, asked = faults.told, faults.struck.total(), faults.asked
    rows = bucket.rows() if night.code in (0, 3) else []
    what = f"S3, {' + '.join(kinds)}: {told}"
    note(what, night.code, len(before), len(rows), bucket.repeated(), bucket.unfinished(), seconds)
    assert struck > asked / 40, told
    assert "Traceback" not in night.errors
    assert night.code in (0, 3), night.errors
    failed = rows[rows["status"] == "failed"]
    assert (night.code == 3) == bool(len(failed))
    assert failed["transient"].all()
    assert set(bucket.written()) >= {
        o["path"] for found in rows["outputs"] for o in found if o["kind"] == "restored"
    }
    faults.set()
    if len(failed):
        assert bucket.restore().code == 0
    bucket.assert_whole()
    assert bucket.stored() == before


def _save_large(path: Path) -> None:
    """A scan that comes and goes in several parts."""
    y, x = np.mgrid[0:4200, 0:4200]
    pixels = (28000 + 9000 * np.sin(x / 290) * np.cos(y / 310)).astype(np.uint16)
    pixels += np.random.default_rng(0).integers(0, 1500, pixels.shape, np.uint16)
    pixels[:, 1200:1210] = 64000
    tifffile.imwrite(path, pixels, photometric="minisblack")
