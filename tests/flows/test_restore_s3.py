"""Restorations from S3, to S3, and from S3 to S3, against a real service over HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
import s3_server
from cli import LIGHT, Cli, ask, ask_json
from prefect_server import PrefectServer
from s3_server import S3Server
from small_collection import COLORIZES, save

NAMES = ("plain.png", "長崎/Fédèle & co.jpg", "./dot.png", "../up.png", "a//b.png")
READS = {"GET", "HEAD"}


@dataclass
class Service:
    """The service, its requests, and a bucket with a collection."""

    server: S3Server
    requests: list[tuple[str, str]] = field(repr=False)
    bucket: str
    objects: dict[str, bytes] = field(repr=False)

    @property
    def source(self) -> str:
        return f"s3://{self.bucket}/scans"

    def stored(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        client = self.server.client
        return {
            key: client.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in self.server.keys(bucket, prefix)
        }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("pictures")
    save(folder / "a.png", 1)
    save(folder / "a.jpg", 1)
    with s3_server.recording() as (server, requests), s3_server.environment_of(server):
        bucket = server.bucket()
        objects = {
            f"scans/{name}": (folder / ("a" + Path(name).suffix)).read_bytes() for name in NAMES
        }
        objects["scans/letter.jpg"] = b"Dear Anna,"
        objects["scans of others/x.png"] = b"not in the prefix"
        for key, content in objects.items():
            server.client.put_object(Bucket=bucket, Key=key, Body=content)
        yield Service(server, requests, bucket, objects)


@pytest.fixture(scope="module")
def s3_cli(cli: Cli, service: Service) -> Cli:
    return cli.with_environment(**service.server.environment)


def manifest(service: Service, bucket: str, prefix: str) -> pd.DataFrame:
    (content,) = service.stored(bucket, f"{prefix}/manifest.parquet").values()
    return pd.read_parquet(io.BytesIO(content))


def outputs(rows: pd.DataFrame) -> dict[str, str]:
    return {o["path"]: o["sha256"] for found in rows.outputs for o in found}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_from_s3_to_a_folder(service: Service, s3_cli: Cli, tmp_path: Path) -> None:
    destination = tmp_path / "out"
    service.requests.clear()
    s3_cli.run("restore", service.source, destination, code=3)
    methods = {method for method, path in service.requests if path.startswith(f"/{service.bucket}")}
    assert methods <= READS
    rows = pd.read_parquet(str(destination) + "/manifest.parquet")
    assert sorted(rows.relative_path) == sorted([*NAMES, "letter.jpg"])
    assert set(rows[rows.relative_path != "letter.jpg"].status) == {"restored"}
    assert rows.source_etag.notna().all()
    written = outputs(rows)
    assert len(written) == (5 if COLORIZES else 3) * len(NAMES)
    for path, checksum in written.items():
        resolved = (destination / path).resolve()
        assert resolved.is_relative_to(destination)
        assert sha256(resolved.read_bytes()) == checksum
    assert service.stored(service.bucket) == service.objects
    told = ask_json("plan", service.source, destination)
    assert (told["to_restore"], told["done"], told["withheld"]) == (0, len(NAMES), 1)


def test_from_a_folder_to_s3(
    service: Service, server: PrefectServer, cli: Cli, tmp_path: Path
) -> None:
    """Endpoint and credentials come as options, and the secret is kept nowhere."""
    source, bucket = tmp_path / "scans", service.server.bucket()
    save(source / "with  spaces/a.png", 3)
    save(source / "line\nbreak.jpg", 4)
    secret = secrets.token_hex(20)
    given = {"endpoint_url": service.server.endpoint_url, "key": "someone", "secret": secret}
    options = [
        text for name, value in given.items() for text in ("--storage-option", f"{name}={value}")
    ]
    finished = cli.run("restore", source, f"s3://{bucket}", *options, *LIGHT, code=0)
    kept = service.stored(bucket)
    rows = pd.read_parquet(io.BytesIO(kept["manifest.parquet"]))
    assert set(rows.status) == {"restored"}
    for path, checksum in outputs(rows).items():
        assert sha256(kept[path]) == checksum
    assert ".albumen/lease" not in kept
    assert b"<html" in kept["report/index.html"]
    assert not any(secret.encode() in content for content in kept.values())
    assert secret not in str(finished)
    name = f"restore-into-s3://{bucket}"
    (run,) = server.find("flow_runs", flow_runs={"name": {"any_": [name]}})
    assert run["state_type"] == "COMPLETED"
    assert "endpoint_url" in str(run["parameters"])
    assert secret not in str(run)


@pytest.fixture(scope="module")
def between(service: Service, s3_cli: Cli) -> tuple[str, dict[str, bytes]]:
    """A bucket, and what a run from S3 to S3 left in it."""
    bucket = service.server.bucket()
    service.requests.clear()
    s3_cli.run("restore", service.source, f"s3://{bucket}/out", *LIGHT, code=3)
    return bucket, service.stored(bucket)


def test_from_s3_to_s3(service: Service, between: tuple[str, dict[str, bytes]]) -> None:
    bucket, kept = between
    rows = manifest(service, bucket, "out")
    assert sorted(rows.relative_path) == sorted([*NAMES, "letter.jpg"])
    for path, checksum in outputs(rows).items():
        assert sha256(kept[f"out/{path}"]) == checksum
    assert all(key.startswith("out/") for key in kept)
    assert [key for key in kept if key.startswith("out/manifest/run=000001-")]
    (record,) = (json.loads(v) for k, v in kept.items() if k.startswith("out/.albumen/runs/"))
    assert record["ended"] == "completed"


def test_the_lease_lies_on_s3(service: Service, between: tuple[str, dict[str, bytes]]) -> None:
    bucket, kept = between
    asked = [method for method, path in service.requests if path.endswith("/.albumen/lease")]
    assert "PUT" in asked
    assert "DELETE" in asked
    assert "out/.albumen/lease" not in kept
    assert bucket != service.bucket


def test_the_source_bucket_was_only_read(
    service: Service, between: tuple[str, dict[str, bytes]]
) -> None:
    bucket, _ = between
    of_source = [m for m, path in service.requests if path.startswith(f"/{service.bucket}")]
    assert of_source
    assert set(of_source) <= READS
    assert bucket != service.bucket
    assert service.stored(service.bucket) == service.objects


def test_a_second_run_on_s3_does_nothing(
    service: Service, s3_cli: Cli, between: tuple[str, dict[str, bytes]]
) -> None:
    bucket, before = between
    s3_cli.run("restore", service.source, f"s3://{bucket}/out", *LIGHT, code=0)
    after = service.stored(bucket)
    assert {k: v for k, v in after.items() if k in before and "/runs/" not in k} == {
        k: v for k, v in before.items() if "/runs/" not in k
    }
    new = [key for key in after if key not in before]
    (record,) = (json.loads(after[key]) for key in new)
    assert record["planned"] == 0
    assert "cluster and models" not in record["phases"]


def test_verify_and_report_on_s3(service: Service, between: tuple[str, dict[str, bytes]]) -> None:
    bucket, _ = between
    place = f"s3://{bucket}/out"
    assert ask_json("verify", place)["ok"]
    client = service.server.client
    client.delete_object(Bucket=bucket, Key="out/restored/plain.png")
    client.put_object(Bucket=bucket, Key="out/previews/plain.png.jpg", Body=b"another")
    client.put_object(Bucket=bucket, Key="out/masks/stray.png", Body=b"stray")
    found = ask_json("verify", place, code=7)
    assert [path for path, _ in found["missing"]["examples"]] == ["restored/plain.png"]
    assert [path for path, _ in found["altered"]["examples"]] == ["previews/plain.png.jpg"]
    assert [path for path, _ in found["stray"]["examples"]] == ["masks/stray.png"]
    told = ask_json("plan", service.source, place, *LIGHT)
    assert told["reasons"] == {"derivatives": 1}
    assert ask("report", place).out.strip() == f"{place}/report/index.html"
    assert ask_json("status", place)["rows"] == {"restored": len(NAMES), "failed": 1}
