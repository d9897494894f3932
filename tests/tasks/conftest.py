"""A destination on a disk and one on S3: the same tests hold on both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3_server

from tasks.storage import Location


@pytest.fixture(scope="module")
def s3() -> Iterator[s3_server.S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server.running() as server, s3_server.environment_of(server):
        yield server


@pytest.fixture(params=["local", "s3"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "local":
        return Location.parse(str(tmp_path / "out"))
    bucket = request.getfixturevalue("s3").bucket()
    return Location.parse(f"s3://{bucket}/out")
