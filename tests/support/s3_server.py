"""A real S3 service over HTTP on the loopback (moto), for tests in any process."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


@dataclass
class S3Server:
    """A running service; every bucket it makes has a name of its own."""

    endpoint_url: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> Any:
        """A boto3 client, to look at the service from outside."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )

    def bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"collection-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """All keys of a bucket, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]


@contextmanager
def running() -> Iterator[S3Server]:
    """Start the service; its `environment` holds the AWS variables that lead to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        yield _at(port)
    finally:
        server.stop()


@contextmanager
def environment_of(server: S3Server) -> Iterator[None]:
    """Let this process, and those it starts, find the service by the AWS variables."""
    before = {name: os.environ.get(name) for name in server.environment}
    os.environ.update(server.environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def ignoring_conditions() -> Iterator[S3Server]:
    """A service that ignores If-Match and If-None-Match on writes, as some older ones do."""
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    with serving(application) as server:
        yield server


@contextmanager
def recording() -> Iterator[tuple[S3Server, list[tuple[str, str]]]]:
    """A service, and method and path of every request it gets."""
    moto = DomainDispatcherApplication(create_backend_app)
    requests: list[tuple[str, str]] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    with serving(application) as server:
        yield server, requests


@contextmanager
def behind(wire: Callable[[Any], Any]) -> Iterator[S3Server]:
    """A service behind what `wire` makes of its WSGI application."""
    with serving(wire(DomainDispatcherApplication(create_backend_app))) as server:
        yield server


@contextmanager
def serving(application: Any) -> Iterator[S3Server]:
    """Serve a WSGI application that speaks S3."""
    server = make_server(
        "127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield _at(server.server_port)
    finally:
        server.shutdown()
        thread.join()


def _at(port: int) -> S3Server:
    url = f"http://127.0.0.1:{port}"
    return S3Server(url, _ENVIRONMENT | {"AWS_ENDPOINT_URL": url})
