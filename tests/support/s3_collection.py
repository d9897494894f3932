"""A collection under faults that lies in S3: judged by a copy of what is in its bucket."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from faults import Collection
from faulty_s3 import FaultyS3


class S3Collection(Collection):
    """`source` and `destination` are copies here of what is in S3; runs never see them."""

    def __init__(self, base: Path, environment: Mapping[str, str], service: FaultyS3) -> None:
        self.service = service
        self.bucket = service.plain.bucket()
        super().__init__(base, {**service.server.environment, **environment})

    @property
    def places(self) -> tuple[object, object]:
        """Source and destination as the command is given them."""
        return f"s3://{self.bucket}/scans", f"s3://{self.bucket}/out"

    def upload(self) -> None:
        """Bring the scans of `source` to S3."""
        client = self.service.plain.client
        for path in self.source.rglob("*"):
            if path.is_file():
                key = f"scans/{path.relative_to(self.source)}"
                client.put_object(Bucket=self.bucket, Key=key, Body=path.read_bytes())

    def fetch(self) -> None:
        """Make `destination` a copy of what S3 has by now."""
        shutil.rmtree(self.destination)
        self.destination.mkdir()
        client = self.service.plain.client
        for key in self.service.plain.keys(self.bucket, "out/"):
            path = self.destination / key.removeprefix("out/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def rows(self) -> pd.DataFrame:
        """The current rows, as a user reads them."""
        self.fetch()
        return super().rows()

    def stored(self) -> dict[str, str]:
        """Etags of the scans in S3: change when anything of the source does."""
        pages = self.service.plain.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix="scans/"
        )
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}

    def unfinished(self) -> list[Path]:
        """Keys of multipart uploads that were neither completed nor abandoned."""
        answer: dict[str, Any] = self.service.plain.client.list_multipart_uploads(
            Bucket=self.bucket
        )
        return [Path(upload["Key"]) for upload in answer.get("Uploads", ())]
