"""One Ray cluster for all tests of lanes; its workers find the test support modules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.session import session

_SUPPORT = str(Path(__file__).parent.parent / "support")


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_SUPPORT, before]))
    try:
        with session(object_store_bytes=300 << 20):
            yield
    finally:
        os.environ["PYTHONPATH"] = before
